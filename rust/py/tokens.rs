//! `count_tokens`, `StreamCounter`.

use pyo3::prelude::*;

use crate::tokens;

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<StreamCounter>()?;
    m.add_function(wrap_pyfunction!(count_tokens, m)?)
}

/// Tokens of a text in a model's vocabulary.
#[pyfunction]
fn count_tokens(py: Python<'_>, model: &str, text: &str) -> usize {
    py.detach(|| {
        let (vocabulary, _) = tokens::vocabulary_of(model);
        vocabulary.load();
        vocabulary.count(text)
    })
}

#[pyclass(module = "sluicegate._core")]
struct StreamCounter(tokens::StreamCounter);

#[pymethods]
impl StreamCounter {
    #[new]
    fn new(model: &str) -> Self {
        Self(tokens::StreamCounter::new(tokens::vocabulary_of(model).0))
    }

    fn push(&mut self, text: &str) {
        self.0.push(text);
    }

    fn total(&mut self) -> u64 {
        self.0.total()
    }
}
