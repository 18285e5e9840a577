//! A segment: a preallocated file that one owner fills with records from its start.

use super::io_error;
use super::owner::OwnerId;
use super::record::{Decoded, HEADER_BYTES, Record, decode};
use crate::error::Error;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Bytes that a reader asks for at a time.
const READ_BYTES: usize = 64 << 10;

/// Makes the segment's file with all of its blocks, so that writing into it cannot run out of space.
///
/// It gets its name last: readers take a segment's existence as the end of the one before.
pub(super) fn create(dir: &Path, owner: OwnerId, sequence: u32, bytes: u64) -> Result<File, Error> {
    let path = owner.segment_path(dir, sequence);
    let [unnamed, _] = owner.unfinished_paths(dir);
    let made = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unnamed)
        .and_then(|file| allocate(&file, bytes).map(|()| file))
        .and_then(|file| std::fs::rename(&unnamed, &path).map(|()| file));
    made.map_err(|cause| {
        // Give back what was taken, or a full disk stays full; if that fails too, the cause says more.
        let _ = std::fs::remove_file(&unnamed);
        io_error("preallocate", &path, cause)
    })
}

fn allocate(file: &File, bytes: u64) -> std::io::Result<()> {
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => return write_zeros(file, bytes),
            Err(cause) => return Err(cause.into()),
        }
    }
}

fn write_zeros(file: &File, bytes: u64) -> std::io::Result<()> {
    let zeros = vec![0; READ_BYTES];
    let mut offset = 0;
    while offset < bytes {
        let length =
            usize::try_from(bytes - offset).map_or(READ_BYTES, |left| left.min(READ_BYTES));
        file.write_all_at(&zeros[..length], offset)?;
        offset += length as u64;
    }
    Ok(())
}

/// Reads a segment's records from its start; the tail of a living owner's can be read again later.
#[derive(Debug)]
pub(super) struct SegmentReader {
    file: File,
    owner: OwnerId,
    sequence: u32,
    /// Where in the file the next record starts.
    offset: u64,
    buffer: Vec<u8>,
    /// Where in the buffer the next record starts.
    start: usize,
}

impl SegmentReader {
    /// A reader at the segment's start, or none if there is no such segment.
    pub(super) fn open(dir: &Path, owner: OwnerId, sequence: u32) -> Result<Option<Self>, Error> {
        let path = owner.segment_path(dir, sequence);
        match File::open(&path) {
            Ok(file) => {
                Ok(Some(Self { file, owner, sequence, offset: 0, buffer: Vec::new(), start: 0 }))
            }
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(io_error("open", &path, cause)),
        }
    }

    pub(super) fn sequence(&self) -> u32 {
        self.sequence
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next whole record, or none where what was written ends for now.
    pub(super) fn next_record(&mut self) -> Result<Option<Record<'_>>, Error> {
        let seed = self.owner.seed(self.sequence, self.offset);
        let mut wanted = HEADER_BYTES;
        let mut fresh = false;
        let bytes = loop {
            let bytes = self.buffer.get(self.start..).unwrap_or_default();
            match decode(seed, bytes) {
                Decoded::Whole(record) => break record.encoded_bytes(),
                // What is in the buffer may be older than what is in the file by now.
                Decoded::End if fresh => return Ok(None),
                Decoded::NeedBytes(bytes) if fresh && bytes <= wanted => return Ok(None),
                Decoded::NeedBytes(bytes) => wanted = bytes,
                Decoded::End => {}
            }
            self.fill(wanted)?;
            fresh = true;
        };
        let start = self.start;
        self.start += bytes;
        self.offset += bytes as u64;
        // Once more, because no borrow of the buffer can outlive the loop that refills it.
        match decode(seed, self.buffer.get(start..).unwrap_or_default()) {
            Decoded::Whole(record) => Ok(Some(record)),
            Decoded::NeedBytes(_) | Decoded::End => Ok(None),
        }
    }

    /// Reads anew from where the next record starts, at least `wanted` bytes if the file has them.
    fn fill(&mut self, wanted: usize) -> Result<(), Error> {
        self.buffer.resize(wanted.max(READ_BYTES), 0);
        self.start = 0;
        let mut filled = 0;
        while let Some(free) = self.buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
            match self.file.read_at(free, self.offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) => {
                    return Err(Error::Journal(format!("cannot read a segment: {cause}")));
                }
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }
}
