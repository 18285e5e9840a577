//! A listener of the gateway's own: requests to models are served on the runtime's thread, from the client's socket to
//! the upstream's and back, and Python is asked only where there is something to decide.
//!
//! Everything else (the admin API, lists, health) is handed over to the ASGI app behind a socket. The pipeline is the
//! one that the ASGI front drives too: the same admission, exchange and outbox.

mod activity;
mod answer;
mod case;
mod connection;
mod floor;
mod handover;
mod listen;
mod model;
mod options;
mod read;
mod service;
mod upgraded;
mod wire;

pub use case::{Answer, Case, Consulted, Counsel, GoesOn, Trouble, Verdict};
pub use listen::{Control, Front};
pub use options::FrontOptions;
