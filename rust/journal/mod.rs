//! The append-only record of what was asked of upstreams, the truth until it is drained into a store.
//!
//! Each worker process is an *owner*: it holds a lock file and appends to preallocated segments of
//! its own, `<owner>.<sequence>.seg`. A record is durable against the death of the process when the
//! call returns (it is in the page cache by one positioned write); a power cut can lose the last
//! moments, as nothing is synced on the hot path.
//!
//! - [`Journal`] writes: intent before the upstream is called, sent, settlement.
//! - [`Drain`] is the one elected reader: settlements in order, then what dead owners left open.
//! - [`snapshot`] reads everything undrained without any lock, for an export while serving.

mod cursor;
mod drain;
mod lock;
mod owner;
mod position;
mod record;
mod replay;
mod segment;
mod snapshot;
mod writer;

pub use drain::Drain;
pub use record::{MAX_PAYLOAD_BYTES, RecordId};
pub use replay::{Row, RowKind};
pub use snapshot::snapshot;
pub use writer::{Journal, Options};

use crate::error::Error;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// A failed file operation as the journal's error, with the path that it was on.
fn io_error(doing: &str, path: &Path, cause: impl Into<std::io::Error>) -> Error {
    Error::Journal(format!("cannot {doing} {}: {}", path.display(), cause.into()))
}

/// Makes the journal's directory, for this user only.
fn make_directory(dir: &Path) -> Result<(), Error> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|cause| io_error("create", dir, cause))
}
