//! `text_difference`.

use pyo3::prelude::*;

use crate::likeness::{Difference, Traits, difference};

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(text_difference, m)?)
}

#[pyfunction]
#[pyo3(signature = (one, other, /))]
fn text_difference(py: Python<'_>, one: &str, other: &str) -> Option<&'static str> {
    py.detach(|| difference(&Traits::of(one), &Traits::of(other)).map(Difference::name))
}
