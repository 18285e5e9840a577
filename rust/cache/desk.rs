//! What the cache asks of stores that outlive the process: answers to keep, answers that others may have.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::entry::Entry;
use super::key::Key;

/// What may wait for the stores; beyond it the oldest stay in memory alone.
const MAX_WAITING_BYTES: usize = 64 << 20;
/// Questions that may wait; beyond it a store that does not answer is not asked.
const MAX_QUESTIONS: usize = 4096;

/// What is asked.
#[derive(Debug)]
pub enum Task {
    /// Whether a store has an answer of this name.
    Get(u64, Key),
    /// To keep an answer.
    Put(Arc<Entry>),
    /// To ask a model anew, of whose answer a client got the stale one.
    Refresh(Box<Refresh>),
}

/// What is known of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// This is its answer.
    Kept(Arc<Entry>),
    /// There is none.
    Gone,
    /// A store did not say in time whether it has one.
    Unknown,
}

impl Stored {
    /// The answer, if there is one.
    pub fn entry(self) -> Option<Arc<Entry>> {
        if let Self::Kept(entry) = self { Some(entry) } else { None }
    }
}

/// A request to be made once more, by the gateway itself.
#[derive(Debug, Clone)]
pub struct Refresh {
    /// The path that it came to, with `{model}` in it where the path names the model.
    pub path: String,
    /// The model that its path names.
    pub model: Option<String>,
    /// Whether its stream is one array.
    pub as_array: bool,
    /// Who asked, as JSON.
    pub holder: Vec<u8>,
    /// Its headers that go on, by lower-case names.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Bytes,
}

/// The hand-over.
#[derive(Debug, Default)]
pub struct Desk {
    inner: Mutex<Inner>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Task>,
    bytes: usize,
    lost: u64,
    asked: HashMap<u64, oneshot::Sender<Option<Arc<Entry>>>>,
    next: u64,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has an answer kept.
    pub fn keep(&self, entry: Arc<Entry>) {
        let mut inner = self.lock();
        inner.bytes += entry.size();
        inner.waiting.push_back(Task::Put(entry));
        while inner.bytes > MAX_WAITING_BYTES {
            let oldest = inner.waiting.iter().position(|task| matches!(task, Task::Put(_)));
            let Some(Task::Put(lost)) = oldest.and_then(|at| inner.waiting.remove(at)) else {
                break;
            };
            inner.bytes -= lost.size();
            inner.lost += 1;
        }
        drop(inner);
        self.bell.notify_one();
    }

    /// Has a request made once more.
    pub fn refresh(&self, refresh: Refresh) {
        self.lock().waiting.push_back(Task::Refresh(Box::new(refresh)));
        self.bell.notify_one();
    }

    /// Asks for an answer; `None` where too much is asked already.
    pub fn ask(self: &Arc<Self>, key: Key) -> Option<Question> {
        self.ask_all(&[key])?.pop()
    }

    /// Asks for several, one after the other.
    pub fn ask_all(self: &Arc<Self>, keys: &[Key]) -> Option<Vec<Question>> {
        let mut inner = self.lock();
        if inner.asked.len() + keys.len() > MAX_QUESTIONS {
            return None;
        }
        let mut questions = Vec::with_capacity(keys.len());
        for key in keys {
            let (answer, told) = oneshot::channel();
            inner.next += 1;
            let id = inner.next;
            inner.asked.insert(id, answer);
            inner.waiting.push_back(Task::Get(id, *key));
            questions.push(Question { desk: self.clone(), id, told });
        }
        drop(inner);
        self.bell.notify_one();
        Some(questions)
    }

    /// All that waits, waited for a while. Blocks.
    pub fn take(&self, within: Duration) -> Vec<Task> {
        let inner = self.lock();
        let waited = self.bell.wait_timeout_while(inner, within, |inner| inner.waiting.is_empty());
        let (mut inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        inner.bytes = 0;
        inner.waiting.drain(..).collect()
    }

    /// Answers a question; `None` where no store has it. One that nobody waits for any more is answered in vain.
    pub fn give(&self, id: u64, entry: Option<Arc<Entry>>) {
        let asked = self.lock().asked.remove(&id);
        if let Some(asked) = asked {
            let _ = asked.send(entry);
        }
    }

    /// Nobody knows whether a store has it.
    pub fn give_up(&self, id: u64) {
        self.lock().asked.remove(&id);
    }

    /// Answers that no store was given, since it takes none.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }
}

/// A question that is waited for; dropped, it is taken back.
pub struct Question {
    desk: Arc<Desk>,
    id: u64,
    told: oneshot::Receiver<Option<Arc<Entry>>>,
}

impl Question {
    /// What stores say, if they do in time.
    pub async fn answered(self, within: Duration) -> Stored {
        self.answered_until(Instant::now() + within).await
    }

    /// The same, by a point in time.
    pub async fn answered_until(mut self, until: Instant) -> Stored {
        match tokio::time::timeout_at(until, &mut self.told).await {
            Ok(Ok(Some(entry))) => Stored::Kept(entry),
            Ok(Ok(None)) => Stored::Gone,
            Ok(Err(_)) | Err(_) => Stored::Unknown,
        }
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.desk.lock().asked.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::cache::entry::tests::entry;

    #[test]
    fn questions_are_answered_once() {
        let desk = Arc::new(Desk::default());
        let question = desk.ask([1; 32]).unwrap();
        let tasks = desk.take(Duration::ZERO);
        let [Task::Get(id, key)] = tasks[..] else { panic!("{tasks:?}") };
        assert_eq!(key, [1; 32]);
        desk.give(id, Some(Arc::new(entry(1))));
        desk.give(id, None);
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let wait = Duration::from_secs(5);
        assert_eq!(tokio.block_on(question.answered(wait)), Stored::Kept(Arc::new(entry(1))));
        let late = desk.ask([2; 32]).unwrap();
        assert_eq!(tokio.block_on(late.answered(Duration::from_millis(1))), Stored::Unknown);
        for (given, told) in [(true, Stored::Gone), (false, Stored::Unknown)] {
            let question = desk.ask([3; 32]).unwrap();
            let id = question.id;
            if given {
                desk.give(id, None);
            } else {
                desk.give_up(id);
            }
            assert_eq!(tokio.block_on(question.answered(wait)), told);
        }
        assert!(desk.lock().asked.is_empty());
    }

    #[test]
    fn a_store_that_takes_nothing_fills_no_memory() {
        let desk = Arc::new(Desk::default());
        let large = |key| Arc::new(Entry { body: Bytes::from(vec![0; 20 << 20]), ..entry(key) });
        let question = desk.ask([9; 32]);
        for key in 0..10 {
            desk.keep(large(key));
        }
        assert_eq!(desk.lost(), 7);
        let kept: Vec<u8> = (desk.take(Duration::ZERO).iter())
            .filter_map(|task| if let Task::Put(entry) = task { Some(entry.key[0]) } else { None })
            .collect();
        assert_eq!(kept, [7, 8, 9]);
        let more: Vec<_> = (0..MAX_QUESTIONS).map(|_| desk.ask([0; 32])).collect();
        assert!(more.last().unwrap().is_none());
        drop((question, more));
        assert!(desk.lock().asked.is_empty());
    }
}
