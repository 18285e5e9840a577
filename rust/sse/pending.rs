//! The bytes of a frame that has begun, as far as they came in earlier pieces.

use crate::error::Error;

/// A buffer larger than this is given back once its frame is done: one frame of megabytes must not keep its memory
/// for the stream's whole life.
const KEPT_BYTES: usize = 64 * 1024;

/// Holds them, within a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    max_bytes: usize,
    bytes: Vec<u8>,
}

impl Pending {
    pub const fn new(max_bytes: usize) -> Self {
        Self { max_bytes, bytes: Vec::new() }
    }

    pub const fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether a frame of this length may be; what was pending is dropped where not.
    pub fn admit(&mut self, frame_bytes: usize) -> Result<(), Error> {
        if frame_bytes > self.max_bytes {
            self.bytes = Vec::new();
            return Err(Error::EventTooLarge { max_event_bytes: self.max_bytes });
        }
        Ok(())
    }

    pub fn push(&mut self, more: &[u8]) -> Result<(), Error> {
        self.admit(self.bytes.len() + more.len())?;
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Gives back a buffer that was taken, its frame done.
    pub fn reuse(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= KEPT_BYTES {
            buffer.clear();
            self.bytes = buffer;
        }
    }
}
