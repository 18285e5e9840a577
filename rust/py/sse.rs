//! `SseParser`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::sse;

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<SseParser>()
}

/// `(name, data, id)` of an event.
type Found = (String, Py<PyBytes>, Option<Py<PyBytes>>);

#[pyclass(module = "sluicegate._core")]
struct SseParser(sse::Parser);

#[pymethods]
impl SseParser {
    #[new]
    #[pyo3(signature = (max_event_bytes=1 << 20))]
    fn new(max_event_bytes: usize) -> Self {
        Self(sse::Parser::new(max_event_bytes))
    }

    fn feed(&mut self, py: Python<'_>, chunk: &[u8]) -> PyResult<Vec<Found>> {
        let mut found = Vec::new();
        self.0.feed(chunk, |frame| found.extend(event(py, &frame)))?;
        Ok(found)
    }

    /// The event that the stream's end left without a blank line.
    fn finish(&mut self, py: Python<'_>) -> Option<Found> {
        let mut found = None;
        self.0.finish(|frame| found = event(py, &frame));
        found
    }

    #[getter]
    fn last_event_id(&self) -> &[u8] {
        self.0.last_event_id()
    }
}

fn event(py: Python<'_>, frame: &sse::Frame<'_>) -> Option<Found> {
    let event = frame.event.as_ref()?;
    let bytes = |bytes: &[u8]| PyBytes::new(py, bytes).unbind();
    Some((event.name().to_owned(), bytes(&event.data), event.id().map(bytes)))
}
