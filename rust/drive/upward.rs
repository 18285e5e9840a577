//! A session's connection to its upstream, and what comes from either side next.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{Sink, Stream};
use tokio_tungstenite::tungstenite::{self, Error};

use super::exchange::Exchange;
use crate::live::Message;
use crate::transport::Socket;

/// Who says something.
pub(super) enum Came {
    /// The client; None where it is gone.
    FromClient(Option<Message>),
    /// The upstream; None where it is gone.
    FromUpstream(Option<Result<tungstenite::Message, Error>>),
}

/// Neither side is listened to while the other does not take what was said.
pub(super) struct Upward {
    x: Arc<Exchange>,
    socket: Socket,
    is_unflushed: bool,
    /// The sides take turns.
    is_clients_turn: bool,
}

impl Upward {
    pub const fn new(x: Arc<Exchange>, socket: Socket) -> Self {
        Self { x, socket, is_unflushed: false, is_clients_turn: false }
    }

    /// Hands a message over; it goes out with the next look.
    pub fn send(&mut self, message: impl Into<tungstenite::Message>) -> Result<(), Error> {
        self.is_unflushed = true;
        Pin::new(&mut self.socket).start_send(message.into())
    }

    /// The answer to a close, which the connection has ready, goes out with the next look.
    pub const fn answer_close(&mut self) {
        self.is_unflushed = true;
    }

    /// What comes next, from whichever side.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Came> {
        if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
            return Poll::Ready(Came::FromUpstream(Some(Err(error))));
        }
        self.is_clients_turn = !self.is_clients_turn;
        for is_client in [self.is_clients_turn, !self.is_clients_turn] {
            let came = if is_client { self.poll_client(cx) } else { self.poll_room(cx) };
            if came.is_ready() {
                return came;
            }
        }
        Poll::Pending
    }

    /// What the upstream says next, whether the client has room for it or not.
    pub fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<Came> {
        if let Poll::Ready(Err(error)) = self.poll_flush(cx) {
            return Poll::Ready(Came::FromUpstream(Some(Err(error))));
        }
        Pin::new(&mut self.socket).poll_next(cx).map(Came::FromUpstream)
    }

    /// Ready once everything is out.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.is_unflushed {
            return Poll::Ready(Ok(()));
        }
        let flushed = Pin::new(&mut self.socket).poll_flush(cx);
        self.is_unflushed = flushed.is_pending();
        flushed
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Came> {
        if self.x.outbox.poll_room(cx).is_pending() {
            return Poll::Pending;
        }
        Pin::new(&mut self.socket).poll_next(cx).map(Came::FromUpstream)
    }

    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<Came> {
        let Some(session) = &self.x.session else { return Poll::Ready(Came::FromClient(None)) };
        match Pin::new(&mut self.socket).poll_ready(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Came::FromUpstream(Some(Err(error)))),
            Poll::Ready(Ok(())) => session.line.poll_take(cx).map(Came::FromClient),
        }
    }
}
