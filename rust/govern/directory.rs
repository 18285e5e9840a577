//! Keys by their digests.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::principal::Principal;
use super::sighting::Sighting;

/// A key that the store did not have so long ago is taken to be none: twice the time between two looks, and a busy
/// machine's share. A look that hangs makes it longer.
const NEWS: Duration = Duration::from_millis(750);

/// Why a credential opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// There is no such key, or it is over or revoked.
    No,
    /// The store of keys cannot be read now: it may yet be one, or be one no more.
    NotNow,
}

/// All keys.
#[derive(Debug, Default)]
pub struct Directory {
    pub(super) keys: HashMap<[u8; 32], Arc<Principal>>,
    /// Who asks without a good credential, where the configuration admits it.
    pub(super) open: Option<Arc<Principal>>,
    /// Whether these are all keys that there are.
    pub(super) complete: bool,
    /// How long keys of the store open anything after it was last read.
    pub(super) stale_after: Duration,
}

/// When a credential is looked up.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// By a clock that only moves on.
    pub now: Instant,
    /// By the calendar, in milliseconds since 1970.
    pub unix_ms: u64,
}

impl Directory {
    /// Who holds a credential, by the digest of the whole of it: its time tells nothing about other keys.
    ///
    /// Keys of the store are served from memory while it is away, but not for ever: one of them may have been revoked.
    pub fn holder(
        &self,
        digest: Option<&[u8; 32]>,
        store: &Sighting,
        at: Moment,
    ) -> Result<Arc<Principal>, Unknown> {
        match digest.and_then(|digest| self.keys.get(digest)) {
            Some(principal) if principal.stored && self.is_stale(store, at.now) => {
                return Err(Unknown::NotNow);
            }
            Some(principal) if principal.holds(at.unix_ms) => return Ok(principal.clone()),
            Some(_) => return Err(Unknown::No),
            None => {}
        }
        match &self.open {
            Some(open) => Ok(open.clone()),
            None if digest.is_none() => Err(Unknown::No),
            None if self.complete && !store.is_older(NEWS.min(self.stale_after), at.now) => {
                Err(Unknown::No)
            }
            None => Err(Unknown::NotNow),
        }
    }

    /// Whether what is known of the store's keys is too old to go by.
    pub fn is_stale(&self, store: &Sighting, now: Instant) -> bool {
        store.is_older(self.stale_after, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILED: [u8; 32] = [1; 32];
    const STORED: [u8; 32] = [2; 32];
    const REVOKED: [u8; 32] = [3; 32];
    const STRANGER: [u8; 32] = [4; 32];
    const WINDOW: Duration = Duration::from_mins(1);
    const MOMENT: Duration = Duration::from_millis(1);

    fn directory(complete: bool) -> Directory {
        let key = |stored, revoked| Arc::new(Principal { revoked, stored, ..Principal::default() });
        let keys =
            [(FILED, key(false, false)), (STORED, key(true, false)), (REVOKED, key(true, true))];
        Directory { keys: keys.into(), open: None, complete, stale_after: WINDOW }
    }

    /// What every kind of key is told: when the store is read, when a look at it hangs, when it is away, and when it was
    /// away for too long.
    #[test]
    fn db_04_keys_of_the_store_fail_closed_after_the_window_and_others_do_not() {
        let (ok, no, later) = (None, Some(Unknown::No), Some(Unknown::NotNow));
        let table = [
            ("of the file", Some(&FILED), [ok, ok, ok, ok, ok]),
            ("of the store", Some(&STORED), [ok, ok, ok, ok, later]),
            ("revoked", Some(&REVOKED), [no, no, no, no, later]),
            ("nobody's", Some(&STRANGER), [no, no, later, later, later]),
            ("none", None, [no, no, no, no, no]),
        ];
        let seen = Instant::now();
        let store = Sighting::default();
        store.seen(seen);
        let times = [
            (true, seen),
            (true, seen + NEWS),
            (true, seen + NEWS + MOMENT),
            (false, seen + WINDOW),
            (false, seen + 2 * WINDOW),
        ];
        for (name, digest, expected) in table {
            let told = times.map(|(complete, now)| {
                directory(complete).holder(digest, &store, Moment { now, unix_ms: 0 }).err()
            });
            assert_eq!(told, expected, "{name}");
        }
    }

    /// Whoever reads the store hangs with it, and never says that it cannot be read.
    #[test]
    fn db_05_the_window_ends_although_nobody_says_that_the_store_is_away() {
        let store = Sighting::default();
        let seen = Instant::now();
        store.seen(seen);
        let at = Moment { now: seen + 2 * WINDOW, unix_ms: 0 };
        for digest in [STORED, STRANGER] {
            let told = directory(true).holder(Some(&digest), &store, at);
            assert_eq!(told.err(), Some(Unknown::NotNow));
        }
    }
}
