//! Reads a request's body within bounds, or past it.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::header::EXPECT;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::case::Trouble;
use super::floor::Floor;
use crate::drive::after;

/// The most that a client's word about its body's length reserves.
const MAX_RESERVED: u64 = 1024 * 1024;

/// A body up to this size is copied out of its connection's buffer, which is larger and would be kept with it.
const MAX_COPIED_BYTES: usize = 4096;

/// The whole body.
pub(super) async fn read(body: &mut Incoming, floor: &Floor) -> Result<Bytes, Trouble> {
    let until = after(Instant::now(), floor.options.body_timeout);
    tokio::time::timeout_at(until.into(), collect(body, floor.max_body_bytes.get()))
        .await
        .unwrap_or(Err(Trouble::BodyTooSlow))
}

async fn collect(body: &mut Incoming, max_bytes: usize) -> Result<Bytes, Trouble> {
    let hint = body.size_hint();
    if hint.lower() > max_bytes as u64 {
        return Err(Trouble::BodyTooLarge);
    }
    let Some(first) = next(body).await? else { return Ok(Bytes::new()) };
    if hint.exact() == Some(first.len() as u64) {
        // Most bodies come in one piece.
        let is_small = first.len() <= MAX_COPIED_BYTES;
        return Ok(if is_small { Bytes::copy_from_slice(&first) } else { first });
    }
    let mut all = BytesMut::with_capacity(
        usize::try_from(hint.lower().min(MAX_RESERVED)).unwrap_or(0).max(2 * first.len()),
    );
    all.extend_from_slice(&first);
    loop {
        if all.len() > max_bytes {
            return Err(Trouble::BodyTooLarge);
        }
        match next(body).await? {
            Some(data) => all.extend_from_slice(&data),
            None => return Ok(all.freeze()),
        }
    }
}

/// Has what is left of a body read and forgotten, beside the answer that is sent meanwhile: many clients look for an
/// answer only once they have sent all, and a connection that is closed before tells them of a reset instead. Of a
/// client that waits for a word before it sends its body there is nothing to read; a body of
/// more than twice what is allowed is not read to its end.
pub(super) fn let_run_out(floor: &Floor, head: &Parts, mut body: Incoming) {
    if body.is_end_stream() || head.headers.contains_key(EXPECT) {
        return;
    }
    let until = after(Instant::now(), floor.options.body_timeout);
    let most = floor.max_body_bytes.get().saturating_mul(2);
    tokio::task::spawn_local(async move {
        let running_out = async {
            let mut seen = 0;
            while seen <= most
                && let Ok(Some(data)) = next(&mut body).await
            {
                seen += data.len();
            }
        };
        let _ = tokio::time::timeout_at(until.into(), running_out).await;
    });
}

async fn next(body: &mut Incoming) -> Result<Option<Bytes>, Trouble> {
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| Trouble::BodyBroken)?.into_data() {
            Ok(data) if !data.is_empty() => return Ok(Some(data)),
            _ => {} // trailers say nothing to us
        }
    }
    Ok(None)
}
