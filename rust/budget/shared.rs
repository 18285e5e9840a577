//! The file behind the counters: its layout, and who may make it anew.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

use super::counter::COUNTER_WORDS;
use super::lease::LEASE_WORDS;
use super::map::Words;
use super::reservation::Budgets;
use super::runs::{RUN_WORDS, RUNS};
use super::transaction::NOTE_WORDS;
use crate::error::Error;

const MAGIC: u64 = u64::from_le_bytes(*b"sluicegb");
/// Grows with every change of the layout: files of another one are never read.
const VERSION: u64 = 3;

pub(super) const LOCK: usize = 2;
pub(super) const SEED: usize = 3; // two words
/// The first free record, from 1; 0 is none.
pub(super) const FREE: usize = 5;
/// Records that were ever used.
pub(super) const RECORDS_USED: usize = 6;
const NOTES: usize = 16;

/// Counters: places for as many keys, users and runs as have a limit of their own and spent something of it.
pub(super) const COUNTERS: usize = 1 << 18;
/// Requests with a reservation that run at once.
pub(super) const RECORDS: usize = 1 << 13;
pub(super) const RECORD_WORDS: usize = 128;
pub(super) const COUNTERS_AT: usize = (NOTES + NOTE_WORDS).next_multiple_of(512);
pub(super) const RECORDS_AT: usize = COUNTERS_AT + COUNTERS * COUNTER_WORDS;
pub(super) const RUNS_AT: usize = RECORDS_AT + RECORDS * RECORD_WORDS;
/// What other hosts left of each counter to this one; nothing in them where it shares with none.
pub(super) const LEASES_AT: usize = RUNS_AT + RUNS * RUN_WORDS;
const WORDS: usize = LEASES_AT + COUNTERS * LEASE_WORDS;

/// The mapped file, and this process's share in its lock.
#[derive(Debug)]
pub(super) struct Shared {
    words: Words,
    lock: File,
}

/// Counters that were opened.
#[derive(Debug)]
pub struct Opened {
    /// The counters.
    pub budgets: Budgets,
    /// Nobody else had them: they begin at nothing. What the ledger knows of running windows must be put in, then
    /// [`Budgets::seeded`] be called; others wait for it.
    pub is_new: bool,
}

impl Shared {
    /// Opens the counters of a directory. Whoever finds nobody else makes them anew, since nobody wrote down what
    /// happened to the old ones meanwhile.
    pub fn open(directory: &Path) -> Result<(Self, bool), Error> {
        let path = directory.join("limits.map");
        let lock_path = directory.join("limits.lock");
        loop {
            let lock = create(&lock_path)?;
            let is_new = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok();
            if is_new {
                return Ok((Self { words: make(directory, &path)?, lock }, true));
            }
            // Waits while another one puts in what the ledger knows.
            retry_on_intr(|| flock(&lock, FlockOperation::LockShared))
                .map_err(|cause| failed("lock", &lock_path, &cause.into()))?;
            let file = match OpenOptions::new().read(true).write(true).open(&path) {
                Ok(file) => file,
                Err(cause) if cause.kind() == ErrorKind::NotFound => continue,
                Err(cause) => return Err(failed("open", &path, &cause)),
            };
            let words = Words::map(&file, WORDS).map_err(|cause| failed("map", &path, &cause))?;
            let is_current = path
                .metadata()
                .is_ok_and(|named| file.metadata().is_ok_and(|own| own.ino() == named.ino()));
            if is_current && get(words.all(), 0) == MAGIC && get(words.all(), 1) == VERSION {
                return Ok((Self { words, lock }, false));
            }
            // Made by another version: it ends first, then this one begins anew.
            return Err(Error::Limits(format!(
                "{} is of another version that still runs; stop it first",
                path.display()
            )));
        }
    }

    /// Lets others in. If another one made the file anew in the moment between the two locks, that one is in force.
    pub fn admit_others(&self) -> Result<(), Error> {
        retry_on_intr(|| flock(&self.lock, FlockOperation::LockShared))
            .map_err(|cause| Error::Limits(cause.to_string()))
    }

    pub fn words(&self) -> &[AtomicU64] {
        self.words.all()
    }

    pub fn notes(&self) -> &[AtomicU64] {
        self.words().get(NOTES..NOTES + NOTE_WORDS).unwrap_or_default()
    }

    pub fn lock_word(&self) -> Option<&AtomicU64> {
        self.words().get(LOCK)
    }

    pub fn seed(&self) -> (u64, u64) {
        (get(self.words(), SEED), get(self.words(), SEED + 1))
    }
}

/// A new file under the name; the old one lives on in the processes that still map it.
fn make(directory: &Path, path: &Path) -> Result<Words, Error> {
    let new: PathBuf = directory.join("limits.new");
    let _ = std::fs::remove_file(&new);
    let file = create(&new)?;
    let words = Words::map(&file, WORDS).map_err(|cause| failed("make", &new, &cause))?;
    let (seed, other) = uuid::Uuid::new_v4().as_u64_pair();
    for (at, value) in [(SEED, seed), (SEED + 1, other), (1, VERSION), (0, MAGIC)] {
        if let Some(word) = words.all().get(at) {
            word.store(value, Ordering::Release);
        }
    }
    std::fs::rename(&new, path).map_err(|cause| failed("name", path, &cause))?;
    Ok(words)
}

fn create(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|cause| failed("open", path, &cause))
}

fn failed(what: &str, path: &Path, cause: &std::io::Error) -> Error {
    Error::Limits(format!("cannot {what} {}: {cause}", path.display()))
}

fn get(words: &[AtomicU64], at: usize) -> u64 {
    words.get(at).map_or(0, |word| word.load(Ordering::Acquire))
}
