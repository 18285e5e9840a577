//! Vectors that are kept text by text: a provider is asked for the others alone, and what it says of them is kept.
//!
//! The whole answer is made of them again, byte for byte but for white space between vectors, by a pass over the request
//! and a copy: some 3 in 100 of the time that its client waits for it, of 1 text as of 64. To keep it beside them would
//! take twice the room, in memory and in stores. So it is kept only where they cannot stand for it: where stores have not
//! all of them, for there are more than [`MAX_STORED`]; where it may be given when it is too old, which no vector is; and
//! where nothing was kept text by text.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::admit::Admission;
use super::attempt::{End, Running};
use super::caching::Caching;
use super::clock::unix_ms;
use super::failure::FailureKind;
use super::heavy::beside;
use super::row::millis;
use super::tally;
use crate::body::Scan;
use crate::cache::{Entry, Facts, Key, Shape};
use crate::embed::{self, Gathering, Items, Whole};

/// So many texts of a request are kept in stores at the most, and looked for there: each is an entry of its own, often
/// of tens of kilobytes, and other requests wait for the same stores.
pub(super) const MAX_STORED: usize = 64;

/// A request for vectors, with what is kept of it.
#[derive(Debug)]
pub struct Parts {
    gathering: Arc<Gathering>,
    rest: Option<Rest>,
    /// What is kept of each text is as good as the whole answer.
    is_kept: AtomicBool,
}

/// The request for what is not kept.
#[derive(Debug)]
struct Rest {
    scan: Scan,
    body: Bytes,
    /// When the oldest of what is kept was made.
    oldest_ms: Option<u64>,
}

impl Parts {
    /// With what was found of each text. None where the rest cannot be read, which was read before.
    pub(super) fn of(a: &Admission, items: &Items, found: &[Option<Arc<Entry>>]) -> Option<Self> {
        let kept = found.iter().map(|entry| Some(entry.as_ref()?.body.clone())).collect();
        let gathering = items.clone().with(kept);
        let rest = match gathering.asking().filter(|_| gathering.kept() > 0) {
            Some(body) => {
                let oldest_ms = found.iter().flatten().map(|entry| entry.made_ms).min();
                Some(Rest { scan: a.place.scan(&body).ok()?, body, oldest_ms })
            }
            None => None,
        };
        Some(Self { gathering: Arc::new(gathering), rest, is_kept: AtomicBool::new(false) })
    }

    /// What is asked instead of the request; None where that is asked as it is.
    pub(super) fn rest(&self) -> Option<(&Scan, &Bytes)> {
        self.rest.as_ref().map(|rest| (&rest.scan, &rest.body))
    }

    /// Whether the whole answer is to be kept beside its vectors. One with vectors in it that were kept before is not:
    /// they would outlive themselves.
    pub(super) fn wants_whole(&self) -> bool {
        self.rest.is_none() && !self.is_kept.load(Ordering::Acquire)
    }

    /// When the oldest vector was made that is part of the answer and kept; None where there is none.
    pub(super) fn oldest_ms(&self) -> Option<u64> {
        self.rest.as_ref()?.oldest_ms
    }
}

/// The answer to all texts of a request, made of the upstream's to some of them, in the client's form. Keeps what is
/// new.
pub(super) async fn complete(run: &mut Running, answer: Vec<u8>) -> Result<Vec<u8>, End> {
    let x = run.x.clone();
    let Some(caching) = x.caching() else { return Ok(answer) };
    // Where all are kept, and could not be given, nothing less than all was asked for.
    let parts = caching.parts().filter(|parts| parts.gathering.asking().is_some());
    let Some(parts) = parts else { return Ok(answer) };
    let is_partial = parts.rest.is_some();
    let answer = Bytes::from(answer);
    let Some(whole) = joined(run, parts.gathering.clone(), answer.clone()).await else {
        if is_partial {
            let detail = "it has not the vectors that were asked for";
            return Err(run.failed(FailureKind::WrongForm, detail));
        }
        return Ok(answer.into()); // of a shape that only the host and its clients know
    };
    run.saved_input_tokens = whole.saved_input_tokens;
    let is_of_choice = caching.is_of_choice(&x.admission.route, &run.target);
    if caching.keeps && !caching.ttl.is_zero() && is_of_choice {
        let is_kept = keep(run, caching, whole.fresh).await;
        parts.is_kept.store(is_kept, Ordering::Release);
    }
    Ok(if is_partial { whole.body } else { answer.into() })
}

async fn joined(run: &Running, gathering: Arc<Gathering>, answer: Bytes) -> Option<Whole> {
    let vocabulary = tally::vocabulary(&run.target);
    // Tokens of each text are counted where the host told those of all.
    let work = move || gathering.whole(Some(&answer), |body| embed::count_tokens(body, vocabulary));
    spawn_blocking(work).await.ok()?
}

/// Keeps vectors, each by itself. Whether they are as good as the whole answer.
async fn keep(run: &Running, caching: &Caching, fresh: Vec<(Key, Vec<u8>)>) -> bool {
    let spec = &caching.spec;
    let is_durable = spec.is_durable && fresh.len() <= MAX_STORED;
    let is_given_stale = spec.stale_while_revalidate_s.max(spec.stale_if_error_s) > 0.0;
    let is_all = is_durable == spec.is_durable && !is_given_stale;
    let (blank, cache) = (blank(run, caching), run.rt.cache.clone());
    let bytes = fresh.iter().map(|(_, vector)| vector.len()).sum();
    let keep = move || {
        for (key, vector) in fresh {
            let entry = Entry { key, body: vector.into(), ..blank.clone() };
            cache.put(Arc::new(entry), is_durable);
        }
    };
    beside(bytes, keep).await.is_ok() && is_all // what is not kept is asked for again
}

/// An entry of this attempt's, without its name and its bytes.
fn blank(run: &Running, caching: &Caching) -> Entry {
    let (a, target) = (&run.x.admission, &run.target);
    let now_ms = unix_ms(SystemTime::now());
    let end_ms = now_ms + u64::try_from(caching.ttl.as_millis()).unwrap_or(0);
    let latency_ms = millis(run.x.admission.arrived);
    Entry {
        key: caching.key,
        about: caching.about(a, &target.upstream.provider, &target.model),
        epoch: caching.epoch,
        made_ms: now_ms,
        fresh_until_ms: end_ms,
        kept_until_ms: end_ms,
        facts: Facts {
            response_model: run.report.response_model.clone(),
            first_ms: latency_ms,
            latency_ms,
            dropped: run.x.dropped_text(),
            ..Facts::default()
        },
        dialect: a.dialect,
        shape: Shape::Whole,
        body: Bytes::new(),
    }
}
