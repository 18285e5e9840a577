//! What was asked before: a worker's index of questions, over the models that made their vectors.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, PoisonError, RwLock};

use crate::likeness::{Difference, Traits, difference};
use crate::similarity::{Capacity, Hit, Index};

/// So many of the nearest are looked at for one that may answer.
const LOOKED_AT: usize = 4;

/// A text with its vector, in its scope.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// Which embedder made the vector, with its version: those of two are never compared.
    pub model_id: &'q str,
    /// Whose it is, and all that must be the same.
    pub scope: [u8; 32],
    /// Its words, which the guards compare.
    pub text: &'q str,
    /// Of any length but zero: its direction counts.
    pub vector: &'q [f32],
}

/// The nearest that was asked before, and whether its answer may serve.
#[derive(Debug, Clone, PartialEq)]
pub struct Near {
    /// Of the answer.
    pub key: [u8; 32],
    /// Its words.
    pub text: Box<str>,
    /// The cosine.
    pub similarity: f32,
    /// In what the texts differ, where that forbids it; none where it is a hit.
    pub refused: Option<Difference>,
}

/// Questions with the keys of their answers, as many as there is room for; the oldest makes room.
#[derive(Debug)]
pub struct Memory {
    max_entries: usize,
    held: RwLock<Held>,
}

#[derive(Debug, Default)]
struct Held {
    indexes: HashMap<Arc<str>, Index>,
    entries: HashMap<u64, Entry>,
    /// The entries of an answer: one of each model.
    ids: HashMap<[u8; 32], Vec<u64>>,
    /// Ids as they came; some are gone.
    order: VecDeque<u64>,
    last_id: u64,
    text_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    model_id: Arc<str>,
    scope: [u8; 32],
    key: [u8; 32],
    text: Box<str>,
}

impl Memory {
    /// An empty one.
    pub fn new(max_entries: usize) -> Self {
        Self { max_entries: max_entries.max(1), held: RwLock::default() }
    }

    /// Keeps a question with the key of its answer, in the place of what that model had for the key; false where the
    /// vector has no direction, or not as many numbers as the model's others.
    pub fn insert(&self, question: Question<'_>, key: [u8; 32]) -> bool {
        self.held.write().unwrap_or_else(PoisonError::into_inner).insert(
            question,
            key,
            self.max_entries,
        )
    }

    /// The nearest of its scope that is at least `threshold` near and, with `guards`, does not differ in what matters;
    /// where all that are near do, the nearest with its difference.
    ///
    /// Texts are compared outside the lock, for that takes longer than the search.
    pub fn nearest(&self, question: Question<'_>, threshold: f32, guards: bool) -> Option<Near> {
        let near = self.held.read().unwrap_or_else(PoisonError::into_inner).near(&question);
        let mut near = near.into_iter().filter(|(hit, ..)| hit.similarity >= threshold).peekable();
        near.peek()?;
        let traits = guards.then(|| Traits::of(question.text));
        let mut refused: Option<Near> = None;
        for (hit, key, text) in near {
            let differs = traits.as_ref().and_then(|traits| difference(traits, &Traits::of(&text)));
            let near = Near { key, text, similarity: hit.similarity, refused: differs };
            if differs.is_none() {
                return Some(near);
            }
            refused.get_or_insert(near);
        }
        refused
    }

    /// Forgets the questions of an answer; whether there were any.
    pub fn remove(&self, key: [u8; 32]) -> bool {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let ids = held.ids.remove(&key).unwrap_or_default();
        for id in &ids {
            held.drop_entry(*id);
        }
        !ids.is_empty()
    }

    /// How many questions it holds, each model's counted.
    pub fn len(&self) -> usize {
        self.held.read().unwrap_or_else(PoisonError::into_inner).entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it takes, about, in bytes.
    pub fn bytes(&self) -> usize {
        self.held.read().unwrap_or_else(PoisonError::into_inner).bytes()
    }
}

impl Held {
    fn insert(&mut self, question: Question<'_>, key: [u8; 32], max_entries: usize) -> bool {
        let model_id = match self.indexes.get_key_value(question.model_id) {
            Some((model_id, _)) => Arc::clone(model_id),
            None => Arc::from(question.model_id),
        };
        let id = self.last_id + 1;
        let index = self.indexes.entry(Arc::clone(&model_id)).or_insert_with(|| {
            Index::new(Capacity { dimensions: question.vector.len(), entries: max_entries + 1 })
        });
        if !index.insert(index_scope(&question.scope), id, question.vector, &mut Vec::new()) {
            self.drop_empty(&model_id);
            return false;
        }
        self.last_id = id;
        self.forget(&model_id, key);
        let text = Box::from(question.text);
        self.text_bytes += question.text.len();
        self.entries.insert(id, Entry { model_id, scope: question.scope, key, text });
        self.ids.entry(key).or_default().push(id);
        self.order.push_back(id);
        self.make_room(max_entries);
        true
    }

    fn near(&self, question: &Question<'_>) -> Vec<(Hit, [u8; 32], Box<str>)> {
        let Some(index) = self.indexes.get(question.model_id) else { return Vec::new() };
        let hits = index.search(index_scope(&question.scope), question.vector, LOOKED_AT);
        let known = hits.into_iter().filter_map(|hit| Some((hit, self.entries.get(&hit.id)?)));
        // The index knows half of a scope's bits; the last word has the whole.
        let own = known.filter(|(_, entry)| entry.scope == question.scope);
        own.map(|(hit, entry)| (hit, entry.key, entry.text.clone())).collect()
    }

    /// Forgets what a model has for a key.
    fn forget(&mut self, model_id: &str, key: [u8; 32]) {
        let Some(ids) = self.ids.get(&key) else { return };
        let is_its = |id: &&u64| self.entries.get(id).is_some_and(|it| *it.model_id == *model_id);
        if let Some(id) = ids.iter().find(is_its).copied() {
            self.drop_id(id, key);
        }
    }

    fn make_room(&mut self, max_entries: usize) {
        while self.entries.len() > max_entries {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(key) = self.entries.get(&oldest).map(|entry| entry.key) {
                self.drop_id(oldest, key);
            }
        }
        if self.order.len() > 2 * self.entries.len() + 64 {
            let entries = &self.entries;
            self.order.retain(|id| entries.contains_key(id));
        }
    }

    fn drop_id(&mut self, id: u64, key: [u8; 32]) {
        self.drop_entry(id);
        if let Some(ids) = self.ids.get_mut(&key) {
            ids.retain(|each| *each != id);
            if ids.is_empty() {
                self.ids.remove(&key);
            }
        }
    }

    fn drop_entry(&mut self, id: u64) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.text_bytes -= entry.text.len();
        if let Some(index) = self.indexes.get_mut(&entry.model_id) {
            index.remove(id);
        }
        self.drop_empty(&entry.model_id);
    }

    /// An index of nothing goes: another number of dimensions may come under its name then.
    fn drop_empty(&mut self, model_id: &str) {
        if self.indexes.get(model_id).is_some_and(Index::is_empty) {
            self.indexes.remove(model_id);
        }
    }

    fn bytes(&self) -> usize {
        let indexes: usize = self.indexes.values().map(Index::bytes).sum();
        let entries = size_of::<(u64, Entry)>() * self.entries.capacity();
        let ids = (size_of::<([u8; 32], Vec<u64>)>() + 8 * 4) * self.ids.capacity();
        indexes + entries + ids + 8 * self.order.capacity() + self.text_bytes
    }
}

/// A scope as the index takes it: a digest's first half.
fn index_scope(scope: &[u8; 32]) -> u128 {
    let half = scope.first_chunk::<16>().copied().unwrap_or_default();
    u128::from_le_bytes(half)
}
