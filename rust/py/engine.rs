//! `Engine`: the core as one worker holds it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::error::refused;
use super::exchange::{Failure, PyExchange, ready_to_py};
use super::wake::LoopWake;
use crate::dialect::Dialect;
use crate::drive::{self, EngineOptions, Exchange, Incoming, Operation, Snapshot, Wake};
use crate::journal::Options;

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<Engine>()?;
    m.add_class::<PyExchange>()?;
    m.add_class::<Failure>()?;
    m.add_function(wrap_pyfunction!(key_digest, m)?)
}

/// SHA-256 of a credential, hex, as a snapshot names keys.
#[pyfunction]
fn key_digest(credential: &[u8]) -> String {
    drive::digest(credential).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Futures of the loop, by their exchange's token.
type Waiters = HashMap<u64, (Arc<Exchange>, Py<PyAny>)>;

#[pyclass(frozen, module = "sluicegate._core")]
pub struct Engine {
    pub core: drive::Engine,
    wake: Arc<LoopWake>,
    waiters: Mutex<Waiters>,
    tokens: AtomicU64,
}

impl Engine {
    pub fn waiters(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (journal_dir, snapshot, *, segment_bytes=8 << 20, max_journal_bytes=512 << 20))]
    fn new(
        py: Python<'_>,
        journal_dir: PathBuf,
        snapshot: &[u8],
        segment_bytes: u64,
        max_journal_bytes: u64,
    ) -> PyResult<Self> {
        let snapshot = Snapshot::from_json(snapshot)?;
        let journal = Options { segment_bytes, max_bytes: max_journal_bytes };
        let options = EngineOptions { journal_dir, journal };
        Ok(Self {
            core: py.detach(|| drive::Engine::start(&options, snapshot))?,
            wake: Arc::new(LoopWake::new()?),
            waiters: Mutex::default(),
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

    fn begin(
        slf: Bound<'_, Self>,
        operation: &str,
        dialect: &str,
        headers: &Bound<'_, PyAny>,
        body: &[u8],
    ) -> PyResult<PyExchange> {
        let this = slf.get();
        let pairs = header_pairs(headers)?;
        let incoming = Incoming {
            operation: operation_of(operation)?,
            dialect: dialect_of(dialect)?,
            headers: pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())),
            body,
        };
        let admission = this.core.admit(incoming).map_err(refused)?;
        let token = this.tokens.fetch_add(1, Ordering::Relaxed);
        let wake: Arc<dyn Wake> = this.wake.clone();
        let (x, first, started) = this.core.begin(admission, token, wake);
        Ok(PyExchange::new(slf.unbind(), x, first, started))
    }

    /// The names that the holder of the headers' key may ask for, sorted.
    fn models(&self, headers: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
        let pairs = header_pairs(headers)?;
        let pairs = pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        self.core.models(pairs).map_err(refused)
    }

    /// What an operator should hear of since the last call.
    fn alerts(&self) -> Vec<(&'static str, String, String, String, u64)> {
        let told = self.core.alerts().take().into_iter();
        told.map(|a| (a.kind.name(), a.provider, a.model, a.detail, a.times)).collect()
    }

    /// How often each kind of alert was raised.
    fn alert_totals(&self) -> HashMap<&'static str, u64> {
        self.core.alerts().totals().into_iter().map(|(kind, n)| (kind.name(), n)).collect()
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.core.stop());
    }
}

/// ASGI's headers: pairs of bytes.
fn header_pairs<'py>(
    headers: &Bound<'py, PyAny>,
) -> PyResult<Vec<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)>> {
    headers.try_iter()?.map(|pair| pair?.extract()).collect()
}

pub fn dialect_of(name: &str) -> PyResult<Dialect> {
    match name {
        "openai" => Ok(Dialect::OpenAiChat),
        "anthropic" => Ok(Dialect::Anthropic),
        _ => Err(PyValueError::new_err(format!("no dialect {name:?}"))),
    }
}

fn operation_of(name: &str) -> PyResult<Operation> {
    match name {
        "chat" => Ok(Operation::Chat),
        "embeddings" => Ok(Operation::Embeddings),
        "count_tokens" => Ok(Operation::CountTokens),
        _ => Err(PyValueError::new_err(format!("no operation {name:?}"))),
    }
}
