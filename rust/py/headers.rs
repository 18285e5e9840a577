//! `RequestHeaders`: what a request's headers say, read once.

use pyo3::prelude::*;

use crate::drive::RequestHeaders;

#[pyclass(frozen, name = "RequestHeaders", module = "sluicegate._core")]
pub struct PyRequestHeaders(pub RequestHeaders);

#[pymethods]
impl PyRequestHeaders {
    /// Whether the body is coded.
    #[getter]
    fn is_coded(&self) -> bool {
        !self.0.codings.is_empty()
    }
}
