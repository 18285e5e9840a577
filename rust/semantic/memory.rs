//! What was asked before: a worker's index of questions, over the models that made their vectors.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::held::{Found, Held};
use crate::cache::{About, Key, Purged};
use crate::likeness::{Difference, Traits, difference};

/// So long a question stays whose answer is not found: it came another way than the question, and may come behind it.
pub const AWAITED_MS: u64 = 5_000;
/// So many of the nearest are looked at for one that may answer.
pub const LOOKED_AT: usize = 4;
/// Questions that are removed under one lock: a millisecond or two, in which a look-up may wait.
const REMOVED_AT_ONCE: usize = 16;
/// So often is a search made anew where what it found is over; what is over then is passed over.
const MAX_SEARCHES: usize = 64;

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

/// The answer to a question: its name, and what ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its name.
    pub key: Key,
    /// What it belongs to, and may be purged by.
    pub about: About,
    /// The highest epoch of a purge when its request began.
    pub epoch: u64,
    /// When it is over, in milliseconds since 1970.
    pub ends_ms: u64,
}

/// What is near enough.
#[derive(Debug, Clone, Copy)]
pub struct Look<'l> {
    /// The least cosine.
    pub threshold: f32,
    /// Whether texts that differ in what matters are refused.
    pub guards: bool,
    /// In milliseconds since 1970: what is over then is not there.
    pub now_ms: u64,
    /// Answers that were looked at already, and will not do.
    pub passed: &'l [Key],
}

/// The nearest that was asked before, and whether its answer may serve.
#[derive(Debug, Clone, PartialEq)]
pub struct Near {
    /// Of the answer.
    pub key: Key,
    /// Its words.
    pub text: Box<str>,
    /// The cosine.
    pub similarity: f32,
    /// In what the texts differ, where that forbids it; none where it is a hit.
    pub refused: Option<Difference>,
}

/// Questions with the names of their answers, as many as there is room for; the oldest makes room. What is over, or was
/// purged, is not there.
#[derive(Debug)]
pub struct Memory {
    held: RwLock<Held>,
}

/// Of questions with the names of their answers and their cosines, the nearest first, that which serves; where all that
/// are near enough differ in what matters, the first of them with its difference.
pub fn pick(
    text: &str,
    near: impl IntoIterator<Item = (Key, Box<str>, f32)>,
    look: Look<'_>,
) -> Option<Near> {
    let is_wanted = |(key, _, similarity): &(Key, Box<str>, f32)| {
        *similarity >= look.threshold && !look.passed.contains(key)
    };
    let mut near = near.into_iter().filter(is_wanted).peekable();
    near.peek()?;
    let traits = look.guards.then(|| Traits::of(text));
    let mut refused: Option<Near> = None;
    for (key, text, similarity) in near {
        let differs = traits.as_ref().and_then(|traits| difference(traits, &Traits::of(&text)));
        let near = Near { key, text, similarity, refused: differs };
        if differs.is_none() {
            return Some(near);
        }
        refused.get_or_insert(near);
    }
    refused
}

impl Memory {
    /// An empty one.
    pub fn new(max_entries: usize) -> Self {
        Self { held: RwLock::new(Held::new(max_entries.max(1))) }
    }

    fn read(&self) -> RwLockReadGuard<'_, Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a question with its answer, in the place of what that model had for the answer; false where the vector has
    /// no direction, or not as many numbers as the model's others, and where the answer was purged.
    pub fn insert(&self, question: Question<'_>, answer: Answer, now_ms: u64) -> bool {
        self.write().insert(question, answer, now_ms)
    }

    /// The nearest of its scope that is near enough and, with guards, does not differ in what matters; where all that
    /// are near do, the nearest with its difference.
    ///
    /// Texts are compared outside the lock, for that takes longer than the search.
    pub fn nearest(&self, question: Question<'_>, look: Look<'_>) -> Option<Near> {
        let alive = self.alive(&question, look.now_ms);
        let near = alive.into_iter().map(|it| (it.key, it.text, it.similarity));
        pick(question.text, near, look)
    }

    /// The nearest few that are not over: those which are take no other's place.
    fn alive(&self, question: &Question<'_>, now_ms: u64) -> Vec<Found> {
        for _ in 1..MAX_SEARCHES {
            if self.read().has_over(now_ms) {
                self.write().remove_over(now_ms, REMOVED_AT_ONCE);
            }
            let found = self.read().near(question, LOOKED_AT);
            let over: Vec<u64> =
                found.iter().filter(|it| it.ends_ms <= now_ms).map(|it| it.id).collect();
            if over.is_empty() {
                return found;
            }
            self.write().remove(&over);
        }
        let mut found = self.read().near(question, LOOKED_AT);
        found.retain(|it| it.ends_ms > now_ms);
        found
    }

    /// Takes note of purges, by the epochs that they were given, and forgets the questions of what they ended. How many
    /// those were.
    pub fn purge(&self, purges: impl IntoIterator<Item = (u64, Purged)>) -> usize {
        if !self.write().note(purges) {
            return 0;
        }
        let dead = self.read().dead();
        for some in dead.chunks(REMOVED_AT_ONCE) {
            self.write().remove(some);
        }
        dead.len()
    }

    /// Forgets the questions of an answer; whether there were any.
    pub fn remove(&self, key: Key) -> bool {
        self.write().remove_key(&key)
    }

    /// The same of an answer that others were to have and have not, unless it may come yet: see [`AWAITED_MS`]. Whether
    /// no question of it is left.
    pub fn give_up(&self, key: Key, now_ms: u64) -> bool {
        self.write().remove_key_until(&key, now_ms.saturating_sub(AWAITED_MS))
    }

    /// How many questions it holds, each model's counted.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// The same, not waited for: `None` while somebody writes.
    pub fn len_now(&self) -> Option<usize> {
        self.held.try_read().ok().map(|held| held.len())
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it takes, about, in bytes.
    pub fn bytes(&self) -> usize {
        self.read().bytes()
    }
}
