//! `Exchange`: one request's life as the front sees it.

use std::sync::Arc;
use std::task::Context;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use super::engine::Engine;
use super::error::{RefusalFields, refusal_fields};
use crate::drive::{self, Attempt, Cancel, Exchange, Head, Ready, State};
use crate::live::{Closing, Message};
use crate::stream::{ToolForm, ToolForms};

/// A tool that the translation made a function: the function's name, the tool's own, its group, and whether it takes
/// free text.
type Form = (String, String, Option<String>, bool);

#[pyclass(frozen, name = "Exchange", module = "sluicegate._core")]
pub struct PyExchange {
    engine: Py<Engine>,
    x: Arc<Exchange>,
    #[pyo3(get)]
    first_target: usize,
    #[pyo3(get)]
    started: bool,
    /// Whoever forgets it ends it.
    is_owned: bool,
}

impl PyExchange {
    /// One that somebody else serves.
    pub const fn new(
        engine: Py<Engine>,
        x: Arc<Exchange>,
        first_target: usize,
        started: bool,
    ) -> Self {
        Self { engine, x, first_target, started, is_owned: false }
    }

    /// One that its holder serves.
    pub fn owned(mut self) -> Self {
        self.is_owned = true;
        self
    }
}

#[pymethods]
impl PyExchange {
    #[getter]
    fn request_id(&self) -> &str {
        &self.x.id_text
    }

    #[getter]
    fn attempts(&self) -> u32 {
        self.x.attempts()
    }

    #[getter]
    fn stream(&self) -> bool {
        self.x.admission.scan.stream()
    }

    /// Whether its stream is one JSON array.
    #[getter]
    fn as_array(&self) -> bool {
        self.x.admission.place.as_array
    }

    #[getter]
    fn body(&self) -> &[u8] {
        self.x.asked().1
    }

    /// The path that it came to, as the table of routes has it.
    #[getter]
    fn path(&self) -> &str {
        &self.x.admission.place.route.path
    }

    /// The boundary of a body that is a form.
    #[getter]
    fn form(&self) -> Option<&str> {
        self.x.admission.headers.form.as_deref()
    }

    /// Whether a target has what is asked in the form that the client speaks.
    fn is_own(&self, target: usize) -> bool {
        let target = self.x.admission.route.targets.get(target);
        target.is_some_and(|target| drive::is_own(&self.x, target))
    }

    /// Whether a conversation that the gateway keeps was put into its body.
    #[getter]
    fn is_expanded(&self) -> bool {
        self.x.admission.place.about.as_ref().is_some_and(|about| about.is_expanded())
    }

    /// Whose it is and where it goes, as JSON by the ledger's columns.
    #[getter]
    fn open_row<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.x.open_row())
    }

    /// Under whose limits it falls, as JSON for `batch_correct`.
    #[getter]
    fn bearer<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        let bearer = serde_json::to_vec(&self.x.bearer()).unwrap_or_default();
        PyBytes::new(py, &bearer)
    }

    #[getter]
    fn requested_model(&self) -> &str {
        &self.x.admission.requested_model
    }

    #[getter]
    fn generation(&self) -> u64 {
        self.x.admission.snapshot.generation
    }

    /// Whether the head is out, so that an error can only be an event.
    #[getter]
    fn head_sent(&self) -> bool {
        self.x.client_status().is_some()
    }

    /// Seconds until the request must be over.
    #[getter]
    fn remaining_s(&self) -> f64 {
        let deadline = self.x.admission.deadline;
        deadline.saturating_duration_since(std::time::Instant::now()).as_secs_f64()
    }

    /// `(provider, model, dialect, weight)` of each target.
    #[getter]
    fn targets(&self) -> Vec<(&str, &str, &'static str, u32)> {
        let targets = self.x.admission.route.targets.iter();
        targets
            .map(|t| {
                let upstream = &t.upstream;
                let dialect = upstream.dialect_for(self.x.admission.dialect);
                (upstream.provider.as_str(), t.model.as_str(), dialect.name(), t.weight)
            })
            .collect()
    }

    /// `(key, group, is free)` of each target; the key's name is empty where its provider has only one.
    #[getter]
    fn keys(&self) -> Vec<(&str, usize, bool)> {
        let now = std::time::Instant::now();
        let targets = self.x.admission.route.targets.iter();
        targets
            .map(|t| {
                (t.upstream.key.as_ref().map_or("", |k| k.name.as_str()), t.group, t.is_free(now))
            })
            .collect()
    }

    /// Passes a target's key over for so many seconds, where its provider has several.
    fn cool(&self, target: usize, time_s: f64) {
        let target = self.x.admission.route.targets.get(target);
        let time = std::time::Duration::try_from_secs_f64(time_s).unwrap_or_default();
        if let Some(key) = target.and_then(|target| target.upstream.key.as_ref()) {
            key.cool(time, std::time::Instant::now());
        }
    }

    #[getter]
    fn strategy(&self) -> &'static str {
        match self.x.admission.route.strategy {
            drive::Strategy::Fallback => "fallback",
            drive::Strategy::Weighted => "weighted",
        }
    }

    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.x.outbox.take().map(|ready| ready_to_py(py, ready)).transpose()
    }

    /// A message of a session's client; a token for `Engine.granted` where no other may follow yet.
    fn hear(&self, message: &Bound<'_, PyAny>) -> PyResult<Option<u64>> {
        let message = match message.cast::<PyString>() {
            Ok(text) => Message::Text(text.to_str()?.into()),
            Err(_) => Message::Binary(message.extract::<PyBackedBytes>()?.to_vec().into()),
        };
        let Some(session) = &self.x.session else { return Ok(None) };
        session.line.put(message);
        let (token, waker) = self.engine.get().waker();
        let room = session.line.poll_room(&mut Context::from_waker(&waker));
        Ok(room.is_pending().then_some(token))
    }

    /// A session's client closes, with a code if it says one.
    fn hear_close(&self, code: Option<u16>, reason: &str) {
        if let Some(session) = &self.x.session {
            session.line.put(Message::Close(code.map(|code| Closing::new(code, reason))));
        }
    }

    /// A future of `event_loop` for what `take` had not yet.
    fn wait<'py>(&self, event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = event_loop.py();
        let future = event_loop.call_method0(intern!(py, "create_future"))?;
        let waiter = (self.x.clone(), future.clone().unbind());
        self.engine.get().waiters().insert(self.x.token, waiter);
        Ok(future)
    }

    #[pyo3(signature = (target, body=None, dropped=None, more=None, tool_forms=None))]
    fn attempt(
        &self,
        target: usize,
        body: Option<&[u8]>,
        dropped: Option<&[u8]>,
        more: Option<Vec<PyBackedBytes>>,
        tool_forms: Option<Vec<Form>>,
    ) {
        let forms = tool_forms.unwrap_or_default().into_iter();
        let forms = forms.map(|(function, name, namespace, is_free_text)| ToolForm {
            function,
            name,
            namespace,
            is_free_text,
        });
        self.x.set_tool_forms(ToolForms::new(forms.collect()));
        let body = body.map(bytes::Bytes::copy_from_slice);
        let more = more.unwrap_or_default();
        let more = more.iter().map(|body| bytes::Bytes::copy_from_slice(body)).collect();
        self.x.set_dropped(dropped.map(bytes::Bytes::copy_from_slice));
        self.engine.get().core.attempt(&self.x, Attempt { target, body, more });
    }

    fn cancel(&self) {
        self.x.cancel(Cancel::ClientLeft);
    }

    /// Ends it if its run was ended meanwhile.
    fn end_if_killed(&self) {
        self.x.end_if_killed(&self.engine.get().core.governance());
    }

    fn shut_down(&self) {
        self.x.cancel(Cancel::Shutdown);
    }

    /// Whether a kept answer that is too old is given, since every upstream failed.
    fn give_stale(&self) -> bool {
        self.engine.get().core.give_stale(&self.x)
    }

    #[pyo3(signature = (status, code=None))]
    fn close(&self, status: u16, code: Option<String>) {
        self.engine.get().core.close(&self.x, status, code);
    }
}

impl Drop for PyExchange {
    /// A front that forgets an exchange ends it; one that ran to its end is not changed by that.
    fn drop(&mut self) {
        if self.is_owned {
            self.x.cancel(Cancel::ClientLeft);
        }
    }
}

/// `(head, body, state, failure, messages)`; head is `(status, [(name, value), ...])` or None.
pub fn ready_to_py(py: Python<'_>, ready: Ready) -> PyResult<Bound<'_, PyAny>> {
    let head = ready.head.map(|head| head_to_py(py, &head)).transpose()?;
    let body = PyBytes::new(py, &ready.body);
    let (state, failure) = match ready.state {
        State::Open => (0, None),
        State::End => (1, None),
        State::Broken => (3, None),
        State::Failed(failure) => (2, Some(Failure(*failure))),
    };
    let messages = ready.messages.into_iter().map(|message| message_to_py(py, message));
    let messages = PyTuple::new(py, messages.collect::<PyResult<Vec<_>>>()?)?;
    (head, body, state, failure, messages).into_pyobject(py).map(Bound::into_any)
}

/// Text, bytes, or how a session closes: `(code, reason)`.
fn message_to_py(py: Python<'_>, message: Message) -> PyResult<Bound<'_, PyAny>> {
    Ok(match message {
        Message::Text(text) => PyString::new(py, &text).into_any(),
        Message::Binary(data) => PyBytes::new(py, &data).into_any(),
        Message::Close(closing) => {
            let closing = closing.map(|Closing { code, reason }| (code, reason));
            closing.unwrap_or((1000, String::new())).into_pyobject(py)?.into_any()
        }
    })
}

fn head_to_py<'py>(py: Python<'py>, head: &Head) -> PyResult<(u16, Bound<'py, PyList>)> {
    let pairs =
        head.headers.iter().map(|(name, value)| (PyBytes::new(py, name), PyBytes::new(py, value)));
    Ok((head.status, PyList::new(py, pairs.collect::<Vec<_>>())?))
}

#[pyclass(frozen, module = "sluicegate._core")]
pub struct Failure(pub drive::Failure);

#[pymethods]
impl Failure {
    #[getter]
    fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    #[getter]
    fn is_timeout(&self) -> bool {
        self.0.kind.is_timeout()
    }

    #[getter]
    fn detail(&self) -> &str {
        &self.0.detail
    }

    #[getter]
    fn status(&self) -> Option<u16> {
        self.0.status
    }

    #[getter]
    fn retry_after(&self) -> Option<&str> {
        self.0.retry_after.as_deref()
    }

    #[getter]
    fn error_type(&self) -> Option<&str> {
        self.0.error_type.as_deref()
    }

    #[getter]
    fn body(&self) -> &[u8] {
        &self.0.body
    }

    #[getter]
    fn resent(&self) -> bool {
        self.0.resent
    }

    /// What the client is told, where a limit of the target is why.
    #[getter]
    fn refusal(&self) -> Option<RefusalFields> {
        self.0.refusal.clone().map(|refusal| refusal_fields(*refusal))
    }

    #[getter]
    fn target(&self) -> usize {
        self.0.target
    }
}
