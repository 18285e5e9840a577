//! Questions by models, by answers, by age and by end.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use super::memory::{Answer, Question};
use crate::cache::{Key, Purged, Purges};
use crate::similarity::{Capacity, Index};

/// What a [`Memory`](super::Memory) holds.
#[derive(Debug)]
pub(super) struct Held {
    max_entries: usize,
    indexes: HashMap<Arc<str>, Index>,
    entries: HashMap<u64, Entry>,
    /// The entries of an answer: one of each model.
    ids: HashMap<Key, Vec<u64>>,
    /// Ids as they came; some are gone.
    order: VecDeque<u64>,
    /// Ids as they end; some are gone.
    ends: BinaryHeap<Reverse<(u64, u64)>>,
    purges: Purges,
    last_id: u64,
    text_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    model_id: Arc<str>,
    scope: [u8; 32],
    answer: Answer,
    text: Box<str>,
    heard_ms: u64,
}

impl Entry {
    fn bytes(&self) -> usize {
        let about = &self.answer.about;
        let names = [&about.tenant, &about.namespace, &about.model, &about.target];
        let names = names.into_iter().chain(&about.tags).map(String::len);
        self.text.len() + names.sum::<usize>()
    }
}

/// A question that is near.
#[derive(Debug)]
pub(super) struct Found {
    pub id: u64,
    pub key: Key,
    pub text: Box<str>,
    pub similarity: f32,
    pub ends_ms: u64,
}

impl Held {
    pub fn new(max_entries: usize) -> Self {
        Self {
            max_entries,
            indexes: HashMap::new(),
            entries: HashMap::new(),
            ids: HashMap::new(),
            order: VecDeque::new(),
            ends: BinaryHeap::new(),
            purges: Purges::default(),
            last_id: 0,
            text_bytes: 0,
        }
    }

    pub fn insert(&mut self, question: Question<'_>, answer: Answer, heard_ms: u64) -> bool {
        if self.purges.ends(&answer.key, answer.epoch, &answer.about) {
            return false; // while it was made, or on its way here
        }
        let model_id = match self.indexes.get_key_value(question.model_id) {
            Some((model_id, _)) => Arc::clone(model_id),
            None => Arc::from(question.model_id),
        };
        let id = self.last_id + 1;
        let max_entries = self.max_entries;
        let index = self.indexes.entry(Arc::clone(&model_id)).or_insert_with(|| {
            Index::new(Capacity { dimensions: question.vector.len(), entries: max_entries + 1 })
        });
        if !index.insert(index_scope(&question.scope), id, question.vector, &mut Vec::new()) {
            self.drop_empty(&model_id);
            return false;
        }
        self.last_id = id;
        self.forget(&model_id, &answer.key);
        self.ids.entry(answer.key).or_default().push(id);
        self.order.push_back(id);
        self.ends.push(Reverse((answer.ends_ms, id)));
        let text = Box::from(question.text);
        let entry = Entry { model_id, scope: question.scope, answer, text, heard_ms };
        self.text_bytes += entry.bytes();
        self.entries.insert(id, entry);
        self.make_room();
        true
    }

    /// The nearest of a question's scope.
    pub fn near(&self, question: &Question<'_>, most: usize) -> Vec<Found> {
        let Some(index) = self.indexes.get(question.model_id) else { return Vec::new() };
        let hits = index.search(index_scope(&question.scope), question.vector, most);
        let known = hits.into_iter().filter_map(|hit| Some((hit, self.entries.get(&hit.id)?)));
        // The index knows half of a scope's bits; the last word has the whole.
        let own = known.filter(|(_, entry)| entry.scope == question.scope);
        let found = own.map(|(hit, Entry { answer, text, .. })| Found {
            id: hit.id,
            key: answer.key,
            text: text.clone(),
            similarity: hit.similarity,
            ends_ms: answer.ends_ms,
        });
        found.collect()
    }

    /// Whether any is over.
    pub fn has_over(&self, now_ms: u64) -> bool {
        self.ends.peek().is_some_and(|Reverse((ends_ms, _))| *ends_ms <= now_ms)
    }

    /// Forgets some that are over, the earliest first.
    pub fn remove_over(&mut self, now_ms: u64, most: usize) {
        for _ in 0..most {
            if !self.has_over(now_ms) {
                break;
            }
            if let Some(Reverse((_, id))) = self.ends.pop() {
                self.drop_id(id);
            }
        }
    }

    /// Takes note of purges. Whether any was news.
    pub fn note(&mut self, purges: impl IntoIterator<Item = (u64, Purged)>) -> bool {
        purges
            .into_iter()
            .fold(false, |is_news, (epoch, what)| self.purges.note(epoch, what) || is_news)
    }

    /// What purges ended.
    pub fn dead(&self) -> Vec<u64> {
        let is_dead = |Entry { answer, .. }: &Entry| {
            self.purges.ends(&answer.key, answer.epoch, &answer.about)
        };
        self.entries.iter().filter(|(_, entry)| is_dead(entry)).map(|(id, _)| *id).collect()
    }

    pub fn remove(&mut self, ids: &[u64]) {
        for id in ids {
            self.drop_id(*id);
        }
    }

    /// Forgets the questions of an answer; whether there were any.
    pub fn remove_key(&mut self, key: &Key) -> bool {
        let ids = self.ids.remove(key).unwrap_or_default();
        self.remove(&ids);
        !ids.is_empty()
    }

    /// The same of those that were heard of by then; whether none is left.
    pub fn remove_key_until(&mut self, key: &Key, heard_ms: u64) -> bool {
        let is_old = |id: &u64| self.entries.get(id).is_some_and(|it| it.heard_ms <= heard_ms);
        let ids = self.ids.get(key).into_iter().flatten().copied();
        let old: Vec<u64> = ids.filter(is_old).collect();
        self.remove(&old);
        !self.ids.contains_key(key)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Forgets what a model has for a key.
    fn forget(&mut self, model_id: &str, key: &Key) {
        let Some(ids) = self.ids.get(key) else { return };
        let is_its = |id: &&u64| self.entries.get(id).is_some_and(|it| *it.model_id == *model_id);
        if let Some(id) = ids.iter().find(is_its).copied() {
            self.drop_id(id);
        }
    }

    fn make_room(&mut self) {
        while self.entries.len() > self.max_entries {
            let Some(oldest) = self.order.pop_front() else { break };
            self.drop_id(oldest);
        }
        let entries = &self.entries;
        let most = 2 * entries.len() + 64;
        if self.order.len() > most {
            self.order.retain(|id| entries.contains_key(id));
        }
        if self.ends.len() > most {
            self.ends.retain(|Reverse((_, id))| entries.contains_key(id));
        }
    }

    fn drop_id(&mut self, id: u64) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.text_bytes -= entry.bytes();
        if let Some(index) = self.indexes.get_mut(&entry.model_id) {
            index.remove(id);
        }
        self.drop_empty(&entry.model_id);
        if let Some(ids) = self.ids.get_mut(&entry.answer.key) {
            ids.retain(|each| *each != id);
            if ids.is_empty() {
                self.ids.remove(&entry.answer.key);
            }
        }
    }

    /// An index of nothing goes: another number of dimensions may come under its name then.
    fn drop_empty(&mut self, model_id: &str) {
        if self.indexes.get(model_id).is_some_and(Index::is_empty) {
            self.indexes.remove(model_id);
        }
    }

    pub fn bytes(&self) -> usize {
        let indexes: usize = self.indexes.values().map(Index::bytes).sum();
        let entries = size_of::<(u64, Entry)>() * self.entries.capacity();
        let ids = (size_of::<(Key, Vec<u64>)>() + 8 * 4) * self.ids.capacity();
        let queues = 8 * self.order.capacity() + 16 * self.ends.capacity();
        indexes + entries + ids + queues + self.text_bytes
    }
}

/// A scope as the index takes it: a digest's first half.
fn index_scope(scope: &[u8; 32]) -> u128 {
    let half = scope.first_chunk::<16>().copied().unwrap_or_default();
    u128::from_le_bytes(half)
}
