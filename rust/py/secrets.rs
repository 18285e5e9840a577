//! `unquoted`.

use pyo3::prelude::*;

use crate::drive::Secrets;

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(unquoted, m)?)
}

#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // pyo3 hands out what it converts
fn unquoted(text: &str, headers: Vec<(String, String)>) -> String {
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Secrets::of(headers).hidden(text).into_owned()
}
