//! A WebSocket to an upstream: a connection of its own, which no pool knows.

use std::future::poll_fn;
use std::pin::{Pin, pin};

use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::{RequestBody, TransportError};

/// What bytes go over, TLS or not.
pub trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

/// An open WebSocket.
pub type Socket = WebSocketStream<Box<dyn Io>>;

/// A connection on which a WebSocket may be asked for.
pub struct Opening {
    sender: http1::SendRequest<RequestBody>,
    connection: http1::Connection<TokioIo<Box<dyn Io>>, RequestBody>,
}

/// What came of it.
pub enum Opened {
    /// The upstream agrees, with these headers.
    Socket(Box<Socket>, HeaderMap),
    /// It answers with something else.
    Refused(Response<Incoming>),
}

impl Opening {
    pub(super) async fn over(stream: Box<dyn Io>) -> Result<Self, TransportError> {
        let shaken = http1::Builder::new()
            .max_buf_size(super::connect::MAX_HEAD_BYTES)
            .max_headers(super::connect::MAX_HEADERS)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = shaken.map_err(|e| TransportError::Connect(e.to_string()))?;
        Ok(Self { sender, connection })
    }

    /// Asks for the WebSocket. What an answer's head must say to be one is for the caller to check.
    pub async fn ask(
        self,
        request: Request<RequestBody>,
        config: WebSocketConfig,
    ) -> Result<Opened, TransportError> {
        let Self { mut sender, mut connection } = self;
        let mut is_over = false;
        let answer = {
            let mut answer = pin!(sender.send_request(request));
            poll_fn(|cx| {
                if !is_over && Pin::new(&mut connection).poll(cx).is_ready() {
                    is_over = true;
                }
                answer.as_mut().poll(cx)
            })
            .await
        };
        let answer = answer.map_err(|error| {
            if error.is_parse() {
                TransportError::BadHead(error.to_string())
            } else {
                TransportError::Reset(error.to_string())
            }
        })?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            tokio::task::spawn_local(async move {
                let _ = connection.await; // brings the body, and ends with it
                drop(sender);
            });
            return Ok(Opened::Refused(answer));
        }
        if !is_over {
            // It ends with the upgrade, and leaves the bytes to us.
            let _ = (&mut connection).await;
        }
        let parts = connection.into_parts();
        let (stream, read) = (parts.io.into_inner(), parts.read_buf.to_vec());
        let socket =
            WebSocketStream::from_partially_read(stream, read, Role::Client, Some(config)).await;
        Ok(Opened::Socket(Box::new(socket), answer.into_parts().0.headers))
    }
}
