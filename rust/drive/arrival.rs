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

#[cfg(test)]
mod tests {
    use http::Request;
    use http_body_util::{BodyExt, Empty};
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::task::LocalSet;

    use super::*;

    /// An answer's body of these bytes, all of which are there, and the server's end of its connection.
    async fn answer(chunks: &[u8]) -> (Incoming, DuplexStream) {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let (mut sender, connection) = http1::handshake(TokioIo::new(ours)).await.unwrap();
        tokio::task::spawn_local(connection);
        let answering = async {
            let _ = theirs.read(&mut [0; 1024]).await.unwrap();
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            theirs.write_all(&[head, chunks].concat()).await.unwrap();
        };
        let request = Request::get("/").body(Empty::<Bytes>::new()).unwrap();
        let (answer, ()) = tokio::join!(sender.send_request(request), answering);
        let answer = answer.unwrap();
        (answer.into_body(), theirs)
    }

    async fn pieces_behind_the_first(body: &mut Incoming) -> (usize, Poll<Next>) {
        body.frame().await.unwrap().unwrap();
        let mut count = 0;
        loop {
            match behind(body).await {
                Poll::Ready(Some(Ok(_))) => count += 1,
                other => return (count, other),
            }
        }
    }

    #[tokio::test]
    async fn what_came_in_one_read_is_at_hand() {
        let test = async {
            let (mut body, _theirs) = answer(&b"5\r\npiece\r\n".repeat(50)).await;
            let (count, then) = pieces_behind_the_first(&mut body).await;
            assert_eq!(count, 49);
            assert!(then.is_pending());
        };
        LocalSet::new().run_until(test).await;
    }

    #[tokio::test]
    async fn the_end_is_at_hand_too() {
        let test = async {
            let (mut body, _theirs) = answer(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n").await;
            let (count, then) = pieces_behind_the_first(&mut body).await;
            assert_eq!(count, 1);
            assert!(matches!(then, Poll::Ready(None)));
        };
        LocalSet::new().run_until(test).await;
    }
}
