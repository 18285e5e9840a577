//! What a request asks of whoever decides, and what it is told.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::drive::{About, Exchange, Failure, ModelRoute, Refusal, Refused};

/// Why somebody must decide.
#[derive(Debug)]
pub enum Trouble {
    /// The core refuses the request.
    Refused(Uuid, Box<Refusal>),
    /// The body is larger than is allowed.
    BodyTooLarge,
    /// The body did not come in time.
    BodyTooSlow,
    /// The body did not come whole.
    BodyBroken,
    /// The body is not what its `content-encoding` says.
    BodyCoded,
    /// The gateway ends.
    NotReady,
    /// The gateway failed.
    Defect,
    /// The request goes on from a response.
    GoesOn(Box<GoesOn>),
    /// A plugin is asked whether the request may go on.
    Plugins(Box<Consulted>),
    /// The first target speaks another dialect.
    Translation,
    /// An attempt failed.
    Failed(Box<Failure>),
}

impl From<Refused> for Trouble {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused.id, refused.refusal)
    }
}

/// A request that goes on from a response.
#[derive(Debug)]
pub struct GoesOn {
    /// Who asks.
    pub tenant: String,
    /// The response's id.
    pub response: String,
    /// The request.
    pub body: Bytes,
}

/// A request that plugins are asked about.
#[derive(Debug)]
pub struct Consulted {
    /// Whose it is and what it asks for, as JSON.
    pub facts: Vec<u8>,
    /// The request.
    pub body: Bytes,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Names with their values.
    pub headers: Vec<(Bytes, Bytes)>,
    /// All of it.
    pub body: Bytes,
}

/// What is decided.
#[derive(Debug)]
pub enum Verdict {
    /// An attempt was begun: its result is waited for.
    Attempted,
    /// This is the answer.
    Answer(Answer),
    /// The head is out already: these are its last bytes.
    LastBytes(Bytes),
    /// What the request is about, and with what body it goes on, where that is not its own.
    Found(Option<Arc<About>>, Option<Bytes>),
    /// A plugin refuses the request.
    Refused(Box<Refusal>),
    /// Nobody is told anything.
    Gone,
}

/// One request's questions, one after the other.
#[derive(Debug)]
pub struct Case {
    /// Names it.
    pub id: u64,
    /// What was asked.
    pub route: Arc<ModelRoute>,
    /// Where it was admitted, with the first of its targets.
    pub exchange: Option<(Arc<Exchange>, usize)>,
    question: Mutex<Option<(Trouble, oneshot::Sender<Verdict>)>>,
}

/// Decides. Called on the runtime's thread; must not block.
pub trait Counsel: Send + Sync {
    /// A case has a question.
    fn ask(&self, case: Arc<Case>);
    /// A case will have no more.
    fn close(&self, id: u64);
}

impl Case {
    /// A case without a question.
    pub const fn new(
        id: u64,
        route: Arc<ModelRoute>,
        exchange: Option<(Arc<Exchange>, usize)>,
    ) -> Self {
        Self { id, route, exchange, question: Mutex::new(None) }
    }

    /// Puts a question.
    pub(super) fn put(&self, trouble: Trouble) -> oneshot::Receiver<Verdict> {
        let (answer, answered) = oneshot::channel();
        *self.question.lock().unwrap_or_else(PoisonError::into_inner) = Some((trouble, answer));
        answered
    }

    /// The question, and where its answer goes; None where there is none.
    pub fn take(&self) -> Option<(Trouble, oneshot::Sender<Verdict>)> {
        self.question.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
