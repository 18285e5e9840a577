//! `Governance`: keys and limits, read and checked, not yet in force.

use std::sync::Arc;

use pyo3::prelude::*;

use crate::govern::Governance;

#[pyclass(frozen, name = "Governance", module = "sluicegate._core")]
pub struct PyGovernance(pub Arc<Governance>);

#[pymethods]
impl PyGovernance {
    #[new]
    fn new(py: Python<'_>, spec: &[u8]) -> PyResult<Self> {
        Ok(Self(Arc::new(py.detach(|| Governance::from_json(spec))?)))
    }
}
