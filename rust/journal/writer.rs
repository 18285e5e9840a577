//! The owner's side: appends records, refuses intents in time, never refuses a settlement first.

use super::owner::OwnerLock;
use super::record::{HEADER_BYTES, Kind, MAX_PAYLOAD_BYTES, Record, RecordId};
use super::{io_error, segment};
use crate::disk::left_bytes;
use crate::error::Error;
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes that a settlement may be longer than its intent and still be sure to fit: the fields that
/// only the answer fills.
const SETTLEMENT_GROWTH_BYTES: u64 = 512;

/// An intent of some length.
const TYPICAL_BYTES: u64 = 1024;

/// The part of a segment that intents may keep free for settlements: a quarter, which is some 1,700
/// open requests. Past that a settlement may need a new segment, and so space on the disk.
const RESERVE_PART: u64 = 4;

/// The part of what is left on a small disk that one segment takes.
const DISK_PART: u64 = 16;

/// The smallest segment of a small disk.
const MIN_SEGMENT_BYTES: u64 = 256 << 10;

/// Segments that an intent leaves room for: the store must be able to take what one has before that one is
/// given back, as a row, in an index and in its own log. A journal that took all could never be drained.
const LEFT_SEGMENTS: u64 = 3;

/// Sizes of one owner's journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes of one segment, less on a small disk. Larger ones are made less often, smaller ones are given back
    /// sooner.
    pub segment_bytes: u64,
    /// Bytes of all the owner's segments; intents are refused from 95 % of it on.
    pub max_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 8 << 20, max_bytes: 512 << 20 }
    }
}

/// One process' journal. Each call is durable against the death of the process when it returns.
///
/// After an error nothing was recorded, the journal is intact, and the same call may be tried again.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    options: Options,
    lock: OwnerLock,
    current: Option<Segment>,
    next_sequence: u32,
    /// Older segments that the drainer had not removed when last looked, with their sizes.
    older: VecDeque<(u32, u64)>,
    older_bytes: u64,
    /// Bytes kept for the settlement of each open intent.
    owed: HashMap<RecordId, u64>,
    owed_bytes: u64,
    buffer: Vec<u8>,
}

/// What room is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// A request that could as well be refused.
    Intent,
    /// What happened, and must be kept.
    Settlement,
}

#[derive(Debug)]
struct Segment {
    file: File,
    sequence: u32,
    bytes: u64,
    offset: u64,
}

impl Segment {
    fn free_bytes(&self) -> u64 {
        self.bytes - self.offset
    }
}

impl Journal {
    /// A new owner's journal in `dir`, which is made if need be (mode 0700).
    ///
    /// The first segment is preallocated at once if there is space; without space the first intent
    /// says so, and later ones succeed as soon as there is.
    pub fn open(dir: &Path, options: Options) -> Result<Self, Error> {
        super::make_directory(dir)?;
        // At least two segments: one can only be given back when there is a next.
        let max_bytes = options.max_bytes.max(2 * HEADER_BYTES as u64);
        let segment_bytes = options.segment_bytes.clamp(HEADER_BYTES as u64, max_bytes / 2);
        let mut journal = Self {
            dir: dir.to_path_buf(),
            options: Options { segment_bytes, max_bytes },
            lock: OwnerLock::take(dir)?,
            current: None,
            next_sequence: 0,
            older: VecDeque::new(),
            older_bytes: 0,
            owed: HashMap::new(),
            owed_bytes: 0,
            buffer: Vec::new(),
        };
        // Without space the worker can start and say so to each request.
        let _ = journal.make_room(1, Need::Intent);
        Ok(journal)
    }

    /// Records that an attempt is about to be made; `payload` is its row, should we die after sending.
    pub fn intent(&mut self, id: RecordId, payload: &[u8]) -> Result<(), Error> {
        self.open_intent(Kind::Intent, id, payload)
    }

    /// An intent and its sending in one write.
    pub fn intent_sent(&mut self, id: RecordId, payload: &[u8]) -> Result<(), Error> {
        self.open_intent(Kind::IntentSent, id, payload)
    }

    /// Records that the attempt's first byte is about to leave: from here on a crash is a charge.
    pub fn sent(&mut self, id: RecordId) -> Result<(), Error> {
        self.append(Record { kind: Kind::Sent, id, payload: &[] }, 0)
    }

    /// Records an attempt's final row; also without an intent, and again if it changes later.
    pub fn settle(&mut self, id: RecordId, payload: &[u8]) -> Result<(), Error> {
        self.append(Record { kind: Kind::Settlement, id, payload }, 0)?;
        self.forget(id);
        Ok(())
    }

    /// Takes an intent back without a row: nothing was sent.
    pub fn release(&mut self, id: RecordId) -> Result<(), Error> {
        self.append(Record { kind: Kind::Release, id, payload: &[] }, 0)?;
        self.forget(id);
        Ok(())
    }

    /// Whether it would take a request's intent now; makes room for it if need be.
    pub fn can_take(&mut self) -> bool {
        self.notice_removed();
        let reserve_bytes =
            (self.owed_bytes + TYPICAL_BYTES).min(self.options.segment_bytes / RESERVE_PART);
        let wanted = TYPICAL_BYTES + reserve_bytes;
        let free_bytes = self.current.as_ref().map_or(0, Segment::free_bytes);
        self.has_room(TYPICAL_BYTES, TYPICAL_BYTES)
            && (free_bytes >= wanted || self.make_room(wanted, Need::Intent).is_ok())
    }

    /// How full the journal is: 0 to 1, a little more when settlements had to go past the bound.
    #[allow(clippy::cast_precision_loss)] // a ratio for people
    pub fn fill_ratio(&mut self) -> f64 {
        self.notice_removed();
        self.used_bytes() as f64 / self.options.max_bytes as f64
    }

    /// Bytes of records that the drainer had not given back when last looked.
    pub fn used_bytes(&self) -> u64 {
        self.older_bytes + self.current.as_ref().map_or(0, |segment| segment.offset)
    }

    /// Intents that have neither a settlement nor a release yet.
    pub fn open_intents(&self) -> usize {
        self.owed.len()
    }

    fn open_intent(&mut self, kind: Kind, id: RecordId, payload: &[u8]) -> Result<(), Error> {
        let record = Record { kind, id, payload };
        let bytes = record.encoded_bytes() as u64;
        // The settlement, and the record that says it was sent.
        let owed = bytes + SETTLEMENT_GROWTH_BYTES + HEADER_BYTES as u64;
        if !self.has_room(bytes, owed) {
            self.notice_removed();
            if !self.has_room(bytes, owed) {
                let (used_bytes, max_bytes) = (self.used_bytes(), self.options.max_bytes);
                return Err(Error::JournalFull { used_bytes, max_bytes });
            }
        }
        let segment_bytes = self.current.as_ref().map_or(self.options.segment_bytes, |s| s.bytes);
        let reserve_bytes = (self.owed_bytes + owed).min(segment_bytes / RESERVE_PART);
        self.append(record, reserve_bytes)?;
        self.owed_bytes += owed;
        self.owed_bytes -= self.owed.insert(id, owed).unwrap_or(0);
        Ok(())
    }

    fn has_room(&self, bytes: u64, owed: u64) -> bool {
        let (used, max) = (self.used_bytes() + bytes, self.options.max_bytes);
        used <= max - max / 20 && used + self.owed_bytes + owed <= max
    }

    fn forget(&mut self, id: RecordId) {
        self.owed_bytes -= self.owed.remove(&id).unwrap_or(0);
    }

    /// Writes the record where it and `reserve_bytes` after it fit.
    fn append(&mut self, record: Record<'_>, reserve_bytes: u64) -> Result<(), Error> {
        if record.payload.len() > MAX_PAYLOAD_BYTES {
            let length = record.payload.len();
            return Err(Error::Journal(format!(
                "a row of {length} bytes, at most {MAX_PAYLOAD_BYTES} fit"
            )));
        }
        let bytes = record.encoded_bytes() as u64;
        let owner = self.lock.id;
        let free_bytes = self.current.as_ref().map_or(0, Segment::free_bytes);
        if free_bytes < bytes + reserve_bytes {
            let need = if reserve_bytes > 0 { Need::Intent } else { Need::Settlement };
            self.make_room(bytes + reserve_bytes, need)?;
        }
        let Some(segment) = &mut self.current else {
            return Err(Error::Journal("no segment".to_owned()));
        };
        self.buffer.clear();
        record.encode(owner.seed(segment.sequence, segment.offset), &mut self.buffer);
        // A failed write leaves the offset: the next record takes its place, and its seeded
        // checksum keeps what may remain of this one from being read.
        segment.file.write_all_at(&self.buffer, segment.offset).map_err(|cause| {
            io_error("write", &owner.segment_path(&self.dir, segment.sequence), cause)
        })?;
        segment.offset += bytes;
        Ok(())
    }

    /// Goes on in a new segment of at least `bytes`; the old one stays current if that fails.
    fn make_room(&mut self, bytes: u64, need: Need) -> Result<(), Error> {
        let left_bytes = left_bytes(&self.dir);
        let small = (left_bytes / DISK_PART).max(MIN_SEGMENT_BYTES);
        let bytes = bytes.max(self.options.segment_bytes.min(small));
        if need == Need::Intent && left_bytes < bytes.saturating_mul(1 + LEFT_SEGMENTS) {
            return Err(Error::Journal(format!(
                "only {left_bytes} bytes are left on the disk, which the store needs"
            )));
        }
        let sequence = self.next_sequence;
        let file = segment::create(&self.dir, self.lock.id, sequence, bytes)?;
        self.next_sequence += 1;
        let full = self.current.replace(Segment { file, sequence, bytes, offset: 0 });
        if let Some(full) = full {
            self.older.push_back((full.sequence, full.bytes));
            self.older_bytes += full.bytes;
        }
        self.notice_removed();
        Ok(())
    }

    /// Looks which of the oldest segments the drainer has removed; it removes them in order.
    fn notice_removed(&mut self) {
        while let Some((sequence, bytes)) = self.older.front().copied() {
            if self.lock.id.segment_path(&self.dir, sequence).exists() {
                break;
            }
            self.older.pop_front();
            self.older_bytes -= bytes;
        }
    }
}
