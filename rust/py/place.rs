//! `ModelRoutes` and `Place`.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::prelude::*;

use super::engine::{dialect_of, operation_of};
use crate::drive::{ModelRoute, ModelRoutes, Place};

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyModelRoutes>()?;
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
    fn find(&self, path: &str, query: &str) -> Option<PyPlace> {
        self.0.find(path, Some(query)).map(PyPlace)
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
}
