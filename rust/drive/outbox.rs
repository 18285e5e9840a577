//! What waits for the front: a head, bytes, an end. Bounded, so that a slow client stops the upstream.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::failure::Failure;
use crate::live::Message;

/// The relay stops reading from the upstream while this much waits for the client, unless others follow its stream.
pub(super) const ROOM_BYTES: usize = 64 * 1024;

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

    fn waiting(&self) -> usize {
        self.body.len() + self.message_bytes
    }
}

#[derive(Debug, Default)]
struct Inner {
    /// What waits before it, in pieces that are taken one by one: a slow client's time is counted by what it takes.
    before: VecDeque<Vec<u8>>,
    before_bytes: usize,
    ready: Ready,
    /// Nothing more is given: the client did not take what it had.
    is_broken_off: bool,
    filled: bool,
    front_waits: bool,
    producer: Option<Waker>,
}

impl Inner {
    fn waiting(&self) -> usize {
        self.before_bytes + self.ready.waiting()
    }

    /// What waits is taken as it is, and what comes stands behind it.
    fn seal(&mut self) {
        if self.ready.head.is_none() && self.ready.body.len() >= ROOM_BYTES {
            self.before_bytes += self.ready.body.len();
            self.before.push_back(std::mem::take(&mut self.ready.body));
        }
    }

    fn drop_bytes(&mut self) {
        self.before = VecDeque::new();
        self.before_bytes = 0;
        self.ready.body = Vec::new();
    }

    fn next(&mut self) -> Ready {
        if let Some(body) = self.before.pop_front() {
            self.before_bytes -= body.len();
            return Ready { body, ..Ready::default() };
        }
        self.filled = false;
        let mut ready = std::mem::take(&mut self.ready);
        if self.is_broken_off {
            ready.state = State::Broken;
        }
        ready
    }
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
        inner.seal();
        add(&mut inner.ready);
        inner.filled = true;
        std::mem::take(&mut inner.front_waits)
    }

    /// All that is ready, or of more than the room for it the first piece; `None` and a wake-up later where nothing is.
    pub fn take(&self) -> Option<Ready> {
        let mut inner = self.lock();
        if !inner.filled {
            inner.front_waits = true;
            return None;
        }
        let ready = inner.next();
        let producer = inner.producer.take();
        drop(inner);
        if let Some(waker) = producer {
            waker.wake();
        }
        Some(ready)
    }

    /// Ready once the front has taken enough that more may be added.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_below(ROOM_BYTES, cx)
    }

    /// Ready once fewer bytes than these wait.
    pub(super) fn poll_below(&self, bytes: usize, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if inner.waiting() < bytes {
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
        inner.drop_bytes();
        let producer = inner.producer.take();
        drop(inner);
        if let Some(waker) = producer {
            waker.wake();
        }
    }

    /// The client has not taken what it was given: the rest is dropped, and it must see that. True if the front waits.
    pub(super) fn break_off(&self) -> bool {
        let mut inner = self.lock();
        inner.drop_bytes();
        inner.is_broken_off = true;
        inner.filled = true;
        std::mem::take(&mut inner.front_waits)
    }

    /// Bytes that wait for the front.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting()
    }

    /// Whether more may be added now.
    pub fn has_room(&self) -> bool {
        self.waiting() < ROOM_BYTES
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

#[cfg(test)]
mod tests {
    use super::*;

    fn add(outbox: &Outbox, bytes: &[u8]) {
        outbox.fill(|ready| ready.body.extend_from_slice(bytes));
    }

    #[test]
    fn what_is_more_than_the_room_is_taken_in_pieces_and_its_end_behind_them() {
        let outbox = Outbox::default();
        outbox.fill(|ready| ready.head = Some(Head { status: 200, headers: Vec::new() }));
        assert!(outbox.take().is_some_and(|ready| ready.head.is_some()));
        let piece = vec![b'x'; 40 * 1024];
        for _ in 0..10 {
            add(&outbox, &piece);
        }
        outbox.fill(|ready| ready.state = State::End);
        assert_eq!(outbox.waiting(), 10 * piece.len());
        let mut sizes = Vec::new();
        while let Some(ready) = outbox.take() {
            sizes.push(ready.body.len());
            assert_eq!(matches!(ready.state, State::End), sizes.len() == 6);
        }
        assert_eq!(sizes, [2, 2, 2, 2, 2, 0].map(|pieces| pieces * piece.len()));
        assert_eq!(outbox.waiting(), 0);
    }

    #[test]
    fn what_is_broken_off_ends_so_whatever_else_is_said() {
        let outbox = Outbox::default();
        add(&outbox, b"one");
        outbox.break_off();
        outbox.fill(|ready| ready.state = State::End);
        let ready = outbox.take().unwrap();
        assert!(matches!(ready.state, State::Broken) && ready.body.is_empty());
        assert!(outbox.take().is_none());
    }
}
