//! `Chores`: what the cache has others do.

use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::cache_question::{CacheQuestion, digest, floats};
use crate::cache::{Cache, Chore, Neighbour, Reply};
use crate::drive::Meaning;

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyChores>()?;
    m.add_class::<PyChore>()?;
    m.add_class::<CacheQuestion>()
}

/// `(model_id, scope, vector, most)`.
type Wanted<'py> = (String, Bound<'py, PyBytes>, Bound<'py, PyBytes>, usize);

#[pyclass(frozen, name = "Chores", module = "sluicegate._core")]
pub struct PyChores {
    pub cache: Arc<Cache>,
    pub meaning: Arc<Meaning>,
}

#[pymethods]
impl PyChores {
    fn take(&self, py: Python<'_>, within_s: f64) -> Vec<PyChore> {
        let within = Duration::try_from_secs_f64(within_s).unwrap_or_default();
        let chores = py.detach(|| self.cache.chores.take(within));
        chores.into_iter().map(PyChore).collect()
    }

    #[pyo3(signature = (chore, model_id, vector))]
    fn vector(&self, chore: u64, model_id: String, vector: Option<&[u8]>) -> PyResult<()> {
        let vector = vector.map(floats).transpose()?;
        self.cache.chores.tell(chore, vector.map(|vector| Reply::Vector(model_id, vector)));
        Ok(())
    }

    fn verified(&self, chore: u64, is_so: bool) {
        self.cache.chores.tell(chore, Some(Reply::Verified(is_so)));
    }

    fn near(&self, chore: u64, found: Vec<(Bound<'_, PyBytes>, String, f32)>) -> PyResult<()> {
        let read = |(key, text, similarity): (Bound<'_, PyBytes>, String, f32)| {
            Ok(Neighbour { key: digest(key.as_bytes())?, text, similarity })
        };
        let found = found.into_iter().map(read).collect::<PyResult<_>>()?;
        self.cache.chores.tell(chore, Some(Reply::Near(found)));
        Ok(())
    }

    fn learn(&self, py: Python<'_>, questions: Vec<Bound<'_, CacheQuestion>>) -> usize {
        let questions: Vec<_> = questions.into_iter().map(|each| each.get().0.clone()).collect();
        let learn = |told| self.meaning.learn(told);
        py.detach(|| questions.into_iter().map(learn).filter(|is_in| *is_in).count())
    }

    fn set_threshold(&self, embedder: String, threshold: f32) {
        self.meaning.set_threshold(embedder, threshold);
    }

    fn stats(&self) -> [(&'static str, u64); 6] {
        self.meaning.stats()
    }
}

#[pyclass(frozen, name = "Chore", module = "sluicegate._core")]
pub struct PyChore(Chore);

#[pymethods]
impl PyChore {
    #[getter]
    fn kind(&self) -> &'static str {
        match &self.0 {
            Chore::Embed { .. } => "embed",
            Chore::Verify { .. } => "verify",
            Chore::Near { .. } => "near",
            Chore::Judge(_) => "judge",
            Chore::Remember(_) => "remember",
            Chore::Forget(_) => "forget",
        }
    }

    #[getter]
    fn id(&self) -> u64 {
        self.0.id().unwrap_or(0)
    }

    #[getter]
    fn embedder(&self) -> &str {
        match &self.0 {
            Chore::Embed { embedder, .. } => embedder,
            Chore::Judge(judgement) => &judgement.embedder,
            _ => "",
        }
    }

    #[getter]
    fn model(&self) -> &str {
        match &self.0 {
            Chore::Verify { model, .. } => model,
            Chore::Judge(judgement) => &judgement.model,
            _ => "",
        }
    }

    #[getter]
    fn tenant(&self) -> &str {
        if let Chore::Judge(judgement) = &self.0 { &judgement.tenant } else { "" }
    }

    #[getter]
    fn text(&self) -> &str {
        match &self.0 {
            Chore::Embed { text, .. } | Chore::Verify { text, .. } => text,
            Chore::Judge(judgement) => &judgement.text,
            Chore::Remember(remembered) => &remembered.text,
            Chore::Near { .. } | Chore::Forget(_) => "",
        }
    }

    #[getter]
    fn other(&self) -> &str {
        match &self.0 {
            Chore::Verify { other, .. } => other,
            Chore::Judge(judgement) => &judgement.other,
            _ => "",
        }
    }

    #[getter]
    fn answer(&self) -> &str {
        if let Chore::Verify { answer, .. } = &self.0 { answer } else { "" }
    }

    #[getter]
    fn kept(&self) -> &str {
        if let Chore::Judge(judgement) = &self.0 { &judgement.kept } else { "" }
    }

    #[getter]
    fn real(&self) -> &str {
        if let Chore::Judge(judgement) = &self.0 { &judgement.real } else { "" }
    }

    #[getter]
    fn similarity(&self) -> f32 {
        if let Chore::Judge(judgement) = &self.0 { judgement.similarity } else { 0.0 }
    }

    #[getter]
    fn holder<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        match &self.0 {
            Chore::Embed { holder, .. } | Chore::Verify { holder, .. } => PyBytes::new(py, holder),
            _ => PyBytes::new(py, b""),
        }
    }

    #[getter]
    fn wanted<'py>(&self, py: Python<'py>) -> Option<Wanted<'py>> {
        let Chore::Near { model_id, scope, vector, most, .. } = &self.0 else { return None };
        let vector: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        Some((model_id.clone(), PyBytes::new(py, scope), PyBytes::new(py, &vector), *most))
    }

    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        if let Chore::Forget(key) = &self.0 { Some(PyBytes::new(py, key)) } else { None }
    }

    #[getter]
    fn remembered(&self) -> Option<CacheQuestion> {
        let Chore::Remember(it) = &self.0 else { return None };
        Some(CacheQuestion((**it).clone()))
    }
}
