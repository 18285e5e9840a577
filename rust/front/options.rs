//! What a listener is told when it begins.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::drive::ModelRoutes;

/// Where to listen, and what clients may do.
#[derive(Debug, Clone)]
pub struct FrontOptions {
    /// Shared with the other workers.
    pub address: SocketAddr,
    /// The socket of the ASGI app.
    pub handover: PathBuf,
    /// The paths that lead to a model.
    pub routes: Arc<ModelRoutes>,
    /// Connections at once.
    pub max_connections: usize,
    /// Largest request body.
    pub max_body_bytes: usize,
    /// For a client to send its request's head.
    pub head_timeout: Duration,
    /// For a client to send the whole body.
    pub body_timeout: Duration,
    /// For a client to take what is sent to it.
    pub write_stall: Duration,
    /// For a connection that nothing is asked on.
    pub idle_timeout: Duration,
}
