//! Where the rest of the gateway leaves what it wants of other hosts, and learns how things stand.

use std::collections::VecDeque;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::ledger::Answer;
pub use super::ledger::Question;
use crate::budget::{Ask, CounterName, Limit, Posture, Sharing};

/// For a look at other hosts.
const LOOK: Duration = Duration::from_millis(300);

/// Called once: when what was asked for was granted, or refused, or cannot be known now.
pub struct Waiter(Option<Box<dyn FnOnce() + Send>>);

impl std::fmt::Debug for Waiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiter")
    }
}

impl Waiter {
    /// Who waits.
    pub fn new(wake: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(wake)))
    }
}

impl Drop for Waiter {
    /// Whoever forgets a waiter wakes it: it asks again, and hears how things are then.
    fn drop(&mut self) {
        if let Some(wake) = self.0.take() {
            wake();
        }
    }
}

/// Units that somebody waits for, or nobody.
#[derive(Debug)]
pub struct Wish {
    /// Of each limit. All are granted, or none is.
    pub asks: Vec<Ask>,
    /// Who is told.
    pub waiter: Option<Waiter>,
    /// When it was made.
    pub since: Instant,
}

/// What an operator should hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The server does not answer, or not in time.
    Away(String),
    /// It does again.
    Back,
    /// It lost what it knew: it was restarted empty, or other keys pushed ours out.
    Lost(String),
    /// It may evict keys.
    Evicts(String),
}

/// How the sharing stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Others can be asked.
    pub is_well: bool,
    /// Why not, or since when.
    pub detail: String,
    /// What an operator should change; empty is nothing.
    pub warning: String,
}

/// One worker's desk.
#[derive(Debug)]
pub struct Share {
    /// How decisions are made now.
    pub sharing: Arc<Sharing>,
    inbox: Mutex<Inbox>,
    pub(super) bell: Notify,
    questions: Mutex<VecDeque<Question>>,
    asked: Condvar,
    status: Mutex<Status>,
}

/// What waits for the keeper.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub wishes: Vec<Wish>,
    pub limits: Vec<Arc<Limit>>,
    pub answers: Vec<Answer>,
    pub looks: Vec<(CounterName, SyncSender<(u64, u64)>)>,
    pub stops: Vec<oneshot::Sender<()>>,
}

impl Share {
    /// An empty desk: nobody was asked for anything.
    pub fn new() -> Arc<Self> {
        let share = Arc::new(Self {
            sharing: Arc::new(Sharing::new()),
            inbox: Mutex::default(),
            bell: Notify::new(),
            questions: Mutex::default(),
            asked: Condvar::new(),
            status: Mutex::default(),
        });
        let weak = Arc::downgrade(&share);
        share.sharing.on_refill(move || {
            if let Some(share) = weak.upgrade() {
                share.bell.notify_one();
            }
        });
        share
    }

    /// Asks for units. While nobody answers nobody waits.
    pub fn ask(&self, asks: Vec<Ask>, waiter: Waiter) {
        if self.sharing.posture() == Posture::Shared {
            let wish = Wish { asks, waiter: Some(waiter), since: Instant::now() };
            lock(&self.inbox).wishes.push(wish);
            self.bell.notify_one();
        }
    }

    /// The same, as a future: ready when it is worth while to look again.
    pub async fn asked(&self, asks: Vec<Ask>) {
        let (sender, answered) = oneshot::channel();
        let waiter = Waiter::new(move || {
            let _ = sender.send(());
        });
        self.ask(asks, waiter);
        let _ = answered.await;
    }

    /// Tells of a limit that is in force, so that what was spent of it is known before it is asked for.
    pub fn introduce(&self, limit: Arc<Limit>) {
        lock(&self.inbox).limits.push(limit);
        self.bell.notify_one();
    }

    /// What other hosts spent and hold of a counter; None where they cannot be asked. Blocks.
    pub fn look(&self, name: CounterName) -> Option<(u64, u64)> {
        if self.sharing.posture() != Posture::Shared {
            return None;
        }
        let (sender, told) = sync_channel(1);
        lock(&self.inbox).looks.push((name, sender));
        self.bell.notify_one();
        told.recv_timeout(LOOK).ok()
    }

    /// Gives back all that is not used, and ends.
    pub async fn stop(&self) {
        let (sender, done) = oneshot::channel();
        lock(&self.inbox).stops.push(sender);
        self.bell.notify_one();
        let _ = done.await;
    }

    /// What a ledger must be asked. Blocks.
    pub fn question(&self, within: Duration) -> Option<Question> {
        let questions = lock(&self.questions);
        let waited = self.asked.wait_timeout_while(questions, within, |all| all.is_empty());
        let (mut questions, _) = waited.unwrap_or_else(PoisonError::into_inner);
        questions.pop_front()
    }

    /// What the ledger says, by the values of the scope, joined, and the host; None where it cannot be asked.
    pub fn answer(&self, question: Question, rows: Option<Vec<(String, String, u64)>>) {
        lock(&self.inbox).answers.push(Answer { question, rows });
        self.bell.notify_one();
    }

    /// All that waits for the keeper, but no more than so many wishes.
    pub(super) fn take(&self, most: usize) -> Inbox {
        let mut inbox = lock(&self.inbox);
        let rest = inbox.wishes.len().min(most);
        let later = inbox.wishes.split_off(rest);
        let taken = std::mem::replace(&mut *inbox, Inbox { wishes: later, ..Inbox::default() });
        if !inbox.wishes.is_empty() {
            self.bell.notify_one();
        }
        taken
    }

    /// Lets go of all that wait.
    pub(super) fn let_go(&self) {
        let gone = {
            let mut inbox = lock(&self.inbox);
            (std::mem::take(&mut inbox.wishes), std::mem::take(&mut inbox.looks))
        };
        drop(gone); // behind the lock: whoever is woken may ask at once
    }

    /// Who asks for the end.
    pub(super) fn stops(&self) -> Vec<oneshot::Sender<()>> {
        std::mem::take(&mut lock(&self.inbox).stops)
    }

    pub(super) fn ask_ledger(&self, question: Question) {
        lock(&self.questions).push_back(question);
        self.asked.notify_one();
    }

    /// How the sharing stands.
    pub fn status(&self) -> Status {
        lock(&self.status).clone()
    }

    pub(super) fn set_status(&self, change: impl FnOnce(&mut Status)) {
        change(&mut lock(&self.status));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner) // whole at every unlock
}
