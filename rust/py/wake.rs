//! Wakes an asyncio loop from the runtime's thread without touching the interpreter.
//!
//! The runtime never takes the GIL: it leaves a token and makes a file descriptor readable. The loop's reader then
//! settles every future whose exchange has something, all in one call.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

use crate::drive::Wake;

/// An eventfd and the tokens behind it.
#[derive(Debug)]
pub struct LoopWake {
    fd: OwnedFd,
    tokens: Mutex<Vec<u64>>,
}

impl LoopWake {
    pub fn new() -> std::io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { fd, tokens: Mutex::default() })
    }

    pub fn fileno(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// The tokens of all exchanges that have something.
    pub fn take(&self) -> Vec<u64> {
        let mut count = [0; 8];
        // Nothing to read means that somebody read it before: the tokens tell.
        let _ = rustix::io::read(&self.fd, &mut count);
        std::mem::take(&mut *self.tokens.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Wake for LoopWake {
    fn wake(&self, token: u64) {
        let first = {
            let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            tokens.push(token);
            tokens.len() == 1
        };
        if first {
            // A full counter is readable too.
            let _ = rustix::io::write(&self.fd, &1_u64.to_ne_bytes());
        }
    }
}
