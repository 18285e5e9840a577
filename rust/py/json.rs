//! `scan_body`, `splice_body`.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::body::{self, Edit};

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(scan_body, m)?)?;
    m.add_function(wrap_pyfunction!(replace_model, m)?)
}

#[pyfunction]
fn scan_body<'py>(py: Python<'py>, body: &[u8]) -> PyResult<Bound<'py, PyDict>> {
    let scan = body::scan(body)?;
    let fields = PyDict::new(py);
    fields.set_item("model", scan.model())?;
    fields.set_item("stream", scan.stream())?;
    fields.set_item("include_usage", scan.include_usage())?;
    fields.set_item("user", scan.user())?;
    fields.set_item("max_tokens", scan.max_tokens())?;
    fields.set_item("n", scan.n())?;
    Ok(fields)
}

/// The body with another model, every other byte as it was.
#[pyfunction]
fn replace_model<'py>(py: Python<'py>, body: &[u8], model: &str) -> PyResult<Bound<'py, PyBytes>> {
    let scan = body::scan(body)?;
    let value = serde_json::to_vec(model).unwrap_or_default();
    let edit = match scan.model_span() {
        Some(at) => Edit::replace(at, value),
        None => Edit::insert("model", value),
    };
    Ok(PyBytes::new(py, &body::splice(body, &[edit])))
}
