//! One request and its answer, shared by the front's thread and the runtime's.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use atomic_waker::AtomicWaker;
use bytes::Bytes;
use uuid::Uuid;

use super::admit::Admission;
use super::caching::{Caching, Told};
use super::failure::FailureKind;
use super::hold::Hold;
use super::outbox::Outbox;
use super::parts::Parts;
use super::row::Outcome;
use super::snapshot::Target;
use super::turnstile::Session;
use super::watching::{Watched, Watching};
use crate::body::Scan;
use crate::cache::Facts;
use crate::observe::{Metrics, RequestEnd, Saved};
use crate::stream::ToolForms;

/// Why an exchange is ended before its answer is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cancel {
    /// The client left: nobody hears anything more.
    ClientLeft = 1,
    /// The gateway ends: the client is told.
    Shutdown = 2,
    /// The request's run was ended: the client is told.
    RunEnded = 3,
    /// A plugin that watches ends it: the client is told.
    Plugin = 4,
}

/// How the runtime tells a front that an exchange has something ready.
pub trait Wake: Send + Sync {
    /// Called on the runtime's thread; must not block.
    fn wake(&self, token: u64);
}

/// One request's life.
pub struct Exchange {
    /// The gateway's own id of the request, UUID version 7.
    pub id: Uuid,
    /// The same as text.
    pub id_text: String,
    /// What was admitted.
    pub admission: Admission,
    /// What waits for the front.
    pub outbox: Outbox,
    /// How its answer is kept; None where it is not.
    pub(super) caching: OnceLock<Caching>,
    /// Of a session: what it needs beside that.
    pub session: Option<Box<Session>>,
    /// Names the exchange to its front.
    pub token: u64,
    wake: Arc<dyn Wake>,
    cancelled: AtomicU8,
    is_abandoned: AtomicBool,
    canceller: AtomicWaker,
    attempts: AtomicU32,
    client_status: AtomicU16,
    /// Settled rows whose client status is not known yet: attempts that failed before anything was sent.
    unfinished: Mutex<Vec<(u32, Bytes)>>,
    /// What the request's translation left out, as a header says it.
    dropped: Mutex<Option<Bytes>>,
    /// Tools that the request's translation made functions.
    tool_forms: Mutex<ToolForms>,
    /// Of the request's limits; settled with the exchange at the latest.
    hold: Mutex<Hold>,
    metrics: Arc<Metrics>,
    is_over: AtomicBool,
    /// None where nobody watches.
    watched: Option<Watched>,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("id", &self.id_text).finish_non_exhaustive()
    }
}

impl Exchange {
    /// An exchange at its beginning.
    pub fn new(
        (admission, hold): (Admission, Hold),
        token: u64,
        wake: Arc<dyn Wake>,
        metrics: Arc<Metrics>,
        watching: &Arc<Watching>,
    ) -> Self {
        metrics.begin_request();
        let watched = admission
            .snapshot
            .watches
            .map(|shows_bytes| Watched::new(watching.clone(), admission.id, shows_bytes));
        let id = admission.id;
        Self {
            id,
            id_text: id.to_string(),
            admission,
            outbox: Outbox::default(),
            caching: OnceLock::new(),
            session: None,
            token,
            wake,
            cancelled: AtomicU8::new(0),
            is_abandoned: AtomicBool::new(false),
            canceller: AtomicWaker::new(),
            attempts: AtomicU32::new(0),
            client_status: AtomicU16::new(0),
            unfinished: Mutex::default(),
            dropped: Mutex::default(),
            tool_forms: Mutex::default(),
            hold: Mutex::new(hold),
            metrics,
            is_over: AtomicBool::new(false),
            watched,
        }
    }

    /// Counts the request, once, however many come to its end. Before the last byte goes out.
    pub(super) fn end(&self, outcome: Outcome, client_status: Option<u16>) {
        if self.is_over.swap(true, Ordering::AcqRel) {
            return;
        }
        let end = RequestEnd {
            operation: self.admission.operation.into(),
            dialect: self.admission.dialect.into(),
            outcome: outcome.name(),
            client_status: client_status.unwrap_or(0),
        };
        self.metrics.end_request(&end, self.admission.arrived.elapsed());
        self.metrics.cache_request(self.cache_told().into());
    }

    /// Counts what an answer of the cache had used when its target made it.
    pub(super) fn count_saved(&self, target: &Target, facts: &Facts) {
        let saved = Saved {
            input_tokens: facts.input_tokens,
            output_tokens: facts.output_tokens,
            cost_pico: facts.cost_pico.map(i128::from),
        };
        self.metrics.cache_saved(target.series(&self.metrics, false), &saved);
    }

    /// What it holds of its limits.
    pub(super) fn hold(&self) -> MutexGuard<'_, Hold> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to the outbox and wakes the front if it waits.
    pub(super) fn fill(&self, add: impl FnOnce(&mut super::Ready)) {
        let is_abandoned = self.is_abandoned();
        let add = |ready: &mut super::Ready| {
            add(ready);
            if is_abandoned {
                ready.body.clear();
            }
        };
        let front_waits = match &self.watched {
            None => self.outbox.fill(add),
            Some(watched) => self.outbox.fill(|ready| watched.fill(ready, add)),
        };
        if front_waits {
            self.wake.wake(self.token);
        }
    }

    /// Shows one of its rows to who watches.
    pub(super) fn show_row(&self, row: &[u8]) {
        if let Some(watched) = &self.watched {
            watched.row(row);
        }
    }

    /// Ends the exchange. Idempotent; the first reason holds. One whose client leaves while others wait for its answer
    /// goes on for them.
    pub fn cancel(&self, reason: Cancel) {
        let flight = self.caching().and_then(Caching::flight);
        if reason == Cancel::ClientLeft && flight.is_some_and(|flight| flight.leave()) {
            // A front may say it twice; only the last who waits ends it.
            self.part();
            return self.outbox.abandon();
        }
        let first =
            self.cancelled.compare_exchange(0, reason as u8, Ordering::AcqRel, Ordering::Acquire);
        if first.is_ok() {
            self.canceller.wake();
        }
    }

    /// Its client has what it will have, and the rest is for others.
    pub(super) fn part(&self) {
        self.is_abandoned.store(true, Ordering::Release);
        self.canceller.wake();
    }

    /// Its client does not take what it is given: it has no more of it.
    pub(super) fn break_off(&self) {
        self.part();
        if self.outbox.break_off() {
            self.wake.wake(self.token);
        }
    }

    /// Whether its client has no part in it any more, and it goes on for others.
    pub(super) fn is_abandoned(&self) -> bool {
        self.is_abandoned.load(Ordering::Acquire)
    }

    /// Whether its client wants a kept answer or none, of whatever it asks but sessions.
    pub(super) fn wants_kept(&self) -> bool {
        let control = self.admission.headers.cache.as_ref();
        self.session.is_none() && control.is_some_and(|control| control.only_if_cached)
    }

    /// What of its answer is kept; None where none is, or where that is not known yet.
    pub(super) fn caching(&self) -> Option<&Caching> {
        self.caching.get()
    }

    /// What a provider is asked: what its client asks, but for texts whose vectors are kept.
    pub fn asked(&self) -> (&Scan, &Bytes) {
        let rest = self.caching().and_then(Caching::parts).and_then(Parts::rest);
        rest.unwrap_or((&self.admission.scan, &self.admission.body))
    }

    /// How its answer is kept is known.
    pub(super) fn set_caching(&self, caching: Option<Caching>) {
        if let Some(caching) = caching {
            let _ = self.caching.set(caching);
        }
    }

    /// What is told of its answer and the cache.
    pub(super) fn cache_told(&self) -> Told {
        self.caching().map_or(Told::Bypass, Caching::told)
    }

    /// Whether it was ended.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire) != 0
    }

    /// Why it was ended, where the client is told.
    pub fn told(&self) -> Option<(FailureKind, &'static str)> {
        const SHUTDOWN: u8 = Cancel::Shutdown as u8;
        const RUN_ENDED: u8 = Cancel::RunEnded as u8;
        const PLUGIN: u8 = Cancel::Plugin as u8;
        match self.cancelled.load(Ordering::Acquire) {
            SHUTDOWN => Some((FailureKind::Shutdown, "the gateway ends")),
            RUN_ENDED => Some((FailureKind::RunEnded, "the run was ended")),
            PLUGIN => Some((FailureKind::EndedByPlugin, "a plugin ended it")),
            _ => None,
        }
    }

    pub(super) fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.canceller.register(cx.waker());
        if self.is_cancelled() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Ready once its client has no part in it any more.
    pub(super) fn poll_abandoned(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.canceller.register(cx.waker());
        if self.is_abandoned() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// The next attempt's number, from 1.
    pub(super) fn begin_attempt(&self) -> u32 {
        self.attempts.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Attempts so far.
    pub fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Acquire)
    }

    /// The status that the client was given; `None` while its head is not out.
    pub fn client_status(&self) -> Option<u16> {
        Some(self.client_status.load(Ordering::Acquire)).filter(|status| *status != 0)
    }

    pub(super) fn set_client_status(&self, status: u16) {
        self.client_status.store(status, Ordering::Release);
    }

    /// Says what the translation for the next attempt left out.
    pub fn set_dropped(&self, dropped: Option<Bytes>) {
        *self.dropped.lock().unwrap_or_else(PoisonError::into_inner) = dropped;
    }

    pub(super) fn dropped(&self) -> Option<Bytes> {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same as text.
    pub(super) fn dropped_text(&self) -> Option<String> {
        String::from_utf8(self.dropped()?.into()).ok()
    }

    /// Says which tools the translation for the next attempt made functions.
    pub fn set_tool_forms(&self, forms: ToolForms) {
        *self.tool_forms.lock().unwrap_or_else(PoisonError::into_inner) = forms;
    }

    pub(super) fn tool_forms(&self) -> ToolForms {
        self.tool_forms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn keep_unfinished(&self, attempt: u32, row: Bytes) {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner).push((attempt, row));
    }

    pub(super) fn take_unfinished(&self) -> Vec<(u32, Bytes)> {
        std::mem::take(&mut *self.unfinished.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Exchange {
    /// Who never came to an end was left by its client.
    fn drop(&mut self) {
        self.end(Outcome::Cancelled, self.client_status());
    }
}
