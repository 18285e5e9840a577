//! `CacheQuestion`: what was asked, as stores have it.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::cache::{About, Key, Remembered};

#[pyclass(frozen, module = "sluicegate._core")]
pub struct CacheQuestion(pub Remembered);

pub fn floats(bytes: &[u8]) -> PyResult<Vec<f32>> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    if numbers.is_empty() || !rest.is_empty() {
        return Err(PyValueError::new_err("a vector is 32-bit floats, little-endian"));
    }
    Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
}

pub fn digest(bytes: &[u8]) -> PyResult<Key> {
    bytes.try_into().map_err(|_| PyValueError::new_err("scopes and keys have 32 bytes"))
}

#[pymethods]
impl CacheQuestion {
    #[new]
    #[pyo3(signature = (*, model_id, scope, text, vector, key, tenant, namespace, model, target, tags, epoch, expires_ms))]
    #[allow(clippy::too_many_arguments)] // keywords, in Python
    fn new(
        model_id: String,
        scope: &[u8],
        text: String,
        vector: &[u8],
        key: &[u8],
        tenant: String,
        namespace: String,
        model: String,
        target: String,
        tags: Vec<String>,
        epoch: u64,
        expires_ms: u64,
    ) -> PyResult<Self> {
        Ok(Self(Remembered {
            model_id,
            scope: digest(scope)?,
            text,
            vector: floats(vector)?,
            key: digest(key)?,
            about: About { tenant, namespace, model, target, tags },
            epoch,
            ends_ms: expires_ms,
        }))
    }

    #[getter]
    fn model_id(&self) -> &str {
        &self.0.model_id
    }

    #[getter]
    fn scope<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.scope)
    }

    #[getter]
    fn text(&self) -> &str {
        &self.0.text
    }

    #[getter]
    fn vector<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bytes: Vec<u8> = self.0.vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        PyBytes::new(py, &bytes)
    }

    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.key)
    }

    #[getter]
    fn tenant(&self) -> &str {
        &self.0.about.tenant
    }

    #[getter]
    fn namespace(&self) -> &str {
        &self.0.about.namespace
    }

    #[getter]
    fn model(&self) -> &str {
        &self.0.about.model
    }

    #[getter]
    fn target(&self) -> &str {
        &self.0.about.target
    }

    #[getter]
    fn tags(&self) -> Vec<String> {
        self.0.about.tags.clone()
    }

    #[getter]
    fn epoch(&self) -> u64 {
        self.0.epoch
    }

    #[getter]
    fn expires_ms(&self) -> u64 {
        self.0.ends_ms
    }
}
