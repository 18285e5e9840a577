//! What a listener is told when it begins.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::dialect::Dialect;
use crate::drive::Operation;

/// What a path asks of a model, and in which dialect.
#[derive(Debug, Clone, Copy)]
pub struct ModelRoute {
    /// What is asked.
    pub operation: Operation,
    /// In which dialect.
    pub dialect: Dialect,
}

impl ModelRoute {
    pub(super) const fn kind(self) -> (Operation, Dialect) {
        (self.operation, self.dialect)
    }
}

/// Where to listen, and what clients may do.
#[derive(Debug, Clone)]
pub struct FrontOptions {
    /// Shared with the other workers.
    pub address: SocketAddr,
    /// The socket of the ASGI app.
    pub handover: PathBuf,
    /// The paths that lead to a model.
    pub routes: HashMap<String, ModelRoute>,
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
