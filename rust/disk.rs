//! How much room a disk has.

use std::path::Path;

use rustix::fs::statvfs;

/// Bytes that are left on the disk of `directory`; as many as there can be where the file system does not say.
pub(crate) fn left_bytes(directory: &Path) -> u64 {
    let disk = statvfs(directory).ok().filter(|disk| disk.f_blocks > 0);
    disk.map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}
