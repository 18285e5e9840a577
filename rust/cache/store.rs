//! The answers of one worker: in memory, and where stores have more, behind its desk.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::chores::Chores;
use super::desk::{Desk, Stored};
use super::entry::{About, Entry};
use super::fifo::Fifo;
use super::key::Key;
use super::purges::{Purged, Purges};
use super::reading::Readings;

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
    /// What bodies said.
    pub readings: Readings,
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
            readings: Readings::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            kept: AtomicU64::new(0),
        }
    }
}

impl Inner {
    fn get(&mut self, key: &Key, now_ms: u64) -> Option<Arc<Entry>> {
        let entry = self.memory.get(key)?;
        if entry.kept_until_ms <= now_ms || self.purges.is_dead(&entry) {
            self.memory.remove(key);
            return None;
        }
        Some(entry)
    }

    /// Takes in what a store has under a name, where it is that and good for anything.
    fn adopt(&mut self, key: &Key, entry: &Arc<Entry>, now_ms: u64) -> bool {
        let is_over = entry.kept_until_ms <= now_ms || self.purges.is_dead(entry);
        let is_good = entry.key == *key && !is_over;
        if is_good {
            self.memory.put(entry.clone());
        }
        is_good
    }

    /// Whether an entry may be part of an answer.
    fn serves(&self, entry: &Entry, (key, about): (&Key, &About)) -> bool {
        !self.purges.ends(key, entry.epoch, about)
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
        self.lock().get(key, now_ms)
    }

    /// The same where stores have it; it is in memory from then on. Waits for them a little.
    pub async fn find(&self, key: &Key, now_ms: u64) -> Stored {
        let Some(question) = self.desk.ask(*key) else { return Stored::Unknown };
        let stored = question.answered(STORE_WAIT).await;
        let Stored::Kept(entry) = stored else { return stored };
        let is_good = self.lock().adopt(key, &entry, now_ms);
        if is_good { Stored::Kept(entry) } else { Stored::Gone }
    }

    /// Those of several names that may be parts of one answer: what ended that one, by its name or what it belongs to,
    /// ended them for it.
    pub fn get_all(
        &self,
        keys: &[Key],
        whole: (&Key, &About),
        now_ms: u64,
    ) -> Vec<Option<Arc<Entry>>> {
        let mut inner = self.lock();
        let part = |key: &Key| inner.get(key, now_ms).filter(|entry| inner.serves(entry, whole));
        keys.iter().map(part).collect()
    }

    /// The same where stores have them. All are asked for together, and waited for as long as for one.
    pub async fn find_all(
        &self,
        keys: &[Key],
        whole: (&Key, &About),
        now_ms: u64,
    ) -> HashMap<Key, Arc<Entry>> {
        let until = Instant::now() + STORE_WAIT;
        let questions = self.desk.ask_all(keys).unwrap_or_default();
        let mut stored = Vec::new();
        for (key, question) in keys.iter().zip(questions) {
            let entry = question.answered_until(until).await.entry();
            stored.extend(entry.map(|entry| (*key, entry)));
        }
        let mut inner = self.lock();
        stored.retain(|(key, entry)| inner.adopt(key, entry, now_ms) && inner.serves(entry, whole));
        stored.into_iter().collect()
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
    fn what_ends_an_answer_ends_its_parts_for_it_alone() {
        let cache = cache();
        let (key, other) = ([9; 32], About { tags: vec!["u".into()], ..About::default() });
        for part in 1..=2 {
            cache.put(Arc::new(entry(part)), false);
        }
        let kept = |key: &Key, about: &About| {
            let parts = cache.get_all(&[[2; 32], [3; 32], [1; 32]], (key, about), 2_999);
            parts.iter().map(|part| part.as_ref().map(|part| part.key[0])).collect::<Vec<_>>()
        };
        assert_eq!(kept(&key, &other), [Some(2), None, Some(1)]);
        cache.purge([(4, Purged::of("key", &crate::cache::hex(&key)).unwrap())]);
        assert_eq!(kept(&key, &other), [None, None, None]);
        assert_eq!(kept(&[8; 32], &other), [Some(2), None, Some(1)]);
        cache.purge([(5, Purged::Tag("u".into()))]);
        assert_eq!(kept(&[8; 32], &other), [None, None, None]);
        assert_eq!(kept(&[8; 32], &About::default()), [Some(2), None, Some(1)]);
        cache.purge([(6, Purged::Tag("t".into()))]); // theirs
        assert_eq!(kept(&[8; 32], &About::default()), [None, None, None]);
    }

    #[test]
    fn several_are_looked_for_in_the_time_of_one() {
        let cache = cache();
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let keys: Vec<Key> = (0..40).map(|key| [key; 32]).collect();
        let about = About::default();
        let asked = async {
            let find = cache.find_all(&keys, (&[9; 32], &about), 1_500);
            let give = async {
                let tasks = cache.desk.take(Duration::ZERO);
                assert_eq!(tasks.len(), keys.len());
                for task in tasks {
                    let Task::Get(id, key) = task else { panic!("{task:?}") };
                    match key[0] {
                        0..10 => cache.desk.give(id, Some(Arc::new(entry(key[0])))),
                        10..20 => cache.desk.give(id, Some(Arc::new(entry(99)))), // another's
                        20..30 => cache.desk.give(id, None),
                        _ => {} // nobody says anything
                    }
                }
            };
            let began = Instant::now();
            let found = tokio::join!(find, give).0;
            (found, began.elapsed())
        };
        let (found, took) = tokio.block_on(asked);
        let mut keys: Vec<u8> = found.keys().map(|key| key[0]).collect();
        keys.sort_unstable();
        assert_eq!(keys, (0..10).collect::<Vec<u8>>());
        assert!(took < 5 * STORE_WAIT, "{took:?}, one after the other");
        assert!(cache.get(&[3; 32], 1_500).is_some());
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
