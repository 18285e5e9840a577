//! `VectorIndex`.

use std::sync::{PoisonError, RwLock};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::similarity::{Capacity, Index};

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<VectorIndex>()
}

#[pyclass(module = "sluicegate._core", frozen)]
struct VectorIndex(RwLock<Index>);

#[pymethods]
impl VectorIndex {
    #[new]
    fn new(dimensions: usize, entries: usize) -> Self {
        Self(RwLock::new(Index::new(Capacity { dimensions, entries })))
    }

    fn insert(&self, py: Python<'_>, scope: u128, entry: u64, vector: &[u8]) -> PyResult<Vec<u64>> {
        let vector = floats(vector);
        py.detach(|| {
            let mut gone = Vec::new();
            let mut index = self.0.write().unwrap_or_else(PoisonError::into_inner);
            let is_good = index.insert(scope, entry, &vector, &mut gone);
            is_good.then_some(gone).ok_or_else(|| {
                PyValueError::new_err("the vector has another dimension, or no direction")
            })
        })
    }

    fn remove(&self, py: Python<'_>, entry: u64) -> bool {
        py.detach(|| self.0.write().unwrap_or_else(PoisonError::into_inner).remove(entry))
    }

    fn search(&self, py: Python<'_>, scope: u128, vector: &[u8], most: usize) -> Vec<(u64, f32)> {
        let question = floats(vector);
        py.detach(|| {
            let index = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let hits = index.search(scope, &question, most).into_iter();
            hits.map(|hit| (hit.id, hit.similarity)).collect()
        })
    }

    fn __len__(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    #[getter]
    fn size_bytes(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).bytes()
    }
}

/// Numbers of 32 bits, the least significant byte first; what is too short for one is left out, and so no dimension.
fn floats(bytes: &[u8]) -> Vec<f32> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let numbers = numbers.iter().map(|&number| f32::from_le_bytes(number));
    numbers.chain(rest.first().map(|_| f32::NAN)).collect()
}
