//! `scan_body`.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::body;

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(scan_body, m)?)
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
