//! `ModelRoutes` and `Place`.

use std::collections::HashMap;
use std::sync::Arc;

use http::Method;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::engine::{dialect_of, operation_of};
use crate::drive::{About, Errand, ModelRoute, ModelRoutes, Origin, Owed, Place, goes_on_from};

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyModelRoutes>()?;
    m.add_class::<PyAbout>()?;
    m.add_class::<PyPlace>()
}

#[pyclass(frozen, name = "ModelRoutes", module = "sluicegate._core")]
pub struct PyModelRoutes(pub Arc<ModelRoutes>);

#[pymethods]
impl PyModelRoutes {
    #[new]
    fn new(table: HashMap<String, (String, String, bool)>) -> PyResult<Self> {
        let routes = table.into_iter().map(|(path, (operation, dialect, stream))| {
            let operation = operation_of(&operation)?;
            Ok(ModelRoute { path, operation, dialect: dialect_of(&dialect)?, stream })
        });
        let routes = routes.collect::<PyResult<Vec<_>>>()?;
        Ok(Self(Arc::new(ModelRoutes::new(routes))))
    }

    /// Where a path leads; None where no model is behind it.
    fn find(&self, method: &str, path: &str, query: &str) -> Option<PyPlace> {
        let method = Method::from_bytes(method.as_bytes()).ok()?;
        self.0.find(&method, path, Some(query)).map(PyPlace)
    }
}

#[pyclass(frozen, name = "Place", module = "sluicegate._core")]
pub struct PyPlace(pub Place);

#[pymethods]
impl PyPlace {
    #[getter]
    fn path(&self) -> &str {
        &self.0.route.path
    }

    #[getter]
    fn operation(&self) -> &'static str {
        self.0.route.operation.name()
    }

    #[getter]
    fn dialect(&self) -> &'static str {
        self.0.route.dialect.name()
    }

    /// The response that a request with this body goes on from.
    fn goes_on_from(&self, body: &[u8]) -> Option<String> {
        goes_on_from(&self.0, body)
    }

    /// The same of a request that is about a response; `model` is the name that was asked for then.
    #[pyo3(signature = (about, model=None))]
    fn concerning(&self, about: &PyAbout, model: Option<String>) -> Self {
        let about = Some(about.0.clone());
        Self(Place { model, about, ..self.0.clone() })
    }
}

/// A response that a request is about.
#[pyclass(frozen, name = "About", module = "sluicegate._core")]
pub struct PyAbout(pub Arc<About>);

/// `(method, tail, stream, owed)`, of which `owed` is a ledger row and when its request came.
type ErrandParts = (String, String, bool, Option<(Vec<u8>, i64)>);

#[pymethods]
impl PyAbout {
    #[new]
    #[pyo3(signature = (response, *, made=None, kept=false, errand=None, unpaid=false))]
    fn new(
        response: String,
        made: Option<(String, String)>,
        kept: bool,
        errand: Option<ErrandParts>,
        unpaid: bool,
    ) -> PyResult<Self> {
        let origin = match made {
            Some((provider, model)) => Origin::Made { provider, model },
            None if kept => Origin::Kept,
            None => Origin::Missing,
        };
        let errand = errand.map(|(method, tail, stream, owed)| {
            let method = Method::from_bytes(method.as_bytes())
                .map_err(|_| PyValueError::new_err("no method"))?;
            let owed = owed.and_then(|(row, unix_s)| Owed::new(&row, unix_s));
            Ok::<_, PyErr>(Errand { method, tail, stream, owed })
        });
        let errand = errand.transpose()?;
        Ok(Self(Arc::new(About { response, origin, errand, is_unpaid: unpaid })))
    }
}
