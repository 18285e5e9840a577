//! What waits for the front: a head, bytes, an end. Bounded, so that a slow client stops the upstream.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::failure::Failure;
use crate::live::Message;

/// The relay stops reading from the upstream while this much waits for the client.
const ROOM_BYTES: usize = 64 * 1024;

/// Status and headers of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// HTTP status.
    pub status: u16,
    /// Lower-case names with their values.
    pub headers: Vec<(Bytes, Bytes)>,
}

/// Where an attempt stands once its [`Ready`] is handled.
#[derive(Debug, Default, Clone)]
pub enum State {
    /// More will come.
    #[default]
    Open,
    /// The answer is complete.
    End,
    /// The answer breaks off, and its client must see that.
    Broken,
    /// The attempt failed and a decision is asked for.
    Failed(Box<Failure>),
}

/// All that is ready for the front at one moment.
#[derive(Debug, Default)]
pub struct Ready {
    /// Comes once, before any bytes.
    pub head: Option<Head>,
    /// Bytes for the client.
    pub body: Vec<u8>,
    /// Of a session: what it says to its client.
    pub messages: Vec<Message>,
    message_bytes: usize,
    /// What follows.
    pub state: State,
}

impl Ready {
    /// Adds a message for the client.
    pub fn say(&mut self, message: Message) {
        self.message_bytes += message.len();
        self.messages.push(message);
    }

    fn has_room(&self) -> bool {
        self.body.len() + self.message_bytes < ROOM_BYTES
    }
}

#[derive(Debug, Default)]
struct Inner {
    ready: Ready,
    filled: bool,
    front_waits: bool,
    producer: Option<Waker>,
}

/// The hand-over between the runtime's thread and the front's.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<Inner>);

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The data are whole at every unlock; a panic elsewhere must not end other requests.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to what is ready; true if the front waits and must be woken.
    pub fn fill(&self, add: impl FnOnce(&mut Ready)) -> bool {
        let mut inner = self.lock();
        add(&mut inner.ready);
        inner.filled = true;
        std::mem::take(&mut inner.front_waits)
    }

    /// All that is ready; `None` and a wake-up later where nothing is.
    pub fn take(&self) -> Option<Ready> {
        let mut inner = self.lock();
        if !inner.filled {
            inner.front_waits = true;
            return None;
        }
        inner.filled = false;
        let ready = std::mem::take(&mut inner.ready);
        let producer = inner.producer.take();
        drop(inner);
        if let Some(waker) = producer {
            waker.wake();
        }
        Some(ready)
    }

    /// Ready once the front has taken enough that more may be added.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if inner.ready.has_room() {
            return Poll::Ready(());
        }
        match &mut inner.producer {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Nobody takes anything any more: what waits is dropped, and who waits for room has it.
    pub fn abandon(&self) {
        let mut inner = self.lock();
        inner.ready.body = Vec::new();
        let producer = inner.producer.take();
        drop(inner);
        if let Some(waker) = producer {
            waker.wake();
        }
    }

    /// Whether more may be added now.
    pub fn has_room(&self) -> bool {
        self.lock().ready.has_room()
    }
}

/// Appends, where there is nothing yet without a copy: bodies may be megabytes.
pub(super) fn append(body: &mut Vec<u8>, more: &mut Vec<u8>) {
    if body.is_empty() {
        std::mem::swap(body, more);
    } else {
        body.append(more);
    }
}
