//! The questions that lie near one, the nearest first: of this worker's memory, and, where that has none that serves and
//! the store can be asked, of the store.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;

use super::clock::unix_ms;
use super::meaning::Question;
use super::runtime::Runtime;
use crate::cache::{Chore, Key, Neighbour, Reply};
use crate::semantic::{LOOKED_AT, Look, Near, pick};

/// How long a request waits for what the store finds.
const STORE_WAIT: Duration = Duration::from_millis(250);

/// What is looked for, and what of it would not do.
pub(super) struct Nearby {
    question: Arc<Question>,
    threshold: f32,
    guards: bool,
    in_store: bool,
    /// What the store found, once it was asked.
    stored: Option<Arc<Vec<Neighbour>>>,
    passed: Vec<Key>,
}

impl Nearby {
    pub fn new(question: Arc<Question>, threshold: f32, guards: bool, in_store: bool) -> Self {
        Self { question, threshold, guards, in_store, stored: None, passed: Vec::new() }
    }

    /// The nearest that is left; one that is refused where all are. None also where enough were looked at.
    pub async fn next(&mut self, rt: &Runtime) -> Option<Near> {
        if self.passed.len() >= LOOKED_AT {
            return None;
        }
        let own = self.in_memory(rt).await;
        if !self.in_store || own.as_ref().is_some_and(|near| near.refused.is_none()) {
            return own;
        }
        let stored = match &self.stored {
            Some(stored) => stored.clone(),
            None => self.stored.insert(Arc::new(self.ask(rt).await)).clone(),
        };
        self.of(stored).await.filter(|near| own.is_none() || near.refused.is_none()).or(own)
    }

    /// That one's answer is no more, or will not do.
    pub fn pass(&mut self, key: Key) {
        self.passed.push(key);
    }

    /// Texts are compared beside the runtime's thread: it takes a millisecond.
    async fn in_memory(&self, rt: &Runtime) -> Option<Near> {
        let memory = rt.meaning.clone();
        self.beside(move |question, look| memory.memory.nearest(question.as_asked(), look)).await
    }

    async fn of(&self, stored: Arc<Vec<Neighbour>>) -> Option<Near> {
        let found = move |question: &Question, look: Look<'_>| {
            let near = stored.iter().map(|it| (it.key, it.text.as_str().into(), it.similarity));
            pick(question.as_asked().text, near, look)
        };
        self.beside(found).await
    }

    async fn beside(
        &self,
        find: impl FnOnce(&Question, Look<'_>) -> Option<Near> + Send + 'static,
    ) -> Option<Near> {
        let (question, passed) = (self.question.clone(), self.passed.clone());
        let (threshold, guards) = (self.threshold, self.guards);
        let look = move || {
            let now_ms = unix_ms(SystemTime::now());
            find(&question, Look { threshold, guards, now_ms, passed: &passed })
        };
        spawn_blocking(look).await.ok()?
    }

    async fn ask(&self, rt: &Runtime) -> Vec<Neighbour> {
        let asked = self.question.as_asked();
        let (model_id, vector) = (asked.model_id.to_owned(), asked.vector.to_vec());
        let scope = asked.scope;
        let near = |id| Chore::Near { id, model_id, scope, vector, most: LOOKED_AT };
        let Some(asked) = rt.cache.chores.ask(near) else { return Vec::new() };
        match asked.answered(STORE_WAIT).await {
            Some(Reply::Near(found)) => found,
            _ => Vec::new(),
        }
    }
}
