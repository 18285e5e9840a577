//! A client's socket with the patience that the gateway has for it.

use std::cell::Cell;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::drive::after;

/// What the connection waits for from its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// A next request.
    Idle,
    /// The rest of a head.
    Head,
    /// Nothing, or things that have bounds of their own.
    Busy,
}

/// How long for each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub idle: Duration,
    pub head: Duration,
    pub write_stall: Duration,
}

/// The socket. An error out of it ends the connection, and with it everything that waits for its client.
pub(super) struct Wire {
    tcp: TcpStream,
    patience: Patience,
    phase: Rc<Cell<Phase>>,
    /// The phase that `reading` was set for.
    waiting: Phase,
    reading: Timer,
    writing: Timer,
    is_stalled: bool,
}

impl Wire {
    pub fn new(tcp: TcpStream, patience: Patience, phase: Rc<Cell<Phase>>) -> Self {
        Self {
            tcp,
            patience,
            phase,
            waiting: Phase::Busy,
            reading: Timer::default(),
            writing: Timer::default(),
            is_stalled: false,
        }
    }

    /// Fails once the client has had its time for what is waited for.
    fn nothing_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let phase = self.phase.get();
        if phase != self.waiting {
            self.waiting = phase;
            match phase {
                Phase::Busy => {}
                Phase::Idle => self.reading.set(self.patience.idle),
                Phase::Head => self.reading.set(self.patience.head),
            }
        }
        if phase != Phase::Busy && self.reading.is_over(cx) {
            return Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client is silent")));
        }
        Poll::Pending
    }

    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        poll: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if poll.is_ready() {
            self.is_stalled = false;
            return poll;
        }
        if !self.is_stalled {
            self.is_stalled = true;
            self.writing.set(self.patience.write_stall);
        }
        if self.writing.is_over(cx) {
            return Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, "the client is stuck")));
        }
        Poll::Pending
    }
}

/// A deadline that moves often and passes seldom: the timer below it moves only when it fires, or must fire earlier.
#[derive(Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    until: Option<Instant>,
}

impl Timer {
    fn set(&mut self, wait: Duration) {
        let until = after(Instant::now(), wait);
        self.until = Some(until);
        match &mut self.sleep {
            Some(sleep) if sleep.is_elapsed() || until < sleep.deadline().into_std() => {
                sleep.as_mut().reset(until.into());
            }
            Some(_) => {}
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(until.into()))),
        }
    }

    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let (Some(sleep), Some(until)) = (&mut self.sleep, self.until) else { return false };
        while sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= until {
                return true;
            }
            sleep.as_mut().reset(until.into());
        }
        false
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let this = &mut *self;
        match Pin::new(&mut this.tcp).poll_read(cx, buf) {
            Poll::Pending => return this.nothing_read(cx),
            Poll::Ready(read) => read?,
        }
        if buf.filled().len() > before && this.phase.get() == Phase::Idle {
            this.phase.set(Phase::Head);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.wrote(cx, poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs);
        self.wrote(cx, poll)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
