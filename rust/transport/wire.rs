//! A TCP connection whose pool can ask whether the other side has already closed it.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// One connection, shared by the task that drives it and the pool that keeps it.
#[derive(Debug, Clone)]
pub struct Wire(Rc<State>);

#[derive(Debug)]
struct State {
    tcp: RefCell<TcpStream>,
    phase: Cell<Phase>,
}

/// How far the request that the connection carries is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing of it was written.
    Begun,
    /// The other side had closed before it could read any of it.
    TooLate,
    /// Some of it may have been read.
    Written,
}

impl Wire {
    pub fn new(tcp: TcpStream) -> Self {
        Self(Rc::new(State { tcp: RefCell::new(tcp), phase: Cell::new(Phase::Written) }))
    }

    /// Whether nothing has come while nothing was asked: neither an end nor surplus bytes. One system call.
    pub fn is_quiet(&self) -> bool {
        let mut byte = [0_u8];
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        matches!(recv(&*self.0.tcp.borrow(), &mut byte, flags), Err(Errno::AGAIN))
    }

    /// A request is about to be written on a connection that has rested.
    pub fn begin(&self) {
        self.0.phase.set(Phase::Begun);
    }

    /// Whether the other side had closed before it could read any of the request.
    pub fn was_too_late(&self) -> bool {
        self.0.phase.get() == Phase::TooLate
    }

    /// Writes, unless an end or something nobody asked for has come before the request's first byte.
    fn write(
        &self,
        write: impl FnOnce(Pin<&mut TcpStream>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let is_first = self.0.phase.get() == Phase::Begun;
        if is_first && !self.is_quiet() {
            self.0.phase.set(Phase::TooLate);
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let written = write(Pin::new(&mut *self.0.tcp.borrow_mut()));
        match &written {
            Poll::Ready(Ok(_)) => self.0.phase.set(Phase::Written),
            Poll::Ready(Err(_)) if is_first => self.0.phase.set(Phase::TooLate),
            _ => {}
        }
        written
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.tcp.borrow_mut()).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(|tcp| tcp.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(|tcp| tcp.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.tcp.borrow_mut()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.tcp.borrow_mut()).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Wire::new(ours), listener.accept().await.unwrap().0)
    }

    async fn no_longer_quiet(wire: &Wire) {
        while wire.is_quiet() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_rested_connection_carries_a_request() {
        let (mut wire, _theirs) = pair().await;
        wire.begin();
        wire.write_all(b"request").await.unwrap();
        assert!(!wire.was_too_late());
    }

    #[tokio::test]
    async fn nothing_is_written_where_the_other_side_has_closed() {
        let (mut wire, theirs) = pair().await;
        drop(theirs);
        no_longer_quiet(&wire).await;
        wire.begin();
        assert!(wire.write_all(b"request").await.is_err());
        assert!(wire.was_too_late());
    }

    #[tokio::test]
    async fn what_comes_unasked_on_a_new_connection_is_part_of_its_beginning() {
        let (mut wire, mut theirs) = pair().await;
        theirs.write_all(b"a ticket of TLS").await.unwrap();
        no_longer_quiet(&wire).await;
        wire.write_all(b"request").await.unwrap();
        assert!(!wire.was_too_late());
    }

    #[tokio::test]
    async fn a_close_behind_the_first_bytes_may_answer_them() {
        let (mut wire, theirs) = pair().await;
        wire.begin();
        wire.write_all(b"request").await.unwrap();
        drop(theirs);
        no_longer_quiet(&wire).await;
        let _ = wire.write_all(b" and its body").await;
        assert!(!wire.was_too_late());
    }
}
