//! `count_tokens`, `decode_tokens`, `StreamCounter`.

use pyo3::prelude::*;

use crate::tokens;

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<StreamCounter>()?;
    m.add_function(wrap_pyfunction!(count_tokens, m)?)?;
    m.add_function(wrap_pyfunction!(decode_tokens, m)?)
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

/// The text of tokens in a model's vocabulary.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)] // as Python hands it over
fn decode_tokens(py: Python<'_>, model: &str, tokens: Vec<u32>) -> Option<String> {
    py.detach(|| {
        let (vocabulary, _) = crate::tokens::vocabulary_of(model);
        vocabulary.load();
        vocabulary.decode(&tokens)
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
