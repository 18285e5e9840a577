//! What a front holds: the configuration of the moment and the runtime's thread.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::mpsc::UnboundedSender;
use uuid::Uuid;

use super::admit::{Admission, Incoming, Known, Refused};
use super::alerts::{AlertKind, Alerts};
use super::attempt::Attempt;
use super::caching::Caching;
use super::clock::{rfc3339, unix_ms};
use super::crossings::Crossings;
use super::defect::{Rigged, caught};
use super::exchange::{Exchange, Wake};
use super::facts;
use super::gate::Gate;
use super::hit;
use super::hold::Hold;
use super::keeping::Keeping;
use super::learned::Learned;
use super::meaning::Meaning;
use super::operation::Operation;
use super::own::is_own;
use super::place::Place;
use super::refusal::Refusal;
use super::request_headers::RequestHeaders;
use super::row::{Outcome, Row};
use super::runtime::{self, Command, Shared, Sharer};
use super::snapshot::Snapshot;
use super::turnstile::{Session, Turnstile};
use super::unknown;
use super::watching::Watching;
use crate::budget::Budgets;
use crate::cache::{Cache, Entry};
use crate::dialect::Dialect;
use crate::error::Error;
use crate::govern::{Digester, Governance, Sighting};
use crate::journal::{Journal, Options, RecordId};
use crate::live::{Line, UpgradeError};
use crate::observe::{Component, Metrics, RequestEnd};
use crate::share::{self, Keeper, Share};

/// Where the engine keeps its files.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Directory of the journal's segments.
    pub journal_dir: PathBuf,
    /// Bounds of the journal.
    pub journal: Options,
    /// Directory of the counters that all workers share, of limits and of metrics.
    pub limits_dir: PathBuf,
    /// Under which credentials are digested.
    pub master_key: Vec<u8>,
    /// With whom limits are shared.
    pub share: Option<share::Options>,
    /// Where tests have it panic.
    pub rigged: Arc<Rigged>,
}

/// The gateway's core, one in each worker.
#[derive(Debug)]
pub struct Engine {
    snapshot: ArcSwap<Snapshot>,
    governance: Arc<ArcSwap<Governance>>,
    digester: Digester,
    store: Arc<Sighting>,
    budgets: Arc<Budgets>,
    share: Option<Arc<Share>>,
    crossings: Arc<Crossings>,
    /// Whether the counters were made by this engine, and know nothing yet.
    is_first: bool,
    commands: UnboundedSender<Command>,
    thread: Mutex<Option<JoinHandle<()>>>,
    alerts: Arc<Alerts>,
    rigged: Arc<Rigged>,
    metrics: Arc<Metrics>,
    learned: Arc<Learned>,
    keeping: Arc<Keeping>,
    cache: Arc<Cache>,
    meaning: Arc<Meaning>,
    watching: Arc<Watching>,
    asks_plugins: AtomicBool,
}

impl Engine {
    /// Opens the journal and the counters, and starts the runtime's thread.
    pub fn start(options: &EngineOptions, snapshot: Snapshot) -> Result<Self, Error> {
        let mut opened = Budgets::open(&options.limits_dir)?;
        let share = options.share.as_ref().map(|_| Share::new());
        if let Some(share) = &share {
            opened.budgets.share_with(share.sharing.clone());
        }
        let budgets = Arc::new(opened.budgets);
        let journal = Journal::open(&options.journal_dir, options.journal)?;
        let metrics = Arc::new(Metrics::open(&options.limits_dir)?);
        snapshot.count_in(&metrics);
        let alerts = Arc::new(Alerts::new(metrics.clone()));
        let learned = Arc::new(Learned::default());
        let keeping = Arc::new(Keeping::default());
        let cache = Arc::new(Cache::default());
        cache.resize(snapshot.cache_max_bytes);
        let meaning = Arc::new(Meaning::new(snapshot.cache_max_entries));
        let shared = Shared {
            alerts: alerts.clone(),
            metrics: metrics.clone(),
            learned: learned.clone(),
            keeping: keeping.clone(),
            cache: cache.clone(),
            meaning: meaning.clone(),
            rigged: options.rigged.clone(),
        };
        let keeper = match (&share, &options.share) {
            (Some(share), Some(options)) => {
                Some(sharer(share, &budgets, &alerts, &metrics, options)?)
            }
            _ => None,
        };
        let (commands, thread) =
            runtime::start(journal, shared, keeper).map_err(|e| Error::Journal(e.to_string()))?;
        Ok(Self {
            asks_plugins: AtomicBool::new(snapshot.asks_plugins),
            watching: Arc::default(),
            snapshot: ArcSwap::from_pointee(snapshot),
            governance: Arc::new(ArcSwap::from_pointee(Governance::default())),
            digester: Digester::new(&options.master_key),
            store: Arc::default(),
            budgets,
            share,
            crossings: Arc::new(Crossings::new(metrics.clone())),
            is_first: opened.is_new,
            commands,
            thread: Mutex::new(Some(thread)),
            alerts,
            rigged: options.rigged.clone(),
            metrics,
            learned,
            keeping,
            cache,
            meaning,
        })
    }

    /// Puts a new configuration in force; requests that run keep the one they began with.
    pub fn replace(&self, snapshot: Snapshot) {
        snapshot.count_in(&self.metrics);
        self.cache.resize(snapshot.cache_max_bytes);
        self.asks_plugins.store(snapshot.asks_plugins, Ordering::Relaxed);
        self.snapshot.store(Arc::new(snapshot));
    }

    /// Puts new keys and limits in force; requests that run keep those they began with.
    pub fn govern(&self, governance: Arc<Governance>) {
        self.governance.store(governance);
    }

    /// Keys and limits in force.
    pub fn governance(&self) -> Arc<Governance> {
        self.governance.load_full()
    }

    /// The store had at a moment the keys that are in force now.
    pub fn keys_seen(&self, at: Instant) {
        self.store.seen(at);
    }

    /// Whether that is so long ago that keys of the store open nothing.
    pub fn keys_are_stale(&self) -> bool {
        self.governance.load().directory.is_stale(&self.store, Instant::now())
    }

    /// The counters of limits.
    pub fn budgets(&self) -> &Arc<Budgets> {
        &self.budgets
    }

    /// With whom limits are shared; None where this host has them for itself.
    pub const fn share(&self) -> Option<&Arc<Share>> {
        self.share.as_ref()
    }

    /// Thresholds of limits that were reached.
    pub fn crossings(&self) -> &Crossings {
        &self.crossings
    }

    /// Whether other workers wait for [`Budgets::seeded`].
    pub const fn is_first(&self) -> bool {
        self.is_first
    }

    /// The configuration in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Answers on their way to the store.
    pub const fn keeping(&self) -> &Arc<Keeping> {
        &self.keeping
    }

    /// What waits for plugins that watch.
    pub const fn watching(&self) -> &Arc<Watching> {
        &self.watching
    }

    /// What an operator should hear of.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// What is counted.
    pub const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Counts a row of an attempt that nobody knows the end of, since its process died.
    pub fn count_unknown(&self, row: &[u8]) {
        unknown::count(&self.metrics, row);
    }

    /// What a request's headers say, by lower-case names, where its key, in them or in its place, is good: nobody else's
    /// body is worth reading.
    pub fn read_headers<'a>(
        &self,
        place: &Place,
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<RequestHeaders, Refused> {
        match self.gate().authenticate(headers, Some(place)) {
            Ok((headers, _)) => Ok(headers),
            Err(refusal) => {
                self.refused(place.route.kind(), refusal.status, refusal.code);
                Err(Refused::of(Uuid::now_v7(), refusal))
            }
        }
    }

    /// What the headers say of a request that the gateway makes by itself.
    pub fn read_own_headers<'a>(
        &self,
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<RequestHeaders, Refused> {
        let read = RequestHeaders::read(headers, &self.digester, false);
        read.map_err(|refusal| Refused::of(Uuid::now_v7(), refusal))
    }

    /// Refuses a request for a session that asks for no WebSocket, or not as it must.
    pub fn not_upgraded(&self, place: &Place, error: UpgradeError) -> Refused {
        let refusal = Refusal::not_upgraded(error);
        self.refused(place.route.kind(), refusal.status, refusal.code);
        Refused::of(Uuid::now_v7(), refusal)
    }

    /// Admits a request, or says why not. A refusal to a known key goes to the ledger, unless it may be asked again
    /// in a moment, because others hold what it needs and `is_last` is false, or because other hosts must be asked
    /// first and `may_ask` is true.
    pub fn admit(
        &self,
        incoming: Incoming<'_>,
        is_last: bool,
        may_ask: bool,
    ) -> Result<(Admission, Hold), Refused> {
        let kind = incoming.place.route.kind();
        self.gate().admit(incoming, is_last).inspect_err(|refused| {
            let comes_back = refused.short.is_some() && may_ask;
            if (is_last || !refused.refusal.is_held) && !comes_back {
                self.note(kind, refused);
            }
        })
    }

    /// Whether a plugin must be asked before a request is admitted.
    pub fn asks_plugins(&self) -> bool {
        self.asks_plugins.load(Ordering::Relaxed)
    }

    /// What a plugin is told of a request that is not admitted yet; None where its key is good no more.
    pub fn facts(&self, place: &Place, headers: &RequestHeaders) -> Option<Vec<u8>> {
        let principal = self.gate().holder_now(headers).ok()?;
        Some(facts::before(place, headers, &principal))
    }

    /// Refuses a request in a plugin's name. It has a ledger row as every refusal to a known key.
    pub fn refuse(&self, incoming: Incoming<'_>, refusal: Refusal) -> Refused {
        let Incoming { place, headers, body } = incoming;
        let id = Uuid::now_v7();
        let known = self.gate().holder_now(&headers).ok().map(|principal| {
            let scan = place.scan(body).unwrap_or_default();
            Box::new(Known { principal, headers, scan, time: rfc3339(SystemTime::now()) })
        });
        let refused = Refused { known, ..Refused::of(id, refusal) };
        self.note(place.route.kind(), &refused);
        refused
    }

    /// Counts a refusal, and writes it to the ledger where the key is known.
    fn note(&self, kind: (Operation, Dialect), refused: &Refused) {
        let Refusal { status, code, .. } = *refused.refusal;
        self.refused(kind, status, code);
        if let Some(known) = &refused.known {
            let mut payload = Vec::new();
            let id = refused.id.to_string();
            Row::refused(&id, known, kind.0, kind.1, &refused.refusal).write(&mut payload);
            let id = RecordId { request_id: refused.id.into_bytes(), attempt: 0 };
            let _ = self.commands.send(Command::Row(payload, id));
        }
    }

    /// Counts a request that was answered without an exchange, by operation and dialect.
    pub fn refused(
        &self,
        (operation, dialect): (Operation, Dialect),
        client_status: u16,
        code: &str,
    ) {
        let outcome = Outcome::Refused.name();
        let (operation, dialect) = (operation.into(), dialect.into());
        self.metrics.refusal(code);
        self.metrics.request(&RequestEnd { operation, dialect, outcome, client_status });
    }

    pub(super) fn gate(&self) -> Gate<'_> {
        Gate {
            snapshot: self.snapshot(),
            governance: self.governance(),
            digester: &self.digester,
            store: &self.store,
            budgets: &self.budgets,
            crossings: &self.crossings,
            alerts: &self.alerts,
            rigged: &self.rigged,
            learned: &self.learned,
        }
    }

    /// Begins an exchange. Where its first target speaks the client's dialect it is tried at once; otherwise the
    /// front translates and calls [`Engine::attempt`]. Returns the index of the first target, and whether it was tried.
    pub fn begin(
        &self,
        admitted: (Admission, Hold),
        token: u64,
        wake: Arc<dyn Wake>,
    ) -> (Arc<Exchange>, usize, bool) {
        let mut x = Exchange::new(admitted, token, wake, self.metrics.clone(), &self.watching);
        if x.admission.operation == Operation::Realtime {
            x.session = Some(Box::new(self.session()));
        }
        let is_late = Caching::is_on(&x.admission) && Caching::is_late(&x.admission);
        if !is_late {
            x.set_caching(Caching::of(&x.admission, &self.cache));
        }
        let x = Arc::new(x);
        if x.admission.snapshot.watches.is_some() {
            self.watching.begin(&x, facts::admitted(&x.admission));
        }
        let first = x.admission.route.first(draw());
        // What the gateway answers itself has no target.
        let target = x.admission.route.targets.get(first);
        if let Some(caching) = x.caching() {
            let is_given = caught(|| self.give_kept(&x, caching)).unwrap_or(false);
            if !is_given {
                let _ = self.commands.send(Command::Consult(x.clone(), first));
            }
            return (x, first, true);
        }
        if is_late || x.wants_kept() {
            let _ = self.commands.send(Command::Consult(x.clone(), first));
            return (x, first, true);
        }
        let same = target.is_some_and(|target| is_own(&x, target));
        if same {
            self.attempt(&x, Attempt { target: first, ..Attempt::default() });
        }
        (x, first, same)
    }

    /// Answers with what memory has, where nothing is to be waited for: no other thread is asked.
    fn give_kept(&self, x: &Exchange, caching: &Caching) -> bool {
        let now_ms = unix_ms(SystemTime::now());
        let kept = caching.reads.then(|| self.cache.get(&caching.key, now_ms)).flatten();
        let is_good =
            |entry: &Arc<Entry>| caching.takes(entry, now_ms) && now_ms < entry.fresh_until_ms;
        let Some(entry) = kept.filter(is_good) else { return false };
        let Some((id, row)) = hit::at_once(&self.keeping, &self.alerts, x, &entry) else {
            return false;
        };
        self.cache.count(true);
        let _ = self.commands.send(Command::Row(row, id));
        true
    }

    /// What a session needs beside its exchange.
    fn session(&self) -> Session {
        Session {
            line: Line::default(),
            turnstile: Turnstile {
                governance: self.governance.clone(),
                store: self.store.clone(),
                budgets: self.budgets.clone(),
                crossings: self.crossings.clone(),
            },
        }
    }

    /// Tries a target.
    pub fn attempt(&self, x: &Arc<Exchange>, attempt: Attempt) {
        // The receiver lives as long as the engine; after `stop` the front serves nothing.
        let _ = self.commands.send(Command::Attempt(x.clone(), attempt));
    }

    /// Answers with a kept answer that is too old, where every upstream failed. Whether there is such.
    pub fn give_stale(&self, x: &Arc<Exchange>) -> bool {
        let Some(entry) = x.caching().and_then(Caching::take_stale) else { return false };
        let _ = self.commands.send(Command::GiveStale(x.clone(), entry));
        true
    }

    /// Answers that are kept.
    pub const fn cache(&self) -> &Arc<Cache> {
        &self.cache
    }

    /// What was asked before.
    pub const fn meaning(&self) -> &Arc<Meaning> {
        &self.meaning
    }

    /// Tells the ledger what status the client was given in the end.
    pub fn close(&self, x: &Arc<Exchange>, status: u16, code: Option<String>) {
        let outcome = if status < 400 {
            Outcome::Ok
        } else if x.attempts() > 0 {
            Outcome::Error
        } else {
            self.metrics.refusal(code.as_deref().unwrap_or("unknown"));
            Outcome::Refused
        };
        x.end(outcome, Some(status));
        let _ = self.commands.send(Command::Close(x.clone(), status, code));
    }

    /// Does something on the runtime's thread, where local tasks can be spawned.
    pub fn on_runtime(&self, act: impl FnOnce() + Send + 'static) {
        let _ = self.commands.send(Command::Run(Box::new(act)));
    }

    /// Ends the runtime's thread once every attempt has settled. Blocks.
    pub fn stop(&self) {
        let _ = self.commands.send(Command::Stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

/// The task that shares the counters.
fn sharer(
    share: &Arc<Share>,
    budgets: &Arc<Budgets>,
    alerts: &Arc<Alerts>,
    metrics: &Arc<Metrics>,
    options: &share::Options,
) -> Result<Sharer, Error> {
    let place = share::Link::new(&options.url).map_err(|e| Error::SharedState(e.to_string()))?;
    let (place, alerts, metrics) = (place.place(), alerts.clone(), metrics.clone());
    metrics.troubled(Component::SharedState, true); // until it answers for the first time
    let tell = move |event: share::Event| {
        let (kind, detail) = match event {
            share::Event::Away(why) => {
                metrics.troubled(Component::SharedState, true);
                (AlertKind::SharedStateAway, why)
            }
            share::Event::Back => return metrics.troubled(Component::SharedState, false),
            share::Event::Lost(what) => (AlertKind::SharedStateLost, what),
            share::Event::Evicts(what) => (AlertKind::SharedStateEvicts, what),
        };
        alerts.raise_in("shared_state", &place, kind, Instant::now(), || detail);
    };
    let (desk, budgets, options) = (share.clone(), budgets.clone(), options.clone());
    let keeper = Keeper::new(desk, budgets, options, tell)?;
    Ok(Sharer { share: share.clone(), keeper })
}

/// Uniform over all of u64, from the same source as request ids.
fn draw() -> u64 {
    Uuid::new_v4().as_u64_pair().1
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Stop);
    }
}
