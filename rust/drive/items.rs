//! Vectors that are kept text by text: a request asks for those alone that nobody asked for before.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::attempt::{End, Running};
use super::clock::unix_ms;
use super::exchange::Exchange;
use super::failure::FailureKind;
use super::operation::Operation;
use super::tally;
use crate::cache::{About, Cache, Entry, Facts, Key, KeyMaker, Shape};
use crate::embed::{self, Gathering, Items, Whole};
use crate::price::Tokens;

/// A larger request is kept as a whole: its texts would be read on the front's thread.
pub(super) const MAX_BODY_BYTES: usize = 256 << 10;

/// Takes out of a request for vectors the texts whose vectors memory has.
pub(super) fn split(x: &mut Exchange, cache: &Cache) {
    let Some(caching) = x.caching.get_mut() else { return };
    let a = &mut x.admission;
    if a.operation != Operation::Embeddings || a.body.len() > MAX_BODY_BYTES {
        return;
    }
    // Vectors of two models are no answer together, and which of them will answer is not known yet.
    let mut models = a.route.targets.iter().map(|target| &target.model);
    let first = models.next();
    if models.any(|model| Some(model) != first) {
        return;
    }
    let owner = caching.scope(b"vectors of single texts");
    let owner = KeyMaker::new("text").part(&owner);
    let Some(items) = Items::read(a.dialect, a.place.verb(), &a.body, &owner) else { return };
    let now_ms = unix_ms(SystemTime::now());
    let find = |key: &Key| {
        let entry = cache.get(key, now_ms).filter(|_| caching.reads)?;
        let is_good = now_ms < entry.fresh_until_ms && caching.takes(&entry, now_ms);
        is_good.then(|| entry.body.clone())
    };
    let kept = items.keys().iter().map(find).collect();
    let gathering = items.with(kept);
    if gathering.kept() > 0
        && let Some(rest) = gathering.asking()
    {
        let Ok(scan) = a.place.scan(&rest) else { return };
        (a.scan, a.body) = (scan, rest);
    }
    caching.gathering = Some(Arc::new(gathering));
}

/// The answer to a request whose texts are all kept.
pub(super) fn all(x: &Exchange) -> Option<Entry> {
    let caching = x.caching()?;
    let gathering = caching.gathering.as_ref().filter(|gathering| gathering.asking().is_none())?;
    let whole = gathering.whole(None, |_| 0)?;
    let a = &x.admission;
    let target = a.route.targets.first()?;
    let read = Tokens { input: whole.input_tokens, ..Tokens::default() };
    let cost = target.sheet(a.unix_s).map(|sheet| sheet.cost(&read));
    let facts = Facts {
        input_tokens: whole.input_tokens,
        cost_pico: cost.and_then(|cost| i64::try_from(cost).ok()),
        ..Facts::default()
    };
    let about = caching.about(a, &target.upstream.provider, &target.model);
    Some(entry(x, caching.key, about, facts, whole.body.into()))
}

/// The answer to all texts of a request, made of the upstream's to some of them, in the client's form. Keeps what is
/// new.
pub(super) async fn complete(run: &mut Running, answer: Vec<u8>) -> Result<Vec<u8>, End> {
    let x = run.x.clone();
    let Some(caching) = x.caching() else { return Ok(answer) };
    // Where all are kept, nothing less than all was asked for.
    let gathering = caching.gathering.as_ref().filter(|gathering| gathering.asking().is_some());
    let Some(gathering) = gathering else { return Ok(answer) };
    let (gathering, answer) = (gathering.clone(), Bytes::from(answer));
    let is_partial = gathering.kept() > 0;
    let Some(whole) = joined(run, gathering, answer.clone()).await else {
        if is_partial {
            let detail = "it has not the vectors that were asked for";
            return Err(run.failed(FailureKind::WrongForm, detail));
        }
        return Ok(answer.into()); // of a shape that only the host and its clients know
    };
    run.saved_input_tokens = whole.saved_input_tokens;
    let is_of_choice = caching.is_of_choice(&x.admission.route, &run.target);
    if caching.keeps && !caching.ttl.is_zero() && is_of_choice {
        for (key, vector) in whole.fresh {
            let target = &run.target;
            let about = caching.about(&x.admission, &target.upstream.provider, &target.model);
            let kept = entry(&x, key, about, Facts::default(), vector.into());
            run.rt.cache.put(Arc::new(kept), false);
        }
    }
    Ok(if is_partial { whole.body } else { answer.into() })
}

async fn joined(run: &Running, gathering: Arc<Gathering>, answer: Bytes) -> Option<Whole> {
    let vocabulary = tally::vocabulary(&run.target);
    // Tokens of each text are counted where the host told those of all.
    let work = move || gathering.whole(Some(&answer), |body| embed::count_tokens(body, vocabulary));
    spawn_blocking(work).await.ok()?
}

fn entry(x: &Exchange, key: Key, about: About, facts: Facts, body: Bytes) -> Entry {
    let now_ms = unix_ms(SystemTime::now());
    let (ttl, epoch) = x.caching().map_or_else(Default::default, |c| (c.ttl, c.epoch));
    let end_ms = now_ms + u64::try_from(ttl.as_millis()).unwrap_or(0);
    Entry {
        key,
        about,
        epoch,
        made_ms: now_ms,
        fresh_until_ms: end_ms,
        kept_until_ms: end_ms,
        facts,
        dialect: x.admission.dialect,
        shape: Shape::Whole,
        body,
    }
}
