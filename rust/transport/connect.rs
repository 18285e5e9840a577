//! Makes one connection: name, TCP, TLS, HTTP handshake.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::dial::dial;
use super::websocket::{Io, Opening};
use super::wire::Wire;
use super::{Endpoint, RequestBody, TransportError, tls};

/// Longest answer head and largest read at a time; 64 KiB is what Envoy and nginx allow by default.
pub(super) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Most header fields in an answer.
pub(super) const MAX_HEADERS: usize = 128;
/// Requests that share one HTTP/2 connection. Servers allow 100 or more (RFC 9113, 6.5.2 recommends it) and the
/// client library lets what is above a server's limit wait in silence, so the pool opens another before.
const MAX_STREAMS: usize = 64;
/// Bytes of one HTTP/2 answer on their way before somebody reads them.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// The same of all answers of a connection: room for each, so that readers that stall hold up nobody else.
const CONNECTION_WINDOW_BYTES: u32 = 64 * 1024 * 1024;
/// How often an HTTP/2 connection in use is asked whether it lives, and how long the answer may take.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_WITHIN: Duration = Duration::from_secs(10);

/// What hyper says of bytes on a connection that waits for no answer; it has no other mark.
const UNASKED: &str = "received unexpected message from connection";

/// When a server last sent what nobody asked for.
pub type Surplus = Rc<Cell<Option<Instant>>>;

/// Opens connections. TLS roots are read when the first upstream needs them: it takes milliseconds.
#[derive(Debug, Default)]
pub struct Connector {
    tls: OnceLock<Arc<ClientConfig>>,
}

/// An open connection that requests can be sent on.
#[derive(Debug)]
pub enum Connection {
    /// One request at a time.
    Http1(http1::SendRequest<RequestBody>, Wire),
    /// Many requests at a time. The pool has one handle and each request one.
    Http2(http2::SendRequest<RequestBody>, Rc<()>),
}

impl Connector {
    /// Connects; the connection is driven by a task of its own on the current `LocalSet`.
    ///
    /// `surplus` is set where something comes on it that nobody asked for.
    pub async fn connect(
        &self,
        endpoint: &Endpoint,
        surplus: Surplus,
    ) -> Result<Connection, TransportError> {
        let tcp = dial(endpoint.host(), endpoint.port())
            .await
            .map_err(|e| TransportError::Connect(e.to_string()))?;
        let wire = Wire::new(tcp);
        let Some(name) = endpoint.server_name() else {
            return http1_connection(wire.clone(), wire, surplus).await;
        };
        // Large, and nothing of it is needed without TLS.
        Box::pin(self.secured(name.clone(), wire, surplus)).await
    }

    /// Connects for a WebSocket: over HTTP/1.1, which alone has the upgrade.
    pub async fn open(&self, endpoint: &Endpoint) -> Result<Opening, TransportError> {
        let failed = |error: std::io::Error| TransportError::Connect(error.to_string());
        let tcp = dial(endpoint.host(), endpoint.port()).await.map_err(failed)?;
        let stream: Box<dyn Io> = match endpoint.server_name() {
            None => Box::new(tcp),
            Some(name) => {
                let mut config = ClientConfig::clone(&*self.tls_config()?);
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
                let connector = TlsConnector::from(Arc::new(config));
                Box::new(connector.connect(name.clone(), tcp).await.map_err(failed)?)
            }
        };
        Opening::over(stream).await
    }

    async fn secured(
        &self,
        name: ServerName<'static>,
        wire: Wire,
        surplus: Surplus,
    ) -> Result<Connection, TransportError> {
        let stream = TlsConnector::from(self.tls_config()?)
            .connect(name, wire.clone())
            .await
            .map_err(|e| TransportError::Connect(e.to_string()))?;
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            return http2_connection(stream).await;
        }
        http1_connection(stream, wire, surplus).await
    }

    fn tls_config(&self) -> Result<Arc<ClientConfig>, TransportError> {
        if let Some(config) = self.tls.get() {
            return Ok(config.clone());
        }
        let config = tls::client_config().map_err(|e| TransportError::Connect(e.to_string()))?;
        Ok(self.tls.get_or_init(|| config).clone())
    }
}

async fn http1_connection<S>(
    stream: S,
    wire: Wire,
    surplus: Surplus,
) -> Result<Connection, TransportError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|e| TransportError::Connect(e.to_string()))?;
    tokio::task::spawn_local(async move {
        if connection.await.is_err_and(|error| error.to_string() == UNASKED) {
            surplus.set(Some(Instant::now()));
        }
    });
    Ok(Connection::Http1(sender, wire))
}

async fn http2_connection<S>(stream: S) -> Result<Connection, TransportError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    let (sender, connection) = http2::Builder::new(LocalExecutor)
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_WITHIN)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|e| TransportError::Connect(e.to_string()))?;
    tokio::task::spawn_local(connection);
    Ok(Connection::Http2(sender, Rc::new(())))
}

/// Runs an HTTP/2 connection's tasks on this thread.
#[derive(Debug, Clone, Copy)]
pub struct LocalExecutor;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async move { drop(task.await) });
    }
}

impl Connection {
    /// Sends one request and waits for the answer's head.
    pub async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TransportError> {
        let answer = match self {
            Self::Http1(sender, _) => sender.send_request(request).await,
            Self::Http2(sender, _) => sender.send_request(request).await,
        };
        answer.map_err(|error| {
            if error.is_canceled() || self.was_too_late() {
                TransportError::Unsent
            } else if error.is_parse() {
                TransportError::BadHead(error.to_string())
            } else {
                TransportError::Reset(error.to_string())
            }
        })
    }

    /// The next request is written only if the other side has not closed meanwhile. Not for a new connection: what
    /// comes on that unasked is a part of TLS.
    pub fn expect_quiet(&self) {
        if let Self::Http1(_, wire) = self {
            wire.begin();
        }
    }

    fn was_too_late(&self) -> bool {
        matches!(self, Self::Http1(_, wire) if wire.was_too_late())
    }

    /// Whether a request can be sent right now, and the other side is still there to read it.
    pub fn is_ready(&self) -> bool {
        match self {
            Self::Http1(sender, wire) => sender.is_ready() && wire.is_quiet(),
            Self::Http2(sender, _) => sender.is_ready(),
        }
    }

    /// Whether the connection is over.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Http1(sender, _) => sender.is_closed(),
            Self::Http2(sender, _) => sender.is_closed(),
        }
    }

    /// One more handle of a connection that requests can share, unless enough share it already.
    pub fn shared(&self) -> Option<Self> {
        match self {
            Self::Http2(sender, handles)
                if !sender.is_closed() && Rc::strong_count(handles) <= MAX_STREAMS =>
            {
                Some(Self::Http2(sender.clone(), handles.clone()))
            }
            _ => None,
        }
    }
}
