//! A lock that is held as long as its holder lives, and is given back by the kernel if it is killed.

use super::io_error;
use crate::error::Error;
use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};
use std::fs::File;
use std::path::Path;

/// A file under an exclusive `flock`.
#[derive(Debug)]
pub(super) struct FileLock(File);

impl FileLock {
    /// The lock on `file`, as soon as nobody else has it.
    pub(super) fn wait(file: File, path: &Path) -> Result<Self, Error> {
        retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))
            .map(|()| Self(file))
            .map_err(|cause| io_error("lock", path, cause))
    }

    /// The lock on `file`, or none if somebody has it.
    pub(super) fn try_take(file: File, path: &Path) -> Result<Option<Self>, Error> {
        let taken = try_flock(&file, FlockOperation::NonBlockingLockExclusive, path)?;
        Ok(taken.then_some(Self(file)))
    }

    /// The locked file.
    pub(super) fn file(&self) -> &File {
        &self.0
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child that was forked meanwhile, until it executes.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Whether nobody holds the lock on `file`. Tests with a shared lock, so testers never see each other.
pub(super) fn is_free(file: &File, path: &Path) -> Result<bool, Error> {
    try_flock(file, FlockOperation::NonBlockingLockShared, path)
}

fn try_flock(file: &File, operation: FlockOperation, path: &Path) -> Result<bool, Error> {
    match retry_on_intr(|| flock(file, operation)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(cause) => Err(io_error("lock", path, cause)),
    }
}
