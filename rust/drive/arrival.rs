//! What an upstream's connection has read or received, and nobody has looked at yet.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming};

/// What a body's stream gives next: a piece, an error, or its end.
pub(super) type Next = Option<Result<Frame<Bytes>, hyper::Error>>;

/// What the connection's task has read behind the last piece.
///
/// That task hands over one piece at a time. It woke when the last one was taken, so behind it in the queue comes the
/// next one, if there is one: a turn of a task and no look at the sockets.
pub(super) async fn behind(body: &mut Incoming) -> Poll<Next> {
    let mut had_turn = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut had_turn, true) {
            return Poll::Ready(Pin::new(&mut *body).poll_frame(cx));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// What has arrived on the connection: its task looks at the socket before the body is looked at.
pub(super) async fn arrived(body: &mut Incoming) -> Poll<Next> {
    tokio::task::yield_now().await;
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *body).poll_frame(cx))).await
}
