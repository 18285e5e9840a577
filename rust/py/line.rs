//! `RedisLine`.

use std::sync::Mutex;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};

use super::engine::lock;
use crate::line::{Answer, Line};

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<RedisLine>()
}

#[pyclass(frozen, module = "sluicegate._core")]
pub struct RedisLine(Mutex<Line>);

#[pymethods]
impl RedisLine {
    #[new]
    fn new(url: &str) -> PyResult<Self> {
        Ok(Self(Mutex::new(Line::new(url)?)))
    }

    #[allow(clippy::needless_pass_by_value)] // what Python hands over is ours
    fn call<'py>(
        &self,
        py: Python<'py>,
        commands: Vec<Vec<PyBackedBytes>>,
        within_s: f64,
    ) -> PyResult<Vec<Option<Bound<'py, PyAny>>>> {
        let within = Duration::try_from_secs_f64(within_s).unwrap_or_default();
        let answers = py.detach(|| lock(&self.0).call(&commands, within))?;
        answers.into_iter().map(|answer| shown(py, answer)).collect()
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| lock(&self.0).close());
    }
}

fn shown(py: Python<'_>, answer: Answer) -> PyResult<Option<Bound<'_, PyAny>>> {
    Ok(match answer {
        Answer::Nothing => None,
        Answer::Number(number) => Some(number.into_pyobject(py)?.into_any()),
        Answer::Bytes(bytes) => Some(PyBytes::new(py, &bytes).into_any()),
        Answer::Several(answers) => {
            let shown = answers.into_iter().map(|answer| shown(py, answer));
            Some(PyList::new(py, shown.collect::<PyResult<Vec<_>>>()?)?.into_any())
        }
        Answer::Refused(words) => Some(words.into_pyobject(py)?.into_any()),
    })
}
