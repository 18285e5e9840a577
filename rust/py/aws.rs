//! `aws_signature`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::aws::{Asked, Signer};

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(aws_signature, m)?)
}

/// The headers that prove who sends a request.
#[pyfunction]
#[pyo3(signature = (signer, method, path, host, body, unix_s, /))]
fn aws_signature(
    signer: &[u8],
    method: &str,
    path: &str,
    host: &str,
    body: &[u8],
    unix_s: i64,
) -> PyResult<Vec<(&'static str, String)>> {
    let signer: Signer = serde_json::from_slice(signer)
        .map_err(|_| PyValueError::new_err("a signer lacks something"))?; // its text has secrets
    let asked = Asked { method, path, query: "", host, body };
    let proof = signer.sign(&asked, unix_s).ok_or_else(|| PyValueError::new_err("no such time"))?;
    Ok(vec![("authorization", proof.authorization), ("x-amz-date", proof.date)])
}
