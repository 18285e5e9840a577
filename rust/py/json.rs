//! `scan_body`, `form_parts`.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::body;

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(form_parts, m)?)?;
    m.add_function(wrap_pyfunction!(scan_body, m)?)
}

type Part<'a> = (&'a str, Option<&'a str>, Option<&'a str>, usize, usize);

#[pyfunction]
fn form_parts<'a>(body: &'a [u8], boundary: &str) -> PyResult<Vec<Part<'a>>> {
    let parts = body::form_parts(body, boundary)?;
    let told = parts.into_iter().map(|part| {
        (part.name, part.file_name, part.content_type, part.value.start, part.value.end)
    });
    Ok(told.collect())
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
