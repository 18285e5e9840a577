//! A request's marks for its upstream's own prompt cache.

use std::time::Instant;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::attempt::Running;
use super::operation::Operation;
use crate::dialect::Dialect;
use crate::prompt_cache::{Owner, Prompt};

/// What is larger is read beside the runtime's thread: a millisecond is long for those who share it.
const MAX_AT_ONCE_BYTES: usize = 128 << 10;

/// The body as it goes out: with marks where the upstream's dialect has them and the request repeats another.
pub(super) async fn marked(run: &Running, body: Bytes) -> Bytes {
    let a = &run.x.admission;
    let dialect = run.target.upstream.dialect_for(a.dialect);
    let is_marked = match dialect {
        Dialect::Anthropic => true,
        // The client's own marks may have found no place in its words.
        Dialect::Bedrock => memchr::memmem::find(&a.body, b"\"cache_control\"").is_none(),
        _ => false,
    };
    if !is_marked || a.operation != Operation::Chat || a.place.passage.is_some() {
        return body;
    }
    let (tenant, target, whole) = (a.principal.tenant(), run.target.clone(), body.clone());
    let read = move || {
        let upstream = &target.upstream;
        let key = upstream.key.as_ref().map_or("", |key| &key.name);
        let (tenant, provider, model) = (&tenant, &upstream.provider, &target.model);
        Prompt::read(dialect, &whole, Owner { tenant, provider, key, model })
    };
    let prompt = if body.len() <= MAX_AT_ONCE_BYTES {
        read()
    } else {
        spawn_blocking(read).await.unwrap_or_default()
    };
    let mut seen = run.rt.prompts.borrow_mut();
    let marks = prompt.and_then(|prompt| prompt.remember(&mut seen, Instant::now()));
    match marks {
        Some(marks) => marks.write(&body).into(),
        None => body,
    }
}
