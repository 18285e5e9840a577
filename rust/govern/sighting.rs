//! When the keys in force were last seen to be those of the store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A moment that one thread moves on and requests read, without a lock. The thread that reads the store may hang with
/// it: that what it read grows old shows here nevertheless.
#[derive(Debug)]
pub struct Sighting {
    epoch: Instant,
    /// Nanoseconds since `epoch`, and one; 0 is never.
    last: AtomicU64,
}

impl Default for Sighting {
    fn default() -> Self {
        Self { epoch: Instant::now(), last: AtomicU64::new(0) }
    }
}

impl Sighting {
    /// The store had at a moment what is in force now; an earlier one than is known changes nothing.
    pub fn seen(&self, at: Instant) {
        let since = at.saturating_duration_since(self.epoch).as_nanos();
        let since = u64::try_from(since).unwrap_or(u64::MAX - 1);
        self.last.fetch_max(since.saturating_add(1), Ordering::Relaxed);
    }

    /// Whether that is longer ago than is allowed, or never was.
    pub fn is_older(&self, than: Duration, now: Instant) -> bool {
        let Some(since) = self.last.load(Ordering::Relaxed).checked_sub(1) else { return true };
        now.saturating_duration_since(self.epoch).saturating_sub(Duration::from_nanos(since)) > than
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_mins(1);

    #[test]
    fn what_was_never_seen_is_old() {
        assert!(Sighting::default().is_older(WINDOW, Instant::now()));
    }

    #[test]
    fn it_is_old_once_the_window_is_over_and_only_moves_on() {
        let sighting = Sighting::default();
        let first = sighting.epoch;
        let later = first + Duration::from_secs(30);
        sighting.seen(first);
        assert!(!sighting.is_older(WINDOW, first + WINDOW));
        assert!(sighting.is_older(WINDOW, first + WINDOW + Duration::from_nanos(1)));
        sighting.seen(later);
        sighting.seen(first);
        assert!(!sighting.is_older(WINDOW, later + WINDOW));
        assert!(sighting.is_older(WINDOW, later + WINDOW + Duration::from_nanos(1)));
    }
}
