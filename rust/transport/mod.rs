//! The upstream leg: connections, one request, its answer's bytes.
//!
//! Everything here lives on the runtime's one thread, so that pools need no lock.

mod coding;
mod connect;
mod dial;
mod endpoint;
mod pool;
mod tls;
mod unpacking;
mod websocket;
mod wire;

pub use coding::{Coding, Decoder, UnknownCoding};
pub use connect::{Connection, Connector, LocalExecutor};
pub use endpoint::{Endpoint, EndpointError};
pub use pool::{Lease, Pool};
pub use tls::client_config;
pub use unpacking::{UnpackError, codings, unpack};
pub use websocket::{Io, Opened, Opening, Socket};

use bytes::Bytes;
use http_body_util::Full;

/// A request's body as it is sent: known whole, so it carries a content length.
pub type RequestBody = Full<Bytes>;

/// Why no answer's head came.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Name resolution, TCP or TLS failed: nothing was sent.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// The connection ended before anything of the request could be read.
    #[error("the connection ended before the request could be read")]
    Unsent,
    /// The connection ended before the first byte of an answer.
    #[error("the connection ended before an answer: {0}")]
    Reset(String),
    /// The answer's head is not acceptable HTTP.
    #[error("the answer is not acceptable HTTP: {0}")]
    BadHead(String),
}
