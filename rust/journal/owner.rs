//! Who writes which files, and whether that process still lives.
//!
//! An owner holds the lock on `<owner>.lock` for as long as it lives.

use super::io_error;
use super::lock::{self, FileLock};
use crate::error::Error;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// One writer's name: start time and pid, in hexadecimal, so that names sort by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct OwnerId {
    started_ns: u64,
    pid: u32,
}

impl OwnerId {
    fn of_this_process() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started_ns = u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX);
        Self { started_ns, pid: std::process::id() }
    }

    fn parse(stem: &str) -> Option<Self> {
        let (started, pid) = stem.split_once('-')?;
        if started.len() != 16 || pid.len() != 8 {
            return None;
        }
        Some(Self {
            started_ns: u64::from_str_radix(started, 16).ok()?,
            pid: u32::from_str_radix(pid, 16).ok()?,
        })
    }

    fn stem(self) -> String {
        format!("{:016x}-{:08x}", self.started_ns, self.pid)
    }

    /// The file whose lock says that the owner lives.
    pub(super) fn lock_path(self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.lock", self.stem()))
    }

    /// The file that says how far the owner's records are drained.
    pub(super) fn position_path(self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.drained", self.stem()))
    }

    /// The owner's segment of that sequence number.
    pub(super) fn segment_path(self, dir: &Path, sequence: u32) -> PathBuf {
        dir.join(format!("{}.{sequence:08x}.seg", self.stem()))
    }

    /// A segment and a position that are being made; they get their names when they are whole.
    pub(super) fn unfinished_paths(self, dir: &Path) -> [PathBuf; 2] {
        ["new", "moving"].map(|suffix| dir.join(format!("{}.{suffix}", self.stem())))
    }

    /// The checksum seed of a record that starts at `offset` of the segment `sequence`.
    pub(super) fn seed(self, sequence: u32, offset: u64) -> u32 {
        let mut mixed = self.started_ns ^ u64::from(self.pid).rotate_left(40);
        for part in [u64::from(sequence), offset] {
            // The multiplier and the shift are those of splitmix64: every bit reaches the upper half.
            mixed = (mixed ^ part).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed ^= mixed >> 29;
        }
        (mixed >> 32) as u32
    }
}

/// The lock that a living owner holds; dropping it is dying.
#[derive(Debug)]
pub(super) struct OwnerLock {
    pub(super) id: OwnerId,
    _lock: FileLock,
}

impl OwnerLock {
    /// Takes a name that nobody has in `dir`.
    pub(super) fn take(dir: &Path) -> Result<Self, Error> {
        loop {
            let id = OwnerId::of_this_process();
            let path = id.lock_path(dir);
            let file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)
            {
                Ok(file) => file,
                Err(cause) if cause.kind() == ErrorKind::AlreadyExists => continue,
                Err(cause) => return Err(io_error("create", &path, cause)),
            };
            let lock = FileLock::wait(file, &path)?;
            // Between the two calls a drainer may have taken the file for a dead owner's and removed
            // it; then nobody could see this lock.
            let own = lock.file().metadata().map_err(|cause| io_error("stat", &path, cause))?;
            if path.metadata().is_ok_and(|named| named.ino() == own.ino()) {
                return Ok(Self { id, _lock: lock });
            }
        }
    }
}

/// Whether the owner's process has ended: its lock can be had, or its lock file is gone.
pub(super) fn is_dead(id: OwnerId, dir: &Path) -> Result<bool, Error> {
    let path = id.lock_path(dir);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(true),
        Err(cause) => return Err(io_error("open", &path, cause)),
    };
    lock::is_free(&file, &path)
}

/// The owners that have files in `dir`, oldest first, each with its segments in order.
///
/// No directory is no owner: nothing was ever written.
pub(super) fn list(dir: &Path) -> Result<BTreeMap<OwnerId, Vec<u32>>, Error> {
    let mut owners = BTreeMap::<OwnerId, Vec<u32>>::new();
    let entries = match dir.read_dir() {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(owners),
        Err(cause) => return Err(io_error("list", dir, cause)),
    };
    for entry in entries {
        let name = entry.map_err(|cause| io_error("list", dir, cause))?.file_name();
        let Some((stem, suffix)) = name.to_str().and_then(|name| name.split_once('.')) else {
            continue;
        };
        let Some(id) = OwnerId::parse(stem) else {
            continue;
        };
        let segment =
            suffix.strip_suffix(".seg").and_then(|text| u32::from_str_radix(text, 16).ok());
        if let Some(sequence) = segment {
            owners.entry(id).or_default().push(sequence);
        } else if suffix == "lock" || suffix == "drained" {
            owners.entry(id).or_default();
        }
    }
    for sequences in owners.values_mut() {
        sequences.sort_unstable();
    }
    Ok(owners)
}
