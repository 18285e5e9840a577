//! `Front`: the listener, and the cases in which it asks Python.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use pyo3::prelude::*;
use tokio::sync::oneshot;

use super::engine::Engine;
use super::error::{RefusalFields, refusal_fields};
use super::exchange::{Failure, PyExchange};
use super::place::{PyAbout, PyModelRoutes};
use super::wake::LoopWake;
use crate::drive::{Refusal, Wake};
use crate::front::{
    self, Answer, Case, Consulted, Control, Counsel, FrontOptions, GoesOn, Trouble, Verdict,
};

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyFront>()?;
    m.add_class::<PyCase>()
}

/// Cases on their way to the loop.
struct Inbox {
    wake: LoopWake,
    asked: Mutex<Vec<Arc<Case>>>,
    closed: Mutex<Vec<u64>>,
}

impl Counsel for Inbox {
    fn ask(&self, case: Arc<Case>) {
        let id = case.id;
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(case);
        self.wake.wake(id);
    }

    fn close(&self, id: u64) {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        self.wake.wake(id);
    }
}

#[pyclass(frozen, name = "Front", module = "sluicegate._core")]
pub struct PyFront {
    front: front::Front,
    engine: Py<Engine>,
    inbox: Arc<Inbox>,
    on_case: Py<PyAny>,
    /// Those that may ask again.
    open: Mutex<HashMap<u64, Py<PyCase>>>,
}

#[pymethods]
impl PyFront {
    #[new]
    #[pyo3(signature = (engine, on_case, *, address, port, handover, routes, max_connections, max_body_bytes,
        head_timeout_s, body_timeout_s, write_stall_s, idle_timeout_s))]
    #[allow(clippy::too_many_arguments)] // keywords, all of them
    fn new(
        py: Python<'_>,
        engine: Py<Engine>,
        on_case: Py<PyAny>,
        address: &str,
        port: u16,
        handover: PathBuf,
        routes: &PyModelRoutes,
        max_connections: usize,
        max_body_bytes: usize,
        head_timeout_s: f64,
        body_timeout_s: f64,
        write_stall_s: f64,
        idle_timeout_s: f64,
    ) -> PyResult<Self> {
        let options = FrontOptions {
            address: SocketAddr::new(address.parse::<IpAddr>()?, port),
            handover,
            routes: routes.0.clone(),
            max_connections,
            max_body_bytes,
            head_timeout: seconds(head_timeout_s),
            body_timeout: seconds(body_timeout_s),
            write_stall: seconds(write_stall_s),
            idle_timeout: seconds(idle_timeout_s),
        };
        let inbox = Arc::new(Inbox {
            wake: LoopWake::new()?,
            asked: Mutex::default(),
            closed: Mutex::default(),
        });
        let core = engine.get().core.clone();
        let counsel = inbox.clone();
        let front = py.detach(|| front::Front::start(&core, options, counsel))?;
        Ok(Self { front, engine, inbox, on_case, open: Mutex::default() })
    }

    fn fileno(&self) -> i32 {
        self.inbox.wake.fileno()
    }

    /// Hands new questions to `on_case`. The loop's reader of `fileno`.
    fn dispatch(&self, py: Python<'_>) -> PyResult<()> {
        self.inbox.wake.take();
        // In this order: what a case asked before it was closed is then among what was asked.
        let closed = taken(&self.inbox.closed);
        let asked = taken(&self.inbox.asked);
        for case in asked {
            let case = self.case(py, case)?;
            self.on_case.call1(py, (case,))?;
        }
        for id in closed {
            self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
        Ok(())
    }

    /// Requests to models that run.
    fn __len__(&self) -> usize {
        self.front.active()
    }

    fn drain(&self) {
        self.front.control(Control::Drain);
    }

    fn shut_down(&self) {
        self.front.control(Control::ShutDown);
    }

    fn set_max_body_bytes(&self, most: usize) {
        self.front.control(Control::MaxBodyBytes(most));
    }

    fn end_killed(&self) {
        self.front.control(Control::EndKilled);
    }
}

impl PyFront {
    fn case(&self, py: Python<'_>, case: Arc<Case>) -> PyResult<Py<PyCase>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = open.get(&case.id) {
            return Ok(known.clone_ref(py));
        }
        let exchange = case
            .exchange
            .clone()
            .map(|(x, first)| {
                Py::new(py, PyExchange::new(self.engine.clone_ref(py), x, first, false))
            })
            .transpose()?;
        let id = case.id;
        let py_case = Py::new(
            py,
            PyCase {
                case,
                exchange,
                course: Mutex::default(),
                goes_on: OnceLock::new(),
                consulted: OnceLock::new(),
                answer: Mutex::default(),
            },
        )?;
        open.insert(id, py_case.clone_ref(py));
        Ok(py_case)
    }
}

fn taken<T>(waiting: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner))
}

fn seconds(s: f64) -> Duration {
    Duration::try_from_secs_f64(s).unwrap_or(Duration::MAX)
}

#[pyclass(frozen, name = "Case", module = "sluicegate._core")]
pub struct PyCase {
    case: Arc<Case>,
    #[pyo3(get)]
    exchange: Option<Py<PyExchange>>,
    course: Mutex<Option<Py<PyAny>>>,
    goes_on: OnceLock<GoesOn>,
    consulted: OnceLock<Consulted>,
    answer: Mutex<Option<oneshot::Sender<Verdict>>>,
}

/// A question: its kind, and what belongs to it.
type Question = (&'static str, Option<(String, RefusalFields)>, Option<Failure>);

#[pymethods]
impl PyCase {
    #[getter]
    fn dialect(&self) -> &'static str {
        self.case.route.dialect.name()
    }

    #[getter]
    fn operation(&self) -> &'static str {
        self.case.route.operation.name()
    }

    /// What whoever decides remembers between two questions.
    #[getter]
    fn course(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        course.as_ref().map(|course| course.clone_ref(py))
    }

    #[setter]
    fn set_course(&self, course: Py<PyAny>) {
        *self.course.lock().unwrap_or_else(PoisonError::into_inner) = Some(course);
    }

    /// Whether nobody waits for the answer any more.
    #[getter]
    fn gone(&self) -> bool {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn take(&self) -> Option<Question> {
        let (trouble, answer) = self.case.take()?;
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        Some(match trouble {
            Trouble::Refused(id, refusal) => {
                ("refused", Some((id.to_string(), refusal_fields(*refusal))), None)
            }
            Trouble::BodyTooLarge => ("body_too_large", None, None),
            Trouble::BodyTooSlow => ("body_too_slow", None, None),
            Trouble::BodyBroken => ("body_broken", None, None),
            Trouble::BodyCoded => ("body_coded", None, None),
            Trouble::NotReady => ("not_ready", None, None),
            Trouble::Defect => ("defect", None, None),
            Trouble::GoesOn(goes_on) => {
                let _ = self.goes_on.set(*goes_on); // asked once
                ("goes_on", None, None)
            }
            Trouble::Plugins(consulted) => {
                let _ = self.consulted.set(*consulted); // asked once
                ("plugins", None, None)
            }
            Trouble::Translation => ("translation", None, None),
            Trouble::Failed(failure) => ("failed", None, Some(Failure(*failure))),
        })
    }

    /// `(tenant, response, body)` of a request that goes on from a response.
    #[getter]
    fn goes_on(&self) -> Option<(&str, &str, &[u8])> {
        let GoesOn { tenant, response, body } = self.goes_on.get()?;
        Some((tenant, response, body))
    }

    /// `(facts, body)` of a request that plugins are asked about.
    #[getter]
    fn consulted(&self) -> Option<(&[u8], &[u8])> {
        let Consulted { facts, body } = self.consulted.get()?;
        Some((facts, body))
    }

    /// A plugin refuses the request, or could not decide.
    #[pyo3(signature = (status, message, *, failed=false))]
    fn refuse(&self, status: u16, message: String, failed: bool) {
        self.tell(Verdict::Refused(Box::new(by_plugin(status, message, failed))));
    }

    /// What the request is about, and with what body it goes on.
    #[pyo3(signature = (about=None, body=None))]
    fn found(&self, about: Option<&PyAbout>, body: Option<Vec<u8>>) {
        let about = about.map(|about| about.0.clone());
        self.tell(Verdict::Found(about, body.map(Bytes::from)));
    }

    fn attempted(&self) {
        self.tell(Verdict::Attempted);
    }

    fn answer(&self, status: u16, headers: Vec<(Vec<u8>, Vec<u8>)>, body: Vec<u8>) {
        let headers = headers.into_iter().map(|(n, v)| (n.into(), v.into())).collect();
        self.tell(Verdict::Answer(Answer { status, headers, body: Bytes::from(body) }));
    }

    fn last_bytes(&self, body: Vec<u8>) {
        self.tell(Verdict::LastBytes(body.into()));
    }

    fn nothing(&self) {
        self.tell(Verdict::Gone);
    }
}

/// What a client is told in a plugin's name.
pub fn by_plugin(status: u16, message: String, failed: bool) -> Refusal {
    if failed { Refusal::plugin_failed(message) } else { Refusal::by_plugin(status, message) }
}

impl PyCase {
    fn tell(&self, verdict: Verdict) {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(answer) = answer {
            let _ = answer.send(verdict); // nobody may wait any more
        }
    }
}
