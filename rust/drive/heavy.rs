//! Work on bodies that may be large: a millisecond is long for those who share the runtime's thread.

use tokio::task::spawn_blocking;

use super::failure::{Failure, FailureKind};

/// What is larger is read beside the thread.
pub(super) const MAX_AT_ONCE_BYTES: usize = 64 << 10;

/// Does something with so many bytes. An error is a defect of the gateway's in it.
pub(super) async fn beside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    if bytes <= MAX_AT_ONCE_BYTES {
        return Ok(work());
    }
    let done = spawn_blocking(work).await;
    done.map_err(|_| Failure::new(FailureKind::Internal, "what read a large body died"))
}
