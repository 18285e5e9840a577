//! The runtime's thread: everything that speaks to upstreams and to the journal.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;

use super::alerts::Alerts;
use super::attempt::{self, Attempt};
use super::caching::Caching;
use super::consult::{self, Flights};
use super::defect::{Rigged, caught};
use super::exchange::Exchange;
use super::failure::FailureKind;
use super::flight::Landing;
use super::keeping::Keeping;
use super::learned::Learned;
use super::levels::Levels;
use super::meaning::Meaning;
use super::owing::Owing;
use super::refresh::Refreshing;
use super::row::{Basis, Outcome, Row, with_client_status};
use super::run_guard;
use crate::budget::Actual;
use crate::cache::{Cache, Entry};
use crate::journal::{Journal, RecordId};
use crate::observe::{Component, Metrics};
use crate::prompt_cache::Seen;
use crate::share::{Keeper, Share};
use crate::transport::Pool;

/// How often the journal is asked whether it takes requests, so that health tells it before they fail; and metrics are
/// told how full the cache is.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a front asks of the runtime.
pub enum Command {
    /// Try a target.
    Attempt(Arc<Exchange>, Attempt),
    /// Look for a kept answer, or try this target.
    Consult(Arc<Exchange>, usize),
    /// Answer with what is too old.
    GiveStale(Arc<Exchange>, Arc<Entry>),
    /// The client was given this status; rows that wait for it are completed.
    Close(Arc<Exchange>, u16, Option<String>),
    /// The row of a request that asked nobody: refused to a known key, or answered by what is kept.
    Row(Vec<u8>, RecordId),
    /// Do something there.
    Run(Box<dyn FnOnce() + Send>),
    /// Finish, once the last attempt has settled.
    Stop,
}

/// What the engine shares with the runtime's thread.
pub struct Shared {
    /// What an operator should hear of.
    pub alerts: Arc<Alerts>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How long answers become.
    pub learned: Arc<Learned>,
    /// Answers on their way to the store.
    pub keeping: Arc<Keeping>,
    /// Answers that are kept.
    pub cache: Arc<Cache>,
    /// What was asked before.
    pub meaning: Arc<Meaning>,
    /// Where a test has it panic.
    pub rigged: Arc<Rigged>,
}

/// For other hosts to be told that this one ends.
const FAREWELL: Duration = Duration::from_secs(3);

/// What shares the limits with other hosts: its desk, and its task.
pub struct Sharer {
    pub share: Arc<Share>,
    pub keeper: Keeper,
}

/// State of the runtime's thread.
pub struct Runtime {
    pub(super) pool: Pool,
    pub(super) journal: RefCell<Journal>,
    pub(super) draining: Cell<usize>,
    pub(super) alerts: Arc<Alerts>,
    pub(super) rigged: Arc<Rigged>,
    pub(super) metrics: Arc<Metrics>,
    /// An intent could not be written, and nothing since.
    has_failed: Cell<bool>,
    pub(super) learned: Arc<Learned>,
    pub(super) keeping: Arc<Keeping>,
    pub(super) cache: Arc<Cache>,
    pub(super) meaning: Arc<Meaning>,
    pub(super) flights: Flights,
    pub(super) refreshing: Refreshing,
    levels: Levels,
    /// None where this host has its limits for itself.
    pub(super) share: Option<Arc<Share>>,
    /// How requests began that upstreams keep for a while.
    pub(super) prompts: RefCell<Seen>,
    scratch: RefCell<Vec<u8>>,
    /// Settlements that the journal could not take yet; written before the next one.
    owed: RefCell<Owing>,
}

/// Starts the thread. It ends after [`Command::Stop`].
pub fn start(
    journal: Journal,
    Shared { alerts, metrics, learned, keeping, cache, meaning, rigged }: Shared,
    sharing: Option<Sharer>,
) -> std::io::Result<(UnboundedSender<Command>, JoinHandle<()>)> {
    let (sender, receiver) = unbounded_channel();
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name("sluicegate-io".to_owned()).spawn(move || {
        let runtime = Rc::new(Runtime {
            pool: Pool::default(),
            journal: RefCell::new(journal),
            draining: Cell::new(0),
            alerts,
            rigged,
            metrics,
            has_failed: Cell::new(false),
            learned,
            keeping,
            cache,
            meaning,
            flights: Flights::default(),
            refreshing: Refreshing::default(),
            levels: Levels::default(),
            share: sharing.as_ref().map(|sharer| sharer.share.clone()),
            prompts: RefCell::default(),
            scratch: RefCell::default(),
            owed: RefCell::default(),
        });
        let serving = serve(runtime, receiver, sharing);
        if caught(|| LocalSet::new().block_on(&tokio, serving)).is_none() {
            // Without this thread every request of the process would wait for ever: another process takes over.
            std::process::abort();
        }
    })?;
    Ok((sender, thread))
}

async fn serve(
    runtime: Rc<Runtime>,
    mut commands: UnboundedReceiver<Command>,
    sharing: Option<Sharer>,
) {
    if let Some(Sharer { keeper, .. }) = sharing {
        let keeping = tokio::task::spawn_local(keeper.run());
        tokio::task::spawn_local(async move {
            if keeping.await.is_err_and(|error| error.is_panic()) {
                // Requests would wait for other hosts for ever: another process takes over.
                std::process::abort();
            }
        });
    }
    let mut attempts = tokio::task::JoinSet::new();
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(Command::Attempt(x, attempt)) => {
                    attempts.spawn_local(attempt::run(runtime.clone(), x, attempt));
                }
                Some(Command::Consult(x, first)) => {
                    attempts.spawn_local(consult::run(runtime.clone(), x, first));
                }
                Some(Command::GiveStale(x, entry)) => {
                    attempts.spawn_local(consult::give_stale(runtime.clone(), x, entry));
                }
                Some(Command::Run(act)) => {
                    let _ = caught(act);
                }
                Some(Command::Stop) | None => break,
                Some(Command::Close(x, status, code)) => {
                    let _ = caught(|| runtime.close(&x, status, code.as_deref()));
                }
                Some(Command::Row(row, id)) => {
                    let _ = caught(|| runtime.settle(id, &row, true));
                }
            },
            Some(_) = attempts.join_next() => {}
            _ = looks.tick() => runtime.look(),
        }
    }
    while attempts.join_next().await.is_some() {}
    if let Some(share) = &runtime.share {
        let _ = tokio::time::timeout(FAREWELL, share.stop()).await;
    }
    runtime.pay();
    runtime.tell_levels();
}

impl Runtime {
    /// Records an attempt before anything of it is sent.
    pub(super) fn intend(
        &self,
        id: RecordId,
        row: &Row<'_>,
        sent: bool,
    ) -> Result<(), crate::error::Error> {
        let mut scratch = self.scratch.borrow_mut();
        row.write(&mut scratch);
        let mut journal = self.journal.borrow_mut();
        let written =
            if sent { journal.intent_sent(id, &scratch) } else { journal.intent(id, &scratch) };
        written.inspect_err(|_| {
            self.has_failed.set(true);
            self.metrics.troubled(Component::Journal, true);
        })
    }

    /// Finds out whether the journal takes requests.
    fn look(&self) {
        self.pay();
        self.tell_levels();
        self.flights.sweep();
        let mut journal = self.journal.borrow_mut();
        if self.has_failed.get() {
            // That nobody intended anything of this name is a record without a meaning, and shows whether one is written.
            let nobody = RecordId { request_id: [0; 16], attempt: 0 };
            self.has_failed.set(journal.release(nobody).is_err());
        }
        let is_well = !self.has_failed.get() && self.owed.borrow().is_empty() && journal.can_take();
        self.metrics.troubled(Component::Journal, !is_well);
    }

    fn tell_levels(&self) {
        self.levels.tell(&self.metrics, &self.cache, &self.meaning);
    }

    /// Records what became of an attempt, and returns the record.
    pub(super) fn settle_row(&self, id: RecordId, row: &Row<'_>) -> Vec<u8> {
        let mut payload = Vec::with_capacity(768);
        row.write(&mut payload);
        self.settle(id, &payload, row.basis == Basis::None);
        payload
    }

    /// `is_free`: nothing was used by what the row tells of.
    pub(super) fn settle(&self, id: RecordId, payload: &[u8], is_free: bool) {
        self.pay();
        if !self.owed.borrow().is_empty() || self.journal.borrow_mut().settle(id, payload).is_err()
        {
            self.owed.borrow_mut().push(id, payload, is_free);
        }
    }

    /// Writes what is owed to the journal, oldest first.
    fn pay(&self) {
        let mut owed = self.owed.borrow_mut();
        if !owed.is_empty() {
            let mut journal = self.journal.borrow_mut();
            owed.pay(|id, payload| journal.settle(id, payload).is_ok());
        }
    }

    /// A request is over, with the status that its client got.
    fn close(&self, x: &Exchange, status: u16, code: Option<&str>) {
        x.set_client_status(status);
        let is_answered = status < 400;
        if let Some(flight) = x.caching().and_then(Caching::flight).filter(|_| !is_answered) {
            // Who waited for its answer asks by itself, if nobody was asked yet, or the failure was this one's own.
            let is_shared = x.attempts() > 0 && !code.is_some_and(FailureKind::is_of_one);
            flight.land(if is_shared { Landing::Failed(status) } else { Landing::Free });
        }
        // A stream that goes on for others is settled when it ends.
        if !(is_answered && x.is_abandoned()) {
            let mut hold = x.hold();
            if x.attempts() == 0 && is_answered {
                // By the gateway itself: a request all the same.
                hold.end_attempt(Actual { requests: 1, ..Actual::default() });
            }
            hold.settle();
        }
        if status == 429 || status >= 500 {
            run_guard::forgive(x); // what clients ask again by themselves
        }
        self.complete(x, status);
        if x.attempts() == 0 {
            let mut row = Row::open(x, 0, None);
            row.outcome = if is_answered { Outcome::Ok } else { Outcome::Refused };
            row.basis = Basis::None;
            row.error_code = code;
            row.price(None, &crate::price::Tokens::default());
            row.price_version = "";
            row.latency_ms = super::row::millis(x.admission.arrived);
            let id = RecordId { request_id: x.id.into_bytes(), attempt: 0 };
            x.show_row(&self.settle_row(id, &row));
        }
    }

    /// Adds the status that a request's client got to the rows that were written before it was known.
    pub(super) fn complete(&self, x: &Exchange, status: u16) {
        for (attempt, row) in x.take_unfinished() {
            let id = RecordId { request_id: x.id.into_bytes(), attempt };
            // Without it the row says all but that.
            self.settle(id, &with_client_status(&row, status), true);
        }
    }
}
