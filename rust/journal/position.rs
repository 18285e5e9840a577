//! How far an owner's records are drained: a small file, replaced by one rename.
//!
//! It carries the open intents of segments that are already deleted, so that one long request does
//! not keep every later segment. A file that cannot be read counts as absent: rows come again, and
//! the store takes them as the same rows.

use super::io_error;
use super::owner::OwnerId;
use super::record::{Decoded, Kind, Record, RecordId, decode};
use super::replay::OpenIntent;
use crate::error::Error;
use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const MAGIC: &[u8; 8] = b"sluice\x00\x01";
/// Magic, generation, sequence, offset, checksum.
const HEADER_BYTES: usize = 8 + 8 + 8 + 8 + 4;
const CRC_AT: usize = HEADER_BYTES - 4;

/// Where the next undrained record starts, and what is open from before the oldest kept segment.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Position {
    /// Counts commits, so that a reader without a lock notices one.
    pub(super) generation: u64,
    /// The oldest segment that counts; older ones are drained.
    pub(super) sequence: u32,
    /// Where in that segment.
    pub(super) offset: u64,
    /// Open intents of older segments.
    pub(super) carried: Vec<(RecordId, OpenIntent)>,
}

impl Position {
    /// The owner's position in `dir`; the very start if there is none.
    pub(super) fn load(dir: &Path, owner: OwnerId) -> Result<Self, Error> {
        let path = owner.position_path(dir);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Self::decode(&bytes).unwrap_or_default()),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(cause) => Err(io_error("read", &path, cause)),
        }
    }

    /// Replaces the owner's position in `dir`, whole or not at all.
    pub(super) fn store(&self, dir: &Path, owner: OwnerId) -> Result<(), Error> {
        let path = owner.position_path(dir);
        let [_, unnamed] = owner.unfinished_paths(dir);
        write_private(&unnamed, &self.encode())
            .and_then(|()| std::fs::rename(&unnamed, &path))
            .map_err(|cause| io_error("replace", &path, cause))
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&u64::from(self.sequence).to_le_bytes());
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        for (id, intent) in &self.carried {
            let kind = if intent.sent { Kind::IntentSent } else { Kind::Intent };
            Record { kind, id: *id, payload: &intent.payload }.encode(0, &mut bytes);
        }
        let crc = crc32fast::hash(&bytes);
        bytes[CRC_AT..HEADER_BYTES].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
        let word = |at: usize| header.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&header[..CRC_AT]);
        hasher.update(&[0; 4]);
        hasher.update(rest);
        if !header.starts_with(MAGIC) || header[CRC_AT..] != hasher.finalize().to_le_bytes() {
            return None;
        }
        let sequence = u32::try_from(word(16)?).ok()?;
        let mut carried = Vec::new();
        while let Decoded::Whole(record) = decode(0, rest) {
            let sent = record.kind == Kind::IntentSent;
            // Before the oldest kept segment, whichever it was.
            let sequence = sequence.saturating_sub(1);
            carried
                .push((record.id, OpenIntent { sent, payload: record.payload.to_vec(), sequence }));
            rest = rest.get(record.encoded_bytes()..)?;
        }
        Some(Self { generation: word(8)?, sequence, offset: word(24)?, carried })
    }
}

/// A file that only its owner reads: it may carry rows.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)?.write_all(bytes)
}
