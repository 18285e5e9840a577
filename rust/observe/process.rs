//! What the system says of a process.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// One process's use of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Usage {
    pub resident_bytes: u64,
    pub cpu_ms: u64,
    pub open_fds: u64,
    pub max_fds: u64,
    /// In milliseconds since 1970.
    pub started_ms: u64,
}

/// Source: proc(5). `None` where the process is gone.
pub(super) fn usage(pid: u64) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    // The first of these is field 3.
    let field = |number: usize| -> Option<u64> {
        fields.split_ascii_whitespace().nth(number - 3)?.parse().ok()
    };
    let tick_ms = 1000 / rustix::param::clock_ticks_per_second().max(1);
    let pages = field(24)?;
    Some(Usage {
        resident_bytes: pages * rustix::param::page_size() as u64,
        cpu_ms: (field(14)? + field(15)?) * tick_ms,
        open_fds: fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |fds| fds.count() as u64),
        max_fds: max_fds(pid).unwrap_or(0),
        started_ms: booted_ms().saturating_add(field(22)? * tick_ms),
    })
}

fn max_fds(pid: u64) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// When the machine began, in milliseconds since 1970.
fn booted_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let up = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let up_ms = up.tv_sec * 1000 + up.tv_nsec / 1_000_000;
    let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    u64::try_from(now_ms.saturating_sub(up_ms)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something_and_began_before_now() {
        let usage = usage(u64::from(std::process::id())).unwrap();
        assert!(usage.resident_bytes > 1 << 16);
        assert!(usage.open_fds >= 3 && usage.max_fds >= usage.open_fds);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let since_ms = now - u128::from(usage.started_ms);
        assert!(since_ms < 600_000, "{since_ms}");
    }

    #[test]
    fn who_was_never_there_uses_nothing() {
        assert_eq!(usage(u64::MAX), None);
    }
}
