//! `Cache`: kept answers, as stores and administrators see them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::cache::{About, Bare, Cache, Entry, Key, Purged, Refresh, Task};
use crate::drive::Meaning;

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyCache>()?;
    m.add_class::<CacheTask>()?;
    m.add_class::<CacheRecord>()?;
    m.add_class::<CacheRefresh>()
}

#[pyclass(frozen, name = "Cache", module = "sluicegate._core")]
pub struct PyCache {
    pub cache: Arc<Cache>,
    pub meaning: Arc<Meaning>,
}

#[pymethods]
impl PyCache {
    fn take(&self, py: Python<'_>, within_s: f64) -> Vec<CacheTask> {
        let within = Duration::try_from_secs_f64(within_s).unwrap_or_default();
        let tasks = py.detach(|| self.cache.desk.take(within));
        tasks.into_iter().map(CacheTask).collect()
    }

    #[pyo3(signature = (task, record))]
    fn give(&self, task: u64, record: Option<&CacheRecord>) {
        self.cache.desk.give(task, record.and_then(CacheRecord::entry).map(Arc::new));
    }

    fn give_up(&self, task: u64) {
        self.cache.desk.give_up(task);
    }

    fn purge(&self, py: Python<'_>, purges: Vec<(u64, String, String)>) -> PyResult<usize> {
        let mut known = Vec::with_capacity(purges.len());
        for (epoch, kind, value) in purges {
            let what = Purged::of(&kind, &value);
            let what =
                what.ok_or_else(|| PyValueError::new_err(format!("no purge by {kind:?}")))?;
            known.push((epoch, what));
        }
        Ok(py.detach(|| {
            self.meaning.memory.purge(known.iter().cloned());
            self.cache.purge(known)
        }))
    }

    #[getter]
    fn epoch(&self) -> u64 {
        self.cache.epoch()
    }

    fn stats(&self) -> [(&'static str, u64); 7] {
        let stats = self.cache.stats();
        [
            ("entries", stats.entries),
            ("bytes", stats.bytes),
            ("hits", stats.hits),
            ("misses", stats.misses),
            ("kept", stats.kept),
            ("evicted", stats.evicted),
            ("lost", stats.lost),
        ]
    }
}

#[pyclass(frozen, module = "sluicegate._core")]
pub struct CacheTask(Task);

#[pymethods]
impl CacheTask {
    #[getter]
    fn kind(&self) -> &'static str {
        match &self.0 {
            Task::Get(..) => "get",
            Task::Put(_) => "put",
            Task::Refresh(_) => "refresh",
        }
    }

    #[getter]
    fn id(&self) -> u64 {
        if let Task::Get(id, _) = self.0 { id } else { 0 }
    }

    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        match &self.0 {
            Task::Get(_, key) => Some(PyBytes::new(py, key)),
            Task::Put(entry) => Some(PyBytes::new(py, &entry.key)),
            Task::Refresh(_) => None,
        }
    }

    #[getter]
    fn record(&self) -> Option<CacheRecord> {
        let Task::Put(entry) = &self.0 else { return None };
        let bare = Bare {
            key: entry.key,
            about: entry.about.clone(),
            epoch: entry.epoch,
            made_ms: entry.made_ms,
            kept_until_ms: entry.kept_until_ms,
        };
        Some(CacheRecord { bare, body: entry.encode().into() })
    }

    #[getter]
    fn refresh(&self) -> Option<CacheRefresh> {
        let Task::Refresh(refresh) = &self.0 else { return None };
        Some(CacheRefresh((**refresh).clone()))
    }
}

#[pyclass(frozen, module = "sluicegate._core")]
pub struct CacheRecord {
    bare: Bare,
    body: Bytes,
}

impl CacheRecord {
    fn entry(&self) -> Option<Entry> {
        Entry::decode(self.bare.clone(), &self.body)
    }
}

#[pymethods]
impl CacheRecord {
    #[new]
    #[pyo3(signature = (*, key, tenant, namespace, model, target, tags, epoch, made_ms, expires_ms, body))]
    #[allow(clippy::too_many_arguments)] // keywords, in Python
    fn new(
        key: &[u8],
        tenant: String,
        namespace: String,
        model: String,
        target: String,
        tags: Vec<String>,
        epoch: u64,
        made_ms: u64,
        expires_ms: u64,
        body: &[u8],
    ) -> PyResult<Self> {
        let key: Key = key.try_into().map_err(|_| PyValueError::new_err("a key has 32 bytes"))?;
        let about = About { tenant, namespace, model, target, tags };
        let bare = Bare { key, about, epoch, made_ms, kept_until_ms: expires_ms };
        Ok(Self { bare, body: Bytes::copy_from_slice(body) })
    }

    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.bare.key)
    }

    #[getter]
    fn tenant(&self) -> &str {
        &self.bare.about.tenant
    }

    #[getter]
    fn namespace(&self) -> &str {
        &self.bare.about.namespace
    }

    #[getter]
    fn model(&self) -> &str {
        &self.bare.about.model
    }

    #[getter]
    fn target(&self) -> &str {
        &self.bare.about.target
    }

    #[getter]
    fn tags(&self) -> Vec<String> {
        self.bare.about.tags.clone()
    }

    #[getter]
    fn epoch(&self) -> u64 {
        self.bare.epoch
    }

    #[getter]
    fn made_ms(&self) -> u64 {
        self.bare.made_ms
    }

    #[getter]
    fn expires_ms(&self) -> u64 {
        self.bare.kept_until_ms
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.body)
    }
}

#[pyclass(frozen, module = "sluicegate._core")]
pub struct CacheRefresh(Refresh);

#[pymethods]
impl CacheRefresh {
    #[getter]
    fn path(&self) -> &str {
        &self.0.path
    }

    #[getter]
    fn model(&self) -> Option<&str> {
        self.0.model.as_deref()
    }

    #[getter]
    fn as_array(&self) -> bool {
        self.0.as_array
    }

    #[getter]
    fn holder<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.holder)
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> Vec<(String, Bound<'py, PyBytes>)> {
        let headers = self.0.headers.iter();
        headers.map(|(name, value)| (name.clone(), PyBytes::new(py, value))).collect()
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.body)
    }
}
