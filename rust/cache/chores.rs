//! What the cache has others do: vectors of questions, judgements. None of it holds up the thread that
//! asks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::entry::About;
use super::key::Key;

/// Questions that may wait for an answer; beyond it they are not asked.
const MAX_QUESTIONS: usize = 1024;
/// Errands that may wait; beyond it the oldest are left undone.
const MAX_ERRANDS: usize = 4096;

/// Something to be done.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // the fields are described where they are read, in `_core.pyi`
pub enum Chore {
    /// A vector of a text, in the name of who asks.
    Embed { id: u64, embedder: String, text: String, holder: Vec<u8> },
    /// Whether the answer to another question answers this one.
    Verify { id: u64, model: String, text: String, other: String, answer: String, holder: Vec<u8> },
    /// The nearest questions that the store has.
    Near { id: u64, model_id: String, scope: Key, vector: Vec<f32>, most: usize },
    /// How a would-be answer stands beside the real one.
    Judge(Box<Judgement>),
    /// A question, to be kept for others.
    Remember(Box<Remembered>),
    /// The name of an answer that no store has any more: its questions are of no use.
    Forget(Key),
}

impl Chore {
    /// The number of what is waited for.
    pub const fn id(&self) -> Option<u64> {
        match self {
            Self::Embed { id, .. } | Self::Verify { id, .. } | Self::Near { id, .. } => Some(*id),
            Self::Judge(_) | Self::Remember(_) | Self::Forget(_) => None,
        }
    }
}

/// A would-be answer beside the real one.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Judgement {
    pub model: String,
    pub tenant: String,
    pub embedder: String,
    pub similarity: f32,
    pub text: String,
    pub other: String,
    pub kept: String,
    pub real: String,
}

/// A question with its vector; the name of its answer, and what ends that.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Remembered {
    pub model_id: String,
    pub scope: Key,
    pub text: String,
    pub vector: Vec<f32>,
    pub key: Key,
    pub about: About,
    pub epoch: u64,
    pub ends_ms: u64,
}

/// A question that the store found.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Neighbour {
    pub key: Key,
    pub text: String,
    pub similarity: f32,
}

/// What is told of a question.
#[derive(Debug)]
pub enum Reply {
    /// The vector, and what made it.
    Vector(String, Vec<f32>),
    /// Whether it is so.
    Verified(bool),
    /// The nearest, the nearest first.
    Near(Vec<Neighbour>),
}

/// The hand-over.
#[derive(Debug, Default)]
pub struct Chores {
    inner: Mutex<Inner>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Chore>,
    asked: HashMap<u64, oneshot::Sender<Reply>>,
    next: u64,
}

impl Chores {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has something done that nobody waits for.
    pub fn put(&self, chore: Chore) {
        let mut inner = self.lock();
        inner.waiting.push_back(chore);
        let is_errand = |chore: &Chore| {
            matches!(chore, Chore::Judge(_) | Chore::Remember(_) | Chore::Forget(_))
        };
        if inner.waiting.len() > MAX_ERRANDS + MAX_QUESTIONS
            && let Some(oldest) = inner.waiting.iter().position(is_errand)
        {
            inner.waiting.remove(oldest);
        }
        drop(inner);
        self.bell.notify_one();
    }

    /// Asks, by the number that the question gets; `None` where too much is asked already.
    pub fn ask(self: &Arc<Self>, chore: impl FnOnce(u64) -> Chore) -> Option<Asked> {
        let (answer, told) = oneshot::channel();
        let mut inner = self.lock();
        if inner.asked.len() >= MAX_QUESTIONS {
            return None;
        }
        inner.next += 1;
        let id = inner.next;
        inner.asked.insert(id, answer);
        inner.waiting.push_back(chore(id));
        drop(inner);
        self.bell.notify_one();
        Some(Asked { chores: self.clone(), id, told })
    }

    /// All that waits, waited for a while. Blocks.
    pub fn take(&self, within: Duration) -> Vec<Chore> {
        let inner = self.lock();
        let waited = self.bell.wait_timeout_while(inner, within, |inner| inner.waiting.is_empty());
        let (mut inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        inner.waiting.drain(..).collect()
    }

    /// Answers a question; `None` where there is no answer. One that nobody waits for is answered in vain.
    pub fn tell(&self, id: u64, told: Option<Reply>) {
        let asked = self.lock().asked.remove(&id);
        if let (Some(asked), Some(told)) = (asked, told) {
            let _ = asked.send(told);
        }
    }
}

/// A question that is waited for; dropped, it is taken back.
pub struct Asked {
    chores: Arc<Chores>,
    id: u64,
    told: oneshot::Receiver<Reply>,
}

impl Asked {
    /// The answer, if one comes in time.
    pub async fn answered(mut self, within: Duration) -> Option<Reply> {
        tokio::time::timeout(within, &mut self.told).await.ok()?.ok()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut inner = self.chores.lock();
        inner.asked.remove(&self.id);
        let id = self.id;
        inner.waiting.retain(|chore| chore.id() != Some(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embed(id: u64) -> Chore {
        Chore::Embed { id, embedder: "m".into(), text: "t".into(), holder: Vec::new() }
    }

    fn near(id: u64) -> Chore {
        Chore::Near { id, model_id: "m".into(), scope: [0; 32], vector: vec![1.0], most: 1 }
    }

    #[test]
    fn questions_are_answered_once_or_taken_back() {
        let chores = Arc::new(Chores::default());
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let asked = chores.ask(embed).unwrap();
        let [Chore::Embed { id, .. }] = chores.take(Duration::ZERO)[..] else { panic!() };
        chores.tell(id, Some(Reply::Vector("m-1".into(), vec![1.0])));
        chores.tell(id, None);
        let told = tokio.block_on(asked.answered(Duration::from_secs(5)));
        assert!(matches!(told, Some(Reply::Vector(model, _)) if model == "m-1"));
        let refused = chores.ask(embed).unwrap();
        let [Chore::Embed { id, .. }] = chores.take(Duration::ZERO)[..] else { panic!() };
        chores.tell(id, None);
        assert!(tokio.block_on(refused.answered(Duration::from_secs(5))).is_none());
        for taken_back in [embed, near] {
            drop(chores.ask(taken_back));
            assert!(chores.take(Duration::ZERO).is_empty());
        }
        assert!(chores.lock().asked.is_empty());
    }

    #[test]
    fn what_nobody_does_fills_no_memory() {
        let chores = Arc::new(Chores::default());
        let asked: Vec<_> = (0..=MAX_QUESTIONS).map(|_| chores.ask(embed)).collect();
        assert!(asked.last().unwrap().is_none());
        for _ in 0..2 * MAX_ERRANDS {
            let remembered = Remembered {
                model_id: String::new(),
                scope: [0; 32],
                key: [0; 32],
                text: String::new(),
                vector: Vec::new(),
                about: About::default(),
                epoch: 0,
                ends_ms: 0,
            };
            chores.put(Chore::Remember(Box::new(remembered)));
        }
        let waiting = chores.take(Duration::ZERO);
        assert_eq!(waiting.len(), MAX_ERRANDS + MAX_QUESTIONS);
        assert!(matches!(waiting[0], Chore::Embed { .. }));
    }
}
