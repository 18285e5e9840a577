//! Messages from a client on their way to the session, bounded: who is not read is not listened to.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::message::Message;

/// No more is taken from the client while this much waits.
const ROOM_BYTES: usize = 64 * 1024;

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Message>,
    bytes: usize,
    is_closed: bool,
    taker: Option<Waker>,
    giver: Option<Waker>,
}

/// A queue with one end on the front's thread and the other on the runtime's.
#[derive(Debug, Default)]
pub struct Line(Mutex<Inner>);

impl Line {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a message. One may always be added; whether another may, [`Self::poll_room`] tells.
    pub fn put(&self, message: Message) {
        let mut inner = self.lock();
        inner.bytes += message.len();
        inner.waiting.push_back(message);
        wake(&mut inner.taker);
    }

    /// The client says nothing more.
    pub fn close(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        wake(&mut inner.taker);
    }

    /// The next message; None once the client has gone.
    pub fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut inner = self.lock();
        let Some(message) = inner.waiting.pop_front() else {
            if inner.is_closed {
                return Poll::Ready(None);
            }
            remember(&mut inner.taker, cx);
            return Poll::Pending;
        };
        inner.bytes -= message.len();
        if inner.bytes < ROOM_BYTES {
            wake(&mut inner.giver);
        }
        Poll::Ready(Some(message))
    }

    /// Ready while another message may be added.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if inner.bytes < ROOM_BYTES {
            return Poll::Ready(());
        }
        remember(&mut inner.giver, cx);
        Poll::Pending
    }
}

fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

fn remember(waiting: &mut Option<Waker>, cx: &Context<'_>) {
    match waiting {
        Some(waker) => waker.clone_from(cx.waker()),
        none => *none = Some(cx.waker().clone()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn binary(len: usize) -> Message {
        Message::Binary(Bytes::from(vec![0; len]))
    }

    #[test]
    fn it_is_full_at_its_bound_and_has_room_again_once_something_is_taken() {
        let (line, cx) = (Line::default(), &mut Context::from_waker(Waker::noop()));
        line.put(binary(ROOM_BYTES - 1));
        assert!(line.poll_room(cx).is_ready());
        line.put(binary(1));
        assert!(line.poll_room(cx).is_pending());
        assert!(line.poll_take(cx).is_ready());
        assert!(line.poll_room(cx).is_ready());
    }

    #[test]
    fn what_was_said_before_the_end_is_heard() {
        let (line, cx) = (Line::default(), &mut Context::from_waker(Waker::noop()));
        assert!(line.poll_take(cx).is_pending());
        line.put(binary(1));
        line.close();
        assert_eq!(line.poll_take(cx), Poll::Ready(Some(binary(1))));
        assert_eq!(line.poll_take(cx), Poll::Ready(None));
    }
}
