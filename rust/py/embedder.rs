//! `ngram_vector`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::embedder;

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("NGRAM_MODEL_ID", embedder::MODEL_ID)?;
    m.add_function(wrap_pyfunction!(ngram_vector, m)?)
}

#[pyfunction]
#[pyo3(signature = (text, /))]
fn ngram_vector<'py>(py: Python<'py>, text: &str) -> Option<Bound<'py, PyBytes>> {
    let vector = py.detach(|| embedder::vector(text))?;
    let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
    Some(PyBytes::new(py, &bytes))
}
