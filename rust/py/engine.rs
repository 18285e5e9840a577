//! `Engine`: the core as one worker holds it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use uuid::Uuid;

use super::cache::PyCache;
use super::chores::PyChores;
use super::error::{GrantNeededError, refused};
use super::exchange::{Failure, PyExchange, ready_to_py};
use super::front::by_plugin;
use super::governance::PyGovernance;
use super::headers::PyRequestHeaders;
use super::metrics::PyMetrics;
use super::place::PyPlace;
use super::share::LedgerQuestion;
use super::wake::LoopWake;
use crate::budget::{Charge, CounterName, Measure, Now};
use crate::dialect::Dialect;
use crate::drive::{
    self, EngineOptions, Exchange, Incoming, Operation, RequestHeaders, Rigged, Sight, Snapshot,
    Wake, What, tell_only_places,
};
use crate::govern::Principal;
use crate::journal::Options;
use crate::share::{self, Waiter};

/// Dollars apiece, by the price book's keys.
type Prices = HashMap<&'static str, String>;

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    tell_only_places();
    m.add_class::<Engine>()?;
    m.add_class::<PyExchange>()?;
    m.add_class::<Failure>()?;
    m.add_class::<PyRequestHeaders>()?;
    m.add_class::<super::governance::PyGovernance>()?;
    m.add_class::<super::share::LedgerQuestion>()
}

/// Futures of the loop, by their exchange's token.
type Waiters = HashMap<u64, (Arc<Exchange>, Py<PyAny>)>;

#[pyclass(frozen, module = "sluicegate._core")]
pub struct Engine {
    pub core: Arc<drive::Engine>,
    wake: Arc<LoopWake>,
    waiters: Mutex<Waiters>,
    /// Futures of requests that wait for other hosts.
    grants: Mutex<HashMap<u64, Py<PyAny>>>,
    tokens: AtomicU64,
}

impl Engine {
    /// Admits a request and begins it. `is_last` and `may_ask`: see the callers.
    fn begin_with(
        slf: Bound<'_, Self>,
        place: &PyPlace,
        headers: RequestHeaders,
        body: &[u8],
        (is_last, may_ask): (bool, bool),
    ) -> PyResult<PyExchange> {
        let this = slf.get();
        let body = Bytes::copy_from_slice(body);
        let incoming = Incoming { place: &place.0, headers, body: &body };
        let token = this.tokens.fetch_add(1, Ordering::Relaxed);
        let wake: Arc<dyn Wake> = this.wake.clone();
        let admitted = this.core.admit(incoming, is_last, may_ask).map_err(|mut stop| {
            match (stop.short.take(), this.core.share()) {
                (Some(asks), Some(share)) if may_ask => {
                    share.ask(asks, Waiter::new(move || wake.wake(token)));
                    GrantNeededError::new_err((token,))
                }
                _ => refused(stop),
            }
        })?;
        let wake: Arc<dyn Wake> = this.wake.clone();
        let (x, first, started) = this.core.begin(admitted, token, wake);
        Ok(PyExchange::new(slf.unbind(), x, first, started).owned())
    }

    pub fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settles a future of [`Engine::granted`] when it is woken.
    pub fn waker(&self) -> (u64, Waker) {
        let token = self.tokens.fetch_add(1, Ordering::Relaxed);
        (token, Arc::new(GrantWaker { wake: self.wake.clone(), token }).into())
    }

    fn headers(
        &self,
        place: &drive::Place,
        headers: &Bound<'_, PyAny>,
    ) -> PyResult<RequestHeaders> {
        let pairs = header_pairs(headers)?;
        let pairs = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.core.read_headers(place, pairs).map_err(refused)
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (journal_dir, limits_dir, master_key, snapshot, *, segment_bytes=8 << 20, max_journal_bytes=512 << 20, shared_state=None, panics=""))]
    #[allow(clippy::too_many_arguments)] // keywords, in Python
    fn new(
        py: Python<'_>,
        journal_dir: PathBuf,
        limits_dir: PathBuf,
        master_key: &[u8],
        snapshot: &[u8],
        segment_bytes: u64,
        max_journal_bytes: u64,
        shared_state: Option<(String, String, bool)>,
        panics: &str,
    ) -> PyResult<Self> {
        let snapshot = Snapshot::from_json(snapshot)?;
        let journal = Options { segment_bytes, max_bytes: max_journal_bytes };
        let master_key = master_key.to_vec();
        let share = shared_state.map(|(url, host, knows_others)| share::Options {
            url,
            host,
            knows_others,
        });
        let rigged = Arc::new(Rigged::parse(panics));
        let options = EngineOptions { journal_dir, journal, limits_dir, master_key, share, rigged };
        Ok(Self {
            core: Arc::new(py.detach(|| drive::Engine::start(&options, snapshot))?),
            wake: Arc::new(LoopWake::new()?),
            waiters: Mutex::default(),
            grants: Mutex::default(),
            tokens: AtomicU64::new(0),
        })
    }

    fn replace(&self, py: Python<'_>, snapshot: &[u8]) -> PyResult<()> {
        let snapshot = py.detach(|| Snapshot::from_json(snapshot))?;
        self.core.replace(snapshot);
        Ok(())
    }

    fn fileno(&self) -> i32 {
        self.wake.fileno()
    }

    /// Settles the futures of all exchanges that have something. The loop's reader of `fileno`.
    fn dispatch(&self, py: Python<'_>) -> PyResult<()> {
        for token in self.wake.take() {
            if let Some(future) = lock(&self.grants).remove(&token) {
                let future = future.into_bound(py);
                if !future.call_method0(intern!(py, "done"))?.is_truthy()? {
                    future.call_method1(intern!(py, "set_result"), (py.None(),))?;
                }
                continue;
            }
            let Some((x, future)) = self.waiters().remove(&token) else { continue };
            let future = future.into_bound(py);
            if future.call_method0(intern!(py, "done"))?.is_truthy()? {
                continue;
            }
            match x.outbox.take() {
                Some(ready) => {
                    future.call_method1(intern!(py, "set_result"), (ready_to_py(py, ready)?,))?;
                }
                None => {
                    self.waiters().insert(token, (x, future.unbind()));
                }
            }
        }
        Ok(())
    }

    #[pyo3(signature = (place, headers, body, *, is_last=true, may_ask=false))]
    fn begin(
        slf: Bound<'_, Self>,
        place: &PyPlace,
        headers: &PyRequestHeaders,
        body: &[u8],
        is_last: bool,
        may_ask: bool,
    ) -> PyResult<PyExchange> {
        Self::begin_with(slf, place, headers.0.clone(), body, (is_last, may_ask))
    }

    /// The same of a request that the gateway makes by itself, in the place of a key's holder.
    #[pyo3(signature = (place, holder, body, *, headers=None))]
    fn begin_for(
        slf: Bound<'_, Self>,
        place: &PyPlace,
        holder: &[u8],
        body: &[u8],
        headers: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<PyExchange> {
        let holder: Principal = serde_json::from_slice(holder)
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let given = headers.map(header_pairs).transpose()?.unwrap_or_default();
        let given = given.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let mut headers = slf.get().core.read_own_headers(given).map_err(refused)?;
        headers.on_behalf = Some(Arc::new(holder));
        Self::begin_with(slf, place, headers, body, (true, false))
    }

    /// What a request's headers say; refuses one without a good key, before anybody reads its body.
    fn read_headers(
        &self,
        place: &PyPlace,
        headers: &Bound<'_, PyAny>,
    ) -> PyResult<PyRequestHeaders> {
        self.headers(&place.0, headers).map(PyRequestHeaders)
    }

    /// Whose a request is.
    fn tenant(&self, place: &PyPlace, headers: &Bound<'_, PyAny>) -> PyResult<String> {
        let headers = self.headers(&place.0, headers)?;
        Ok(self.core.tenant(&headers).unwrap_or_default())
    }

    /// Whether plugins must be asked before a request is admitted.
    #[getter]
    fn asks_plugins(&self) -> bool {
        self.core.asks_plugins()
    }

    /// What plugins are told of a request, as JSON.
    fn facts<'py>(
        &self,
        py: Python<'py>,
        place: &PyPlace,
        headers: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let headers = self.headers(&place.0, headers)?;
        Ok(self.core.facts(&place.0, &headers).map(|facts| PyBytes::new(py, &facts)))
    }

    /// Refuses a request in a plugin's name: raises what the client is told.
    #[pyo3(signature = (place, headers, body, status, message, *, failed=false))]
    fn refuse(
        &self,
        place: &PyPlace,
        headers: &Bound<'_, PyAny>,
        body: &[u8],
        status: u16,
        message: String,
        failed: bool,
    ) -> PyResult<()> {
        let body = Bytes::copy_from_slice(body);
        let headers = self.headers(&place.0, headers)?;
        let incoming = Incoming { place: &place.0, headers, body: &body };
        Err(refused(self.core.refuse(incoming, by_plugin(status, message, failed))))
    }

    /// `(request_id, kind, payload)` of what plugins that watch are shown, waited for a while. Blocks.
    fn watched<'py>(
        &self,
        py: Python<'py>,
        within_s: f64,
    ) -> Vec<(String, &'static str, Bound<'py, PyBytes>)> {
        let within = Duration::try_from_secs_f64(within_s).unwrap_or_default();
        let seen = py.detach(|| self.core.watching().take(within));
        let shown = seen.into_iter().map(|Sight { id, what }| {
            let (kind, payload) = match what {
                What::Begun(facts) => ("begun", facts),
                What::Head(status, key, kind) => {
                    ("head", [status.to_string().as_bytes(), b" ", &key, b" ", &kind].concat())
                }
                What::Bytes(bytes) => ("bytes", bytes),
                What::Lost => ("lost", Vec::new()),
                What::Row(row) => ("row", row),
                What::Over => ("over", Vec::new()),
            };
            (id.to_string(), kind, PyBytes::new(py, &payload))
        });
        shown.collect()
    }

    /// Ends a request that is watched.
    fn end_watched(&self, request_id: &str) {
        if let Ok(id) = Uuid::parse_str(request_id) {
            self.core.watching().end(id);
        }
    }

    /// `(tenant, model, request, response)` of answers to be kept, waited for a while. Blocks.
    fn kept<'py>(
        &self,
        py: Python<'py>,
        within_s: f64,
    ) -> Vec<(String, String, Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let within = Duration::try_from_secs_f64(within_s).unwrap_or_default();
        let kept = py.detach(|| self.core.keeping().take(within));
        kept.into_iter()
            .map(|each| {
                let request = PyBytes::new(py, &each.request);
                (each.tenant, each.model, request, PyBytes::new(py, &each.response))
            })
            .collect()
    }

    /// A future of `event_loop` that is done when it is worth while to begin again.
    fn granted<'py>(
        &self,
        token: u64,
        event_loop: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let future = event_loop.call_method0(intern!(event_loop.py(), "create_future"))?;
        lock(&self.grants).insert(token, future.clone().unbind());
        Ok(future)
    }

    /// What the holder of the headers' key may ask for, sorted: of the names asked, or of the aliases.
    #[pyo3(signature = (headers, asked = None))]
    fn models(
        &self,
        headers: &Bound<'_, PyAny>,
        asked: Option<Vec<String>>,
    ) -> PyResult<Vec<String>> {
        let pairs = header_pairs(headers)?;
        let pairs = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.core.models(pairs, asked).map_err(refused)
    }

    /// Whose a request to a path of the gateway's own is.
    fn asker(&self, headers: &Bound<'_, PyAny>, path: &str) -> PyResult<String> {
        let pairs = header_pairs(headers)?;
        let pairs = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.core.asker(pairs, path).map_err(refused)
    }

    /// What stands behind a name: `(provider, model, dollars apiece)`.
    fn offers(&self, name: &str) -> Vec<(String, String, Option<Prices>)> {
        let offers = self.core.offers(name).into_iter();
        offers.map(|o| (o.provider, o.model, o.prices.map(HashMap::from_iter))).collect()
    }

    /// What an operator should hear of since the last call.
    fn alerts(&self) -> Vec<(&'static str, String, String, String, u64)> {
        let told = self.core.alerts().take().into_iter();
        told.map(|a| (a.kind.name(), a.provider, a.model, a.detail, a.times)).collect()
    }

    /// Counts a request that was answered without an exchange.
    fn refused(&self, operation: &str, dialect: &str, status: u16, code: &str) -> PyResult<()> {
        let name = (operation_of(operation)?, dialect_of(dialect)?);
        self.core.refused(name, status, code);
        Ok(())
    }

    /// Counts the ledger's row of an attempt whose process died.
    fn count_unknown(&self, row: &[u8]) {
        self.core.count_unknown(row);
    }

    /// Answers that are kept.
    #[getter]
    fn cache(&self) -> PyCache {
        PyCache { cache: self.core.cache().clone(), meaning: self.core.meaning().clone() }
    }

    /// What the cache has others do.
    #[getter]
    fn chores(&self) -> PyChores {
        PyChores { cache: self.core.cache().clone(), meaning: self.core.meaning().clone() }
    }

    /// What is counted by all workers of the host.
    #[getter]
    fn metrics(&self) -> PyMetrics {
        PyMetrics(self.core.metrics().clone())
    }

    /// Puts keys and limits in force.
    fn govern(&self, governance: &PyGovernance) {
        self.core.govern(governance.0.clone());
    }

    /// The store had, so long ago, the keys that are in force now.
    fn keys_seen(&self, age_s: f64) {
        let age = Duration::try_from_secs_f64(age_s).unwrap_or_default();
        if let Some(at) = Instant::now().checked_sub(age) {
            self.core.keys_seen(at);
        }
    }

    /// Whether that is so long ago that keys of the store open nothing.
    #[getter]
    fn keys_are_stale(&self) -> bool {
        self.core.keys_are_stale()
    }

    /// Whether the counters know nothing yet and other workers wait for `seeded`.
    #[getter]
    fn is_first(&self) -> bool {
        self.core.is_first()
    }

    /// Lets other workers use the counters.
    fn seeded(&self) -> PyResult<()> {
        Ok(self.core.budgets().seeded()?)
    }

    /// `(name, since)` of limits whose counters must hear from the ledger first; nanoseconds since 1970.
    fn unseeded(&self, governance: &PyGovernance) -> PyResult<Vec<(String, u64)>> {
        let unseeded = governance.0.unseeded(self.core.budgets(), Now::read())?;
        Ok(unseeded.into_iter().map(|u| (u.name, u.since_unix_ns)).collect())
    }

    /// Puts in what the ledger knows of a limit, by the values of its scope; False where another worker has.
    fn seed(
        &self,
        governance: &PyGovernance,
        name: &str,
        spent: Vec<(Vec<String>, u128)>,
    ) -> PyResult<bool> {
        let is_first = governance.0.seed(self.core.budgets(), name, spent, Now::read())?;
        if let (Some(share), Some(limit)) = (self.core.share(), governance.0.limit(name)) {
            share.introduce(limit.clone());
        }
        Ok(is_first)
    }

    /// `(spent, held, left)` of a limit in force, for an instance of its scope; money in pico-dollars.
    fn standing(
        &self,
        py: Python<'_>,
        name: &str,
        instance: String,
    ) -> PyResult<Option<(u128, u128, u128)>> {
        let governance = self.core.governance();
        let (budgets, now) = (self.core.budgets(), Now::read());
        let elsewhere = |charge: &Charge| {
            let window = budgets.stand(charge, now).ok()?.window;
            self.core.share()?.look(CounterName::of(charge, window))
        };
        Ok(py.detach(|| governance.standing(budgets, name, instance, elsewhere, now))?)
    }

    /// `(is_well, detail, warning)` of what limits are shared through; None where they are not.
    #[getter]
    fn shared_state(&self) -> Option<(bool, String, String)> {
        let status = self.core.share()?.status();
        Some((status.is_well, status.detail, status.warning))
    }

    /// Gives back what dead workers held; how many requests that were.
    fn recover(&self) -> PyResult<usize> {
        Ok(self.core.budgets().recover()?)
    }

    /// Requests that hold something of a limit, in all workers.
    fn reservations(&self) -> PyResult<usize> {
        Ok(self.core.budgets().reservations()?)
    }

    /// `(limit, instance, percent, spent, amount)` of thresholds reached since the last call; money in dollars.
    fn crossings(&self) -> Vec<(String, String, u8, String, String)> {
        let told = self.core.crossings().take().into_iter();
        told.map(|crossing| {
            let limit = &crossing.limit;
            let text = |units: u64| match limit.measure {
                Measure::Cost => limit.usd(units),
                _ => units.to_string(),
            };
            let (spent, amount) = (text(crossing.spent), text(limit.amount));
            (limit.name.clone(), crossing.instance, crossing.percent, spent, amount)
        })
        .collect()
    }

    /// What the ledger must be asked for other hosts; None after `within_s`. Blocks.
    fn question(&self, py: Python<'_>, within_s: f64) -> Option<LedgerQuestion> {
        let share = self.core.share()?.clone();
        let within = Duration::try_from_secs_f64(within_s).unwrap_or_default();
        let question = py.detach(|| share.question(within))?;
        let since_unix_ns = self.core.governance().since(&question.limit, Now::read())?;
        Some(LedgerQuestion::new(share, question, since_unix_ns))
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.core.stop());
    }
}

struct GrantWaker {
    wake: Arc<LoopWake>,
    token: u64,
}

impl std::task::Wake for GrantWaker {
    fn wake(self: Arc<Self>) {
        Wake::wake(&*self.wake, self.token);
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// ASGI's headers: pairs of bytes.
pub fn header_pairs<'py>(
    headers: &Bound<'py, PyAny>,
) -> PyResult<Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>> {
    headers.try_iter()?.map(|pair| pair?.extract()).collect()
}

pub fn dialect_of(name: &str) -> PyResult<Dialect> {
    match name {
        "openai" => Ok(Dialect::OpenAiChat),
        "anthropic" => Ok(Dialect::Anthropic),
        "gemini" => Ok(Dialect::Gemini),
        "openai_responses" => Ok(Dialect::OpenAiResponses),
        "openai_completions" => Ok(Dialect::OpenAiCompletions),
        _ => Err(PyValueError::new_err(format!("no dialect {name:?}"))),
    }
}

pub fn operation_of(name: &str) -> PyResult<Operation> {
    let known = Operation::ALL.into_iter().find(|operation| operation.name() == name);
    known.ok_or_else(|| PyValueError::new_err(format!("no operation {name:?}")))
}
