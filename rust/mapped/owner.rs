//! Who holds a lock or a reservation: a process, told from a later one of the same number by when it started.

use std::fs;

/// A process of this host; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner(pub u64);

impl Owner {
    /// This process.
    pub fn this() -> Self {
        let pid = std::process::id();
        Self(u64::from(pid) << 32 | u64::from(started(pid).unwrap_or(1)))
    }

    /// Whether the process still runs. One that cannot be looked at counts as running: nothing is taken from the living.
    pub fn is_alive(self) -> bool {
        let pid = u32::try_from(self.0 >> 32).unwrap_or_default();
        match started(pid) {
            Ok(start) => u64::from(start) == self.0 & u64::from(u32::MAX),
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        }
    }
}

/// When a process started, in clock ticks since boot, the lower half. A dead one that waits for its parent has ended.
///
/// Source: proc(5), `/proc/PID/stat`, fields 3 and 22; the name in field 2 may hold anything, so the reading begins
/// behind its last parenthesis.
fn started(pid: u32) -> std::io::Result<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let gone = || std::io::Error::from(std::io::ErrorKind::NotFound);
    let (_, fields) = stat.rsplit_once(')').ok_or_else(gone)?;
    let mut fields = fields.split_ascii_whitespace();
    if matches!(fields.next(), None | Some("Z" | "X")) {
        return Err(gone());
    }
    let ticks: u64 = fields.nth(18).and_then(|text| text.parse().ok()).ok_or_else(gone)?;
    #[allow(clippy::cast_possible_truncation)] // the lower half is what is wanted
    Ok(ticks as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_an_earlier_one_of_its_number_does_not() {
        let this = Owner::this();
        assert!(this.is_alive());
        assert!(!Owner(this.0 ^ 1).is_alive());
    }

    #[test]
    fn who_was_never_there_is_dead() {
        assert!(!Owner(u64::from(u32::MAX) << 32 | 7).is_alive());
    }
}
