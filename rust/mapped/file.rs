//! A mapped file that processes find by its name: who makes it anew, and who joins.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

use super::words::Words;
use crate::disk::left_bytes;

/// The part of what is left on a disk that a file may take.
const DISK_PART: u64 = 4;
/// Words that every file begins with: what it is, and in which layout.
const MAGIC: usize = 0;
const VERSION: usize = 1;

/// What a file is called and how it is laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// Of the files `NAME.map`, `NAME.lock` and `NAME.new`.
    pub name: &'static str,
    /// Says what it is.
    pub magic: u64,
    /// Another one with every change of the layout: files of another one are never read.
    pub version: u64,
    /// Words that the file may have, the most first; the first two are ours. Of a small disk a smaller file is enough.
    pub sizes: &'static [usize],
}

/// A file that is mapped, and this process's share in its lock.
#[derive(Debug)]
pub(crate) struct Mapped {
    words: Words,
    /// `None`: nobody else has it.
    lock: Option<File>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MappedError {
    /// The system refuses.
    #[error("cannot {doing} {}: {cause}", path.display())]
    Io { doing: &'static str, path: PathBuf, cause: std::io::Error },
    /// Whoever made it lays it out in another way, and still runs.
    #[error("{} is of another version that still runs; stop it first", .0.display())]
    OtherVersion(PathBuf),
}

impl Mapped {
    /// Opens the file of a directory; true where nobody else had it, so that it was made anew. Then others wait until
    /// [`Self::admit_others`].
    pub fn open(directory: &Path, kind: &Kind) -> Result<(Self, bool), MappedError> {
        let lock_path = directory.join(format!("{}.lock", kind.name));
        loop {
            let lock = create(&lock_path)?;
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                return Ok((Self { words: make(directory, kind)?, lock: Some(lock) }, true));
            }
            retry_on_intr(|| flock(&lock, FlockOperation::LockShared))
                .map_err(|cause| failed("lock", &lock_path, cause))?;
            if let Some(words) = join(directory, kind)? {
                return Ok((Self { words, lock: Some(lock) }, false));
            }
        }
    }

    /// Words of this process alone, for what is better counted for itself than not at all.
    pub fn private(kind: &Kind) -> std::io::Result<Self> {
        let count = kind.sizes.first().copied().unwrap_or(0);
        Ok(Self { words: Words::private(count)?, lock: None })
    }

    /// Lets others in. If another one made the file anew in the moment between the two locks, that one is in force.
    pub fn admit_others(&self) -> std::io::Result<()> {
        let Some(lock) = &self.lock else { return Ok(()) };
        Ok(retry_on_intr(|| flock(lock, FlockOperation::LockShared))?)
    }

    /// All of it.
    pub fn words(&self) -> &[AtomicU64] {
        self.words.all()
    }
}

/// The words of the file that is there; `None` where somebody is making another one.
fn join(directory: &Path, kind: &Kind) -> Result<Option<Words>, MappedError> {
    let path = directory.join(format!("{}.map", kind.name));
    let file = match OpenOptions::new().read(true).write(true).open(&path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(failed("open", &path, cause)),
    };
    let bytes = file.metadata().map_err(|cause| failed("stat", &path, cause))?.len();
    let Some(count) = kind.sizes.iter().copied().find(|words| size_bytes(*words) == bytes) else {
        return Err(MappedError::OtherVersion(path));
    };
    let words = Words::map(&file, count).map_err(|cause| failed("map", &path, cause))?;
    let is_current = path
        .metadata()
        .is_ok_and(|named| file.metadata().is_ok_and(|own| own.ino() == named.ino()));
    let get = |at| words.all().get(at).map_or(0, |word: &AtomicU64| word.load(Ordering::Acquire));
    if is_current && get(MAGIC) == kind.magic && get(VERSION) == kind.version {
        return Ok(Some(words));
    }
    // Made by another version: it ends first, then this one begins anew.
    Err(MappedError::OtherVersion(path))
}

/// A new file under the name, where nobody has the old one: its room on the disk is given back first.
fn make(directory: &Path, kind: &Kind) -> Result<Words, MappedError> {
    let path = directory.join(format!("{}.map", kind.name));
    let new = directory.join(format!("{}.new", kind.name));
    for old in [&path, &new] {
        let _ = std::fs::remove_file(old);
    }
    let count =
        fitting(kind, left_bytes(directory)).map_err(|cause| failed("make", &new, cause))?;
    let file = create(&new)?;
    let words = Words::map(&file, count).map_err(|cause| failed("make", &new, cause))?;
    for (at, value) in [(VERSION, kind.version), (MAGIC, kind.magic)] {
        if let Some(word) = words.all().get(at) {
            word.store(value, Ordering::Release);
        }
    }
    std::fs::rename(&new, &path).map_err(|cause| failed("name", &path, cause))?;
    Ok(words)
}

/// The largest size that leaves most of the disk to others; the smallest one may take half.
fn fitting(kind: &Kind, left_bytes: u64) -> std::io::Result<usize> {
    let fits = |words: &usize, part: u64| size_bytes(*words) <= left_bytes / part;
    let found = kind.sizes.iter().find(|words| fits(words, DISK_PART));
    let found = found.or_else(|| kind.sizes.last().filter(|words| fits(words, 2)));
    found.copied().ok_or_else(|| std::io::ErrorKind::StorageFull.into())
}

const fn size_bytes(words: usize) -> u64 {
    (words * size_of::<u64>()) as u64
}

fn create(path: &Path) -> Result<File, MappedError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|cause| failed("open", path, cause))
}

fn failed(doing: &'static str, path: &Path, cause: impl Into<std::io::Error>) -> MappedError {
    MappedError::Io { doing, path: path.to_owned(), cause: cause.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_a_quarter_of_what_is_left_or_the_least_of_it_half() {
        const KIND: Kind = Kind { name: "k", magic: 1, version: 1, sizes: &[1000, 100] };
        let taken = |left_bytes| fitting(&KIND, left_bytes).ok();
        assert_eq!(taken(u64::MAX), Some(1000));
        assert_eq!(taken(32_000), Some(1000));
        assert_eq!(taken(31_999), Some(100));
        assert_eq!(taken(1600), Some(100));
        assert_eq!(taken(1599), None);
    }
}
