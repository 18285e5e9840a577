//! Before a model is asked: whether an answer is kept, or somebody asks the same right now.

use std::cell::RefCell;
use std::collections::HashMap;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::attempt::{self, Attempt, PanicGuard};
use super::caching::{Caching, Told};
use super::clock::unix_ms;
use super::deadline::{Deadline, Stop};
use super::exchange::Exchange;
use super::failure::{Failure, FailureKind};
use super::flight::{Flight, FlightKey, Follower, Landing};
use super::following::{Followed, first_tick, follow, unanswered};
use super::heavy::beside;
use super::hit;
use super::items::Texts;
use super::meaning;
use super::outbox::State;
use super::own::is_own;
use super::pacing::heartbeat;
use super::refresh;
use super::refusal::Refusal;
use super::runtime::Runtime;
use crate::cache::Entry;

/// Requests whose answers others wait for.
#[derive(Debug, Default)]
pub(super) struct Flights(RefCell<HashMap<FlightKey, Arc<Flight>>>);

impl Flights {
    /// Forgets those that are over.
    pub fn sweep(&self) {
        self.0.borrow_mut().retain(|_, flight| !flight.has_landed());
    }

    fn follow(&self, key: &FlightKey, x: &Arc<Exchange>) -> Option<Follower> {
        self.0.borrow().get(key)?.follow(x)
    }

    fn lead(&self, key: FlightKey, x: &Arc<Exchange>) {
        let max_bytes = x.caching().map_or(0, |caching| caching.spec.max_entry_bytes);
        let flight = Flight::new(x, max_bytes);
        if let Some(caching) = x.caching() {
            caching.lead(flight.clone());
        }
        self.0.borrow_mut().insert(key, flight);
    }
}

/// Answers a request out of the cache, has it follow another, or tries its first target.
pub(super) async fn run(rt: Rc<Runtime>, x: Arc<Exchange>, first: usize) {
    let mut guard = PanicGuard(Some(x.clone()));
    let goes_on = match keyed(&rt, &x).await {
        Some(caching) if caching.reads => consult(&rt, &x, caching).await,
        Some(caching) if caching.keeps => {
            Texts::default().ask(&x, caching).await; // what comes is kept text by text
            true
        }
        None if x.wants_kept() => {
            refuse(&x, FailureKind::NotCached, Refusal::not_cached()); // such ones are not kept
            false
        }
        _ => true,
    };
    guard.0 = None;
    if goes_on {
        ask(rt, x, first).await;
    }
}

/// How its answer is kept. A large body is read for it here, beside the thread.
async fn keyed<'x>(rt: &Rc<Runtime>, x: &'x Arc<Exchange>) -> Option<&'x Caching> {
    if x.caching().is_none() && Caching::is_on(&x.admission) {
        let (whose, cache) = (x.clone(), rt.cache.clone());
        let of = move || Caching::of(&whose.admission, &cache);
        x.set_caching(beside(x.admission.body.len(), of).await.ok().flatten());
    }
    x.caching()
}

/// Nothing that is kept will do.
async fn ask(rt: Rc<Runtime>, x: Arc<Exchange>, first: usize) {
    if x.caching().is_some_and(|caching| caching.reads) {
        rt.cache.count(false);
    }
    let target = x.admission.route.targets.get(first);
    if target.is_some_and(|target| is_own(&x, target)) {
        let attempt = Attempt { target: first, ..Attempt::default() };
        return attempt::run(rt, x.clone(), attempt).await;
    }
    let mut failure = Failure::new(FailureKind::Untried, "it must be translated first");
    failure.target = first;
    x.fill(|ready| ready.state = State::Failed(Box::new(failure)));
}

/// Whether the model must be asked.
async fn consult(rt: &Rc<Runtime>, x: &Arc<Exchange>, caching: &Caching) -> bool {
    let scan = &x.admission.scan;
    let key = FlightKey {
        key: caching.key,
        stream: scan.stream(),
        include_usage: scan.include_usage(),
        as_array: x.admission.place.as_array,
        epoch: caching.epoch,
    };
    let mut texts = Texts::default();
    if is_answered_here(rt, x, (caching, &mut texts), &key).await {
        return false;
    }
    if !caching.only_if_cached {
        rt.flights.lead(key, x);
    }
    if is_answered_elsewhere(rt, x, (caching, &mut texts)).await {
        caching.free(); // those who wait for the model's answer find this one
        return false;
    }
    if caching.only_if_cached {
        refuse(x, FailureKind::NotCached, Refusal::not_cached());
        return false;
    }
    texts.ask(x, caching).await;
    true
}

/// By what memory has, or by another request for the same that is on its way.
async fn is_answered_here(
    rt: &Rc<Runtime>,
    x: &Arc<Exchange>,
    (caching, texts): (&Caching, &mut Texts),
    key: &FlightKey,
) -> bool {
    let mut has_failed = false;
    loop {
        if let Some(entry) = rt.cache.get(&caching.key, unix_ms(SystemTime::now()))
            && is_given(rt, x, caching, &entry).await
        {
            return true;
        }
        if let Some(entry) = texts.in_memory(rt, x, caching).await
            && is_given(rt, x, caching, &entry).await
        {
            return true;
        }
        if caching.only_if_cached {
            return false; // an answer that is on its way is none that is kept
        }
        let Some(follower) = rt.flights.follow(key, x) else { return false };
        match follow(rt, x, follower).await {
            Followed::Over => return true,
            Followed::Free => {}
            Followed::Failed(status) if has_failed => {
                refuse(x, FailureKind::TwinFailed, Refusal::twin_failed(status));
                return true;
            }
            // Once more, by one of those who waited.
            Followed::Failed(_) => has_failed = true,
        }
    }
}

/// By what stores have, or by the answer to a question that means the same.
async fn is_answered_elsewhere(
    rt: &Rc<Runtime>,
    x: &Arc<Exchange>,
    (caching, texts): (&Caching, &mut Texts),
) -> bool {
    if caching.spec.is_durable {
        let whole = rt.cache.find(&caching.key, unix_ms(SystemTime::now()));
        let (whole, joined) = tokio::join!(whole, texts.in_stores(rt, x, caching));
        for entry in whole.entry().into_iter().chain(joined) {
            if is_given(rt, x, caching, &entry).await {
                return true;
            }
        }
    }
    match find_near(rt, x, caching).await {
        Err(stop) => {
            unanswered(rt, x, stop);
            true
        }
        Ok(Some(entry)) => hit::give(rt, x, &entry, Told::Semantic).await.is_ok(),
        Ok(None) => false,
    }
}

/// The answer to a question that means the same. Vectors and second opinions take seconds: never longer than the request
/// has, nor for a client that left.
async fn find_near(
    rt: &Rc<Runtime>,
    x: &Exchange,
    caching: &Caching,
) -> Result<Option<Arc<Entry>>, Stop> {
    if caching.spec.semantic.is_none() {
        return Ok(None);
    }
    let mut deadline = Deadline::new(Duration::MAX, x.admission.deadline, first_tick(x));
    let mut found = pin!(meaning::find(rt, x, caching));
    loop {
        match deadline.guard(x, found.as_mut()).await {
            Err(Stop::Tick) => heartbeat(x, &mut deadline),
            found => return found,
        }
    }
}

/// Gives an entry, where it is good enough for the request.
async fn is_given(
    rt: &Rc<Runtime>,
    x: &Arc<Exchange>,
    caching: &Caching,
    entry: &Arc<Entry>,
) -> bool {
    let now_ms = unix_ms(SystemTime::now());
    if !caching.takes(entry, now_ms) {
        return false;
    }
    let mut word = Told::Hit;
    if now_ms >= entry.fresh_until_ms {
        let beyond = Duration::from_millis(now_ms - entry.fresh_until_ms);
        let within = |most_s: f64| beyond.as_secs_f64() < most_s;
        if within(caching.spec.stale_if_error_s) {
            caching.keep_stale(entry.clone());
        }
        if !within(caching.spec.stale_while_revalidate_s) {
            return false;
        }
        refresh::ask(rt, x, caching);
        word = Told::Stale;
    }
    hit::give(rt, x, entry, word).await.is_ok()
}

/// Answers with what is too old, since nothing better can be had.
pub(super) async fn give_stale(rt: Rc<Runtime>, x: Arc<Exchange>, entry: Arc<Entry>) {
    if hit::give(&rt, &x, &entry, Told::Stale).await.is_err() {
        let failure = Failure::new(FailureKind::Internal, "a kept answer cannot be read");
        return x.fill(|ready| ready.state = State::Failed(Box::new(failure)));
    }
    // Those who wait for its answer would fail as it did, one after the other.
    if let Some(flight) = x.caching().and_then(Caching::flight) {
        flight.land(Landing::Answered(Arc::new(entry.facts.clone()), Some(entry)));
    }
}

fn refuse(x: &Exchange, kind: FailureKind, refusal: Refusal) {
    let mut failure = Failure::new(kind, refusal.message.clone());
    failure.refusal = Some(Box::new(refusal));
    x.fill(|ready| ready.state = State::Failed(Box::new(failure)));
}
