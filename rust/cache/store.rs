//! The answers of one worker: in memory, and where stores have more, behind its desk.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::chores::Chores;
use super::desk::{Desk, Stored};
use super::entry::Entry;
use super::fifo::Fifo;
use super::key::Key;
use super::purges::{Purged, Purges};

/// How long a request waits for stores to say whether they have its answer.
const STORE_WAIT: Duration = Duration::from_millis(50);

/// What a worker keeps.
#[derive(Debug)]
pub struct Cache {
    inner: Mutex<Inner>,
    /// What waits for stores.
    pub desk: Arc<Desk>,
    /// What others do.
    pub chores: Arc<Chores>,
    hits: AtomicU64,
    misses: AtomicU64,
    kept: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    memory: Fifo,
    purges: Purges,
}

/// How a cache stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Stats {
    pub entries: u64,
    pub bytes: u64,
    pub hits: u64,
    pub misses: u64,
    /// Answers taken in.
    pub kept: u64,
    /// Answers that left for others.
    pub evicted: u64,
    /// Answers that stores took too long to take.
    pub lost: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner { memory: Fifo::new(0), purges: Purges::default() }),
            desk: Arc::default(),
            chores: Arc::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            kept: AtomicU64::new(0),
        }
    }
}

impl Cache {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bounds what is kept in memory.
    pub fn resize(&self, max_bytes: usize) {
        self.lock().memory.resize(max_bytes);
    }

    /// The highest epoch of a purge that is known; see [`Purges`].
    pub fn epoch(&self) -> u64 {
        self.lock().purges.epoch()
    }

    /// Purges, by the epochs that the purges were given. How many entries in memory that ended.
    pub fn purge(&self, purges: impl IntoIterator<Item = (u64, Purged)>) -> usize {
        let mut inner = self.lock();
        let Inner { memory, purges: known } = &mut *inner;
        let mut is_news = false;
        for (epoch, what) in purges {
            is_news |= known.note(epoch, what);
        }
        if is_news { memory.retain(|entry| !known.is_dead(entry)) } else { 0 }
    }

    /// The answer of a name that is good for anything, if memory has one.
    pub fn get(&self, key: &Key, now_ms: u64) -> Option<Arc<Entry>> {
        let mut inner = self.lock();
        let entry = inner.memory.get(key)?;
        if entry.kept_until_ms <= now_ms || inner.purges.is_dead(&entry) {
            inner.memory.remove(key);
            return None;
        }
        Some(entry)
    }

    /// The same where stores have it; it is in memory from then on. Waits for them a little.
    pub async fn find(&self, key: &Key, now_ms: u64) -> Stored {
        let Some(question) = self.desk.ask(*key) else { return Stored::Unknown };
        let stored = question.answered(STORE_WAIT).await;
        let Stored::Kept(entry) = stored else { return stored };
        let mut inner = self.lock();
        if entry.key != *key || entry.kept_until_ms <= now_ms || inner.purges.is_dead(&entry) {
            return Stored::Gone;
        }
        inner.memory.put(entry.clone());
        Stored::Kept(entry)
    }

    /// Takes an answer in.
    pub fn put(&self, entry: Arc<Entry>, is_durable: bool) {
        let mut inner = self.lock();
        if inner.purges.is_dead(&entry) {
            return; // purged while it was made
        }
        inner.memory.put(entry.clone());
        drop(inner);
        self.kept.fetch_add(1, Ordering::Relaxed);
        if is_durable {
            self.desk.keep(entry);
        }
    }

    /// Counts a request that was answered by what was kept, or was not.
    pub fn count(&self, is_hit: bool) {
        let counter = if is_hit { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// How it stands.
    pub fn stats(&self) -> Stats {
        let lost = self.desk.lost();
        let inner = self.lock();
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            entries: inner.memory.len() as u64,
            bytes: inner.memory.bytes() as u64,
            hits: of(&self.hits),
            misses: of(&self.misses),
            kept: of(&self.kept),
            evicted: inner.memory.evicted(),
            lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::desk::Task;
    use crate::cache::entry::tests::entry;

    fn cache() -> Cache {
        let cache = Cache::default();
        cache.resize(1 << 20);
        cache
    }

    #[test]
    fn what_is_over_or_purged_is_not_there() {
        let cache = cache();
        cache.put(Arc::new(entry(1)), false);
        assert!(cache.get(&[1; 32], 2_999).is_some());
        assert!(cache.get(&[1; 32], 3_000).is_none());
        cache.put(Arc::new(entry(1)), false);
        assert_eq!(cache.purge([(4, Purged::Tag("t".into()))]), 1);
        assert!(cache.get(&[1; 32], 1_000).is_none());
        cache.put(Arc::new(entry(1)), true); // begun before the purge
        assert!(cache.get(&[1; 32], 1_000).is_none());
        assert!(cache.desk.take(Duration::ZERO).is_empty());
        assert_eq!(cache.epoch(), 4);
        cache.put(Arc::new(Entry { epoch: 4, ..entry(1) }), true);
        assert!(cache.get(&[1; 32], 1_000).is_some());
        assert!(matches!(cache.desk.take(Duration::ZERO)[..], [Task::Put(_)]));
    }

    #[test]
    fn stores_are_believed_as_far_as_memory_is() {
        let cache = cache();
        cache.purge([(3, Purged::All)]);
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let found = |given: Option<Entry>| {
            let asked = async {
                let find = cache.find(&[1; 32], 1_500);
                let give = async {
                    let tasks = cache.desk.take(Duration::from_secs(5));
                    let [Task::Get(id, _)] = tasks[..] else { panic!("{tasks:?}") };
                    cache.desk.give(id, given.map(Arc::new));
                };
                tokio::join!(find, give).0
            };
            tokio.block_on(asked).entry().is_some()
        };
        assert!(!found(None));
        assert!(!found(Some(Entry { epoch: 2, ..entry(1) })), "purged");
        assert!(!found(Some(entry(2))), "another's");
        assert!(!found(Some(Entry { kept_until_ms: 1_500, ..entry(1) })), "over");
        assert!(found(Some(entry(1))));
        assert!(cache.get(&[1; 32], 1_500).is_some());
    }
}
