//! `Metrics`: what all processes of a host count.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::observe::{self, Component, Exposition};

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyMetrics>()
}

#[pyclass(frozen, name = "Metrics", module = "sluicegate._core")]
pub struct PyMetrics(pub Arc<observe::Metrics>);

#[pymethods]
impl PyMetrics {
    #[new]
    #[allow(clippy::needless_pass_by_value)] // pyo3 extracts owned paths
    fn new(directory: PathBuf) -> PyResult<Self> {
        Ok(Self(Arc::new(observe::Metrics::attach(&directory)?)))
    }

    /// Why other processes do not see what is counted here.
    #[getter]
    fn trouble(&self) -> Option<&str> {
        self.0.board().trouble()
    }

    #[pyo3(signature = (journal_dir, *, open_metrics=false))]
    #[allow(clippy::needless_pass_by_value)] // pyo3 extracts owned paths
    fn text(&self, py: Python<'_>, journal_dir: PathBuf, open_metrics: bool) -> String {
        let exposition =
            if open_metrics { Exposition::OpenMetrics } else { Exposition::Prometheus };
        py.detach(|| observe::render(self.0.board(), Some(&journal_dir), exposition))
    }

    fn reload(&self, ok: bool) {
        self.0.reload(ok);
    }

    fn drained(&self) {
        self.0.drained();
    }

    fn draining(&self) {
        self.0.draining();
    }

    fn troubled(&self, component: &str, is_troubled: bool) -> PyResult<()> {
        let named = Component::ALL.into_iter().find(|one| one.name() == component);
        let named =
            named.ok_or_else(|| PyValueError::new_err(format!("no component {component:?}")))?;
        self.0.troubled(named, is_troubled);
        Ok(())
    }

    /// `(component, state)` of each, over all workers that live.
    fn components(&self) -> Vec<(&'static str, &'static str)> {
        let health = self.0.health();
        let state = |(component, troubled): (Component, u64)| {
            (component.name(), if troubled == 0 { "ok" } else { component.trouble() })
        };
        Component::ALL.into_iter().zip(health.troubled).map(state).collect()
    }
}
