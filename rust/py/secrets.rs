//! `unquoted`, `seal`, `unseal`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::drive::Secrets;
use crate::govern::{Unreadable, Vault};

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(unquoted, m)?)?;
    m.add_function(wrap_pyfunction!(seal, m)?)?;
    m.add_function(wrap_pyfunction!(unseal, m)?)
}

#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // pyo3 hands out what it converts
fn unquoted(text: &str, headers: Vec<(String, String)>) -> String {
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Secrets::of(headers).hidden(text).into_owned()
}

#[pyfunction]
fn seal(master_key: &[u8], context: &str, text: &str) -> PyResult<String> {
    Vault::new(master_key).and_then(|vault| vault.seal(context, text)).map_err(unreadable)
}

#[pyfunction]
fn unseal(master_key: &[u8], context: &str, sealed: &str) -> PyResult<String> {
    Vault::new(master_key).and_then(|vault| vault.open(context, sealed)).map_err(unreadable)
}

fn unreadable(error: Unreadable) -> PyErr {
    PyValueError::new_err(error.to_string())
}
