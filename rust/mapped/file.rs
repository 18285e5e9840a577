//! A mapped file that processes find by its name: who makes it anew, and who joins.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;

use super::words::Words;

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
    /// Words of the file; the first two are ours.
    pub words: usize,
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
        Ok(Self { words: Words::private(kind.words)?, lock: None })
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
    let words = Words::map(&file, kind.words).map_err(|cause| failed("map", &path, cause))?;
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

/// A new file under the name; the old one lives on in the processes that still map it.
fn make(directory: &Path, kind: &Kind) -> Result<Words, MappedError> {
    let path = directory.join(format!("{}.map", kind.name));
    let new = directory.join(format!("{}.new", kind.name));
    let _ = std::fs::remove_file(&new);
    let file = create(&new)?;
    let words = Words::map(&file, kind.words).map_err(|cause| failed("make", &new, cause))?;
    for (at, value) in [(VERSION, kind.version), (MAGIC, kind.magic)] {
        if let Some(word) = words.all().get(at) {
            word.store(value, Ordering::Release);
        }
    }
    std::fs::rename(&new, &path).map_err(|cause| failed("name", &path, cause))?;
    Ok(words)
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
