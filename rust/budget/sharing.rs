//! How the counters of this host are shared with other hosts, and what those said last.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::charge::Charge;

/// How decisions are made at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posture {
    /// This host has its counters for itself.
    Alone,
    /// What it was granted is what there is; more can be asked for.
    Shared,
    /// Nobody can be asked now: what was granted is all there is, and of rates and parallel requests each of so many
    /// hosts takes its share.
    Adrift(u64),
}

/// Units that a host needs of a counter beyond what it has.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Of which limit, whose.
    pub charge: Charge,
    /// With fewer the request cannot begin.
    pub need: u64,
    /// With so many it has all that it may use.
    pub want: u64,
}

/// The word that there is no room for so many units.
#[derive(Debug, Clone, Copy)]
pub struct NoRoom {
    /// Units that were asked for; fewer may fit.
    pub need: u64,
    /// Units that were left.
    pub remaining: u64,
    /// Until time alone brings them back, where others know it better; 0 where they do not.
    pub wait_ns: u64,
    /// Requests elsewhere hold what is needed: some of it may come back.
    pub is_held: bool,
    /// For how long the word holds, on the clock that never jumps.
    pub until_ns: u64,
}

/// A run and the one that it named as its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kinship {
    /// Whose runs they are.
    pub tenant: String,
    /// The run.
    pub run: String,
    /// The run right above it.
    pub parent: String,
}

/// A counter's key with its window.
type Place = ((u64, u64), u64);

/// Words that are kept at most.
const MAX_WORDS: usize = 8192;
/// Wishes of nobody that waits which are kept at most.
const MAX_REFILLS: usize = 4096;
/// Runs with their parents that wait to be told.
const MAX_KIN: usize = 4096;

/// One worker's view of the hosts beside its own.
#[derive(Default)]
pub struct Sharing {
    is_adrift: AtomicBool,
    hosts: AtomicU64,
    no_room: Mutex<HashMap<Place, NoRoom>>,
    refills: Mutex<Vec<Ask>>,
    kin: Mutex<Vec<Kinship>>,
    stir: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl std::fmt::Debug for Sharing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sharing").field("posture", &self.posture()).finish_non_exhaustive()
    }
}

impl Sharing {
    /// Nobody has been asked yet.
    pub fn new() -> Self {
        let sharing = Self::default();
        sharing.is_adrift.store(true, Ordering::Relaxed);
        sharing
    }

    /// How decisions are made now.
    pub fn posture(&self) -> Posture {
        if self.is_adrift.load(Ordering::Acquire) {
            Posture::Adrift(self.hosts())
        } else {
            Posture::Shared
        }
    }

    /// Hosts that were last seen alive, this one among them.
    pub fn hosts(&self) -> u64 {
        self.hosts.load(Ordering::Relaxed).max(1)
    }

    /// So many hosts live.
    pub fn set_hosts(&self, hosts: u64) {
        self.hosts.store(hosts, Ordering::Relaxed);
    }

    /// Others can, or cannot, be asked. Whether that is new.
    pub fn set_adrift(&self, is_adrift: bool) -> bool {
        self.is_adrift.swap(is_adrift, Ordering::AcqRel) != is_adrift
    }

    /// Calls this when there is something to ask for.
    pub fn on_refill(&self, stir: impl Fn() + Send + Sync + 'static) {
        let _ = self.stir.set(Box::new(stir));
    }

    pub(super) fn refill(&self, ask: Ask) {
        self.leave(&self.refills, MAX_REFILLS, ask);
    }

    /// Other hosts should know of a run's parent.
    pub(super) fn tell_kin(&self, kin: Kinship) {
        self.leave(&self.kin, MAX_KIN, kin);
    }

    fn leave<T>(&self, to: &Mutex<Vec<T>>, most: usize, item: T) {
        {
            let mut waiting = lock(to);
            if waiting.len() >= most {
                return;
            }
            waiting.push(item);
        }
        if let Some(stir) = self.stir.get() {
            stir();
        }
    }

    /// What other hosts should be told of runs.
    pub fn take_kin(&self) -> Vec<Kinship> {
        std::mem::take(&mut *lock(&self.kin))
    }

    /// What should be asked for although nobody waits.
    pub fn take_refills(&self) -> Vec<Ask> {
        std::mem::take(&mut *lock(&self.refills))
    }

    pub(super) fn no_room(&self, place: Place, now_ns: u64) -> Option<NoRoom> {
        lock(&self.no_room).get(&place).filter(|word| now_ns < word.until_ns).copied()
    }

    pub(super) fn set_no_room(&self, place: Place, word: NoRoom, now_ns: u64) {
        let mut words = lock(&self.no_room);
        if words.len() >= MAX_WORDS {
            words.retain(|_, word| now_ns < word.until_ns);
        }
        if words.len() < MAX_WORDS {
            words.insert(place, word);
        }
    }

    pub(super) fn forget_no_room(&self, place: Place) {
        lock(&self.no_room).remove(&place);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner) // whole at every unlock
}
