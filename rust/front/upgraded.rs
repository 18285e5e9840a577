//! A client's end of a session, once its connection is a WebSocket.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{Sink, Stream};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{HeaderValue, Response};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{self, Error};

use super::answer::{FrontBody, with_headers};
use super::model::Run;
use super::wire::Wire;
use crate::drive::{Head, Ready, State};
use crate::live::{self, Line, Message};

/// How often a client is asked whether it is there, and how long it may say nothing at all.
const PING_EVERY: Duration = Duration::from_secs(20);
const SILENT: Duration = Duration::from_mins(1);
/// For a client to answer a close.
const FAREWELL: Duration = Duration::from_secs(2);

/// Where a connection finds what its request has made of it.
pub(super) type Slot = Rc<Cell<Option<Upgraded>>>;

/// A session whose client's connection is about to become a WebSocket.
pub(super) struct Upgraded {
    run: Run,
    /// What it has to say so far.
    first: Ready,
}

/// Agrees to the upgrade.
pub(super) fn agree(
    (slot, accept): (Slot, String),
    run: Run,
    head: Head,
    first: Ready,
) -> Response<FrontBody> {
    let mut response = with_headers(head.status, head.headers, FrontBody::Whole(None));
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::from_maybe_shared(Bytes::from(accept)) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    slot.set(Some(Upgraded { run, first }));
    response
}

impl Upgraded {
    /// Carries messages until the session or its client ends. `read` came behind the request.
    pub async fn serve(self, wire: Wire, read: Bytes) {
        let config = live::config(self.run.max_message_bytes());
        let (read, role) = (read.to_vec(), Role::Server);
        let socket = WebSocketStream::from_partially_read(wire, read, role, Some(config)).await;
        let mut pump = Pump {
            run: self.run,
            socket,
            waiting: VecDeque::new(),
            is_over: false,
            is_unflushed: false,
            has_closed: false,
            heard: Instant::now(),
        };
        pump.take(self.first);
        let mut pings = tokio::time::interval_at((Instant::now() + PING_EVERY).into(), PING_EVERY);
        let is_there = loop {
            tokio::select! {
                is_there = poll_fn(|cx| pump.poll(cx)) => break is_there,
                _ = pings.tick() => if !pump.ping() { break false },
            }
        };
        if is_there && pump.has_closed {
            // It answers the close, and then ends the connection itself: a connection that is dropped over unread bytes
            // is a reset, which the close may not survive.
            let _ = tokio::time::timeout(FAREWELL, poll_fn(|cx| pump.poll_answer(cx))).await;
        }
    }
}

struct Pump {
    run: Run,
    socket: WebSocketStream<Wire>,
    /// For the client.
    waiting: VecDeque<Message>,
    /// The session has nothing more to say.
    is_over: bool,
    is_unflushed: bool,
    /// A close of ours is among what was sent.
    has_closed: bool,
    heard: Instant,
}

impl Pump {
    /// Ready with whether the client is still there, once the session is over or it has gone.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            if self.poll_out(cx).is_err() {
                return Poll::Ready(false);
            }
            if self.waiting.is_empty() {
                if self.is_over && !self.is_unflushed {
                    return Poll::Ready(true);
                }
                if !self.is_over
                    && let Poll::Ready(ready) = self.run.poll_ready(cx)
                {
                    self.take(ready);
                    continue;
                }
            }
            let Some(line) = self.run.line() else { return Poll::Ready(false) };
            if line.poll_room(cx).is_pending() {
                return Poll::Pending;
            }
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(message))) => {
                    self.heard = Instant::now();
                    hear(line, message);
                }
                // It closed in order: the session says when it is over.
                Poll::Ready(None) if self.has_closed => return Poll::Ready(false),
                Poll::Ready(None) => {
                    line.close();
                    return if self.is_over { Poll::Ready(false) } else { self.poll_end(cx) };
                }
                Poll::Ready(Some(Err(error))) => {
                    if let Some(close) = complaint(&error) {
                        self.waiting.clear();
                        self.waiting.push_back(close);
                        let _ = self.poll_out(cx); // it may hear it or not
                    }
                    return Poll::Ready(self.has_closed);
                }
            }
        }
    }

    /// Ready once the session knows that its client has gone.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        while !self.is_over {
            match self.run.poll_ready(cx) {
                Poll::Ready(ready) => self.take(ready),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(false)
    }

    fn poll_out(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        while !self.waiting.is_empty() {
            match Pin::new(&mut self.socket).poll_ready(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(ready) => ready?,
            }
            let Some(message) = self.waiting.pop_front() else { break };
            self.has_closed |= matches!(message, Message::Close(_));
            self.is_unflushed = true;
            Pin::new(&mut self.socket).start_send(message.into())?;
        }
        if self.is_unflushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.socket).poll_flush(cx)
        {
            self.is_unflushed = false;
            flushed?;
        }
        Ok(())
    }

    /// Ready once the client has answered a close, or left.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match Pin::new(&mut self.socket).poll_next(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => return self.poll_rest(cx),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Ready at the end of what the client sends; of no account any more.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut unheard = [0; 4096];
        loop {
            let mut into = ReadBuf::new(&mut unheard);
            match Pin::new(self.socket.get_mut()).poll_read(cx, &mut into) {
                Poll::Ready(Ok(())) if !into.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn take(&mut self, ready: Ready) {
        let Ready { messages, state, .. } = ready;
        self.waiting.extend(messages);
        self.is_over = !matches!(state, State::Open);
        let says_why = matches!(self.waiting.back(), Some(Message::Close(_)));
        if matches!(state, State::Failed(_) | State::Broken) && !says_why {
            self.waiting.push_back(Message::close(1011, "internal_error"));
        }
    }

    /// Whether the client may still be there.
    fn ping(&mut self) -> bool {
        self.is_unflushed = true;
        let ping = tungstenite::Message::Ping(Bytes::new());
        self.heard.elapsed() <= SILENT && Pin::new(&mut self.socket).start_send(ping).is_ok()
    }
}

fn hear(line: &Line, message: tungstenite::Message) {
    if let Some(message) = Message::read(message) {
        line.put(message);
    }
}

/// What a client is told that does not speak as it must.
fn complaint(error: &Error) -> Option<Message> {
    Some(match error {
        Error::Capacity(_) => Message::close(1009, "the message is too large"),
        Error::Utf8(_) => Message::close(1007, "the text is no UTF-8"),
        Error::Protocol(_) => Message::close(1002, "that is no frame"),
        _ => return None,
    })
}
