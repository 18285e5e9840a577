//! `scan_body`, `form_parts`, `plain_body`.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::error::{BodyTooLargeError, InvalidBodyError};
use crate::body;
use crate::transport::{UnpackError, codings, unpack};

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(form_parts, m)?)?;
    m.add_function(wrap_pyfunction!(plain_body, m)?)?;
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
#[pyo3(signature = (coding, body, max_bytes, /))]
fn plain_body<'py>(
    py: Python<'py>,
    coding: &[u8],
    body: &[u8],
    max_bytes: usize,
) -> PyResult<Bound<'py, PyBytes>> {
    let unknown = |_| InvalidBodyError::new_err("the content coding is not known");
    let found = codings(coding).map_err(unknown)?;
    let plain = py.detach(|| unpack(&found, body, max_bytes)).map_err(|error| match error {
        UnpackError::TooLarge => BodyTooLargeError::new_err(error.to_string()),
        UnpackError::Broken(_) => InvalidBodyError::new_err(error.to_string()),
    })?;
    Ok(PyBytes::new(py, &plain))
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
