//! The mapped file as words. The only place of the crate that reads memory which others write.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::sync::atomic::AtomicU64;

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{FallocateFlags, fallocate};

/// A file of 64-bit words, shared by all that map it.
#[derive(Debug)]
pub(crate) struct Words {
    map: MmapRaw,
    count: usize,
}

impl Words {
    /// Maps `count` words of a file, with room on the disk for each: writing to a hole of a full disk would be a SIGBUS.
    pub fn map(file: &File, count: usize) -> io::Result<Self> {
        let bytes = count * size_of::<AtomicU64>();
        match fallocate(file, FallocateFlags::empty(), 0, bytes as u64) {
            Ok(()) => {}
            // Some file systems cannot preallocate; then the words are written.
            Err(rustix::io::Errno::OPNOTSUPP) => fill(file, bytes)?,
            Err(error) => return Err(error.into()),
        }
        let map = MmapOptions::new().len(bytes).map_raw(file)?;
        Ok(Self { map, count })
    }

    /// Words that begin at 0 and that nobody else has.
    pub fn private(count: usize) -> io::Result<Self> {
        let map = MmapOptions::new().len(count * size_of::<AtomicU64>()).map_anon()?;
        Ok(Self { map: map.into(), count })
    }

    /// The words.
    #[allow(clippy::cast_ptr_alignment)] // a page is aligned to more than a word
    pub fn all(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, `count` words long and lives as long as `self`. Nobody truncates the file:
        // it is replaced by another one, never shortened. Other processes write to it by atomics as well, and any bit
        // pattern is an `AtomicU64`.
        unsafe { std::slice::from_raw_parts(self.map.as_mut_ptr().cast::<AtomicU64>(), self.count) }
    }
}

fn fill(mut file: &File, bytes: usize) -> io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    let have = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if have < bytes {
        file.seek(SeekFrom::End(0))?;
        file.write_all(&vec![0; bytes - have])?;
    }
    Ok(())
}
