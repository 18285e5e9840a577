//! `stream_error`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::engine::dialect_of;
use crate::drive::write_error;
use crate::stream::StreamError;

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(stream_error, m)?)
}

/// An error as a stream's last event.
#[pyfunction]
#[pyo3(signature = (dialect, message, kind, code, origin, request_id, *, as_array=false))]
#[allow(clippy::too_many_arguments)] // all that an error says
fn stream_error<'py>(
    py: Python<'py>,
    dialect: &str,
    message: &str,
    kind: &str,
    code: &str,
    origin: &str,
    request_id: &str,
    as_array: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Vec::new();
    let error = StreamError { message, kind, code, origin, request_id };
    write_error(dialect_of(dialect)?, as_array, &error, &mut out);
    Ok(PyBytes::new(py, &out))
}
