//! Requests that ask the same at the same time: one asks the model, and the others follow it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use super::exchange::{Cancel, Exchange};
use crate::cache::{Entry, Facts, Key};

/// Which requests can follow one another: they ask the same, and in one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FlightKey {
    pub key: Key,
    pub stream: bool,
    /// They see the stream's usage.
    pub include_usage: bool,
    pub as_array: bool,
}

/// How a leader's request ended.
#[derive(Debug, Clone)]
pub enum Landing {
    /// Answered. An answer too large to be kept has no entry.
    Answered(Arc<Facts>, Option<Arc<Entry>>),
    /// The upstreams were asked, and failed: what the client was told.
    Failed(u16),
    /// It is over without a word about the answer: another may lead.
    Free,
}

/// A leader's answer on its way, and who follows.
#[derive(Debug, Default)]
pub struct Flight {
    inner: Mutex<Inner>,
    bell: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// Of a stream: all that the leader's client was given.
    given: Vec<u8>,
    /// By which of the route's targets.
    target: usize,
    landing: Option<Landing>,
    followers: usize,
    leader: Weak<Exchange>,
    /// The leader's client left, and others wait for its answer.
    is_left: bool,
}

impl Flight {
    /// Led by a request.
    pub fn new(leader: &Arc<Exchange>) -> Arc<Self> {
        let flight = Self::default();
        flight.lock().leader = Arc::downgrade(leader);
        Arc::new(flight)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream goes on, from this target.
    pub fn give(&self, target: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut inner = self.lock();
        inner.target = target;
        inner.given.extend_from_slice(bytes);
        drop(inner);
        self.bell.notify_waiters();
    }

    /// It is over; the first word holds.
    pub fn land(&self, landing: Landing) {
        let mut inner = self.lock();
        if inner.landing.is_none() {
            inner.landing = Some(landing);
        }
        drop(inner);
        self.bell.notify_waiters();
    }

    /// The leader is no more.
    pub fn free(&self) {
        self.land(Landing::Free);
    }

    /// Whether it is over.
    pub fn has_landed(&self) -> bool {
        self.lock().landing.is_some()
    }

    /// Follows it; `None` where it is over already.
    pub fn follow(self: &Arc<Self>) -> Option<Follower> {
        let mut inner = self.lock();
        if inner.landing.is_some() {
            return None;
        }
        inner.followers += 1;
        drop(inner);
        Some(Follower { flight: self.clone(), taken: 0 })
    }

    /// The leader's client leaves. Whether others wait for its answer, so that it goes on without it.
    pub fn leave(&self) -> bool {
        let mut inner = self.lock();
        inner.is_left = inner.followers > 0 && inner.landing.is_none();
        inner.is_left
    }
}

/// One that follows.
#[derive(Debug)]
pub struct Follower {
    flight: Arc<Flight>,
    taken: usize,
}

/// What there is for a follower.
#[derive(Debug)]
pub enum News {
    /// More of the stream, from a target.
    Bytes(usize, Vec<u8>),
    /// The end.
    Landed(Landing),
}

impl Follower {
    /// Whether anything of the stream was taken.
    pub const fn has_begun(&self) -> bool {
        self.taken > 0
    }

    /// What is new, waited for.
    pub async fn news(&mut self) -> News {
        loop {
            let flight = self.flight.clone();
            let mut rung = std::pin::pin!(flight.bell.notified());
            rung.as_mut().enable(); // before the look: nothing is missed between
            if let Some(news) = self.look() {
                return news;
            }
            rung.await;
        }
    }

    fn look(&mut self) -> Option<News> {
        let inner = self.flight.lock();
        let more = inner.given.get(self.taken..).filter(|more| !more.is_empty());
        if let Some(more) = more {
            let more = more.to_vec();
            self.taken += more.len();
            return Some(News::Bytes(inner.target, more));
        }
        inner.landing.clone().map(News::Landed)
    }
}

impl Drop for Follower {
    /// The last one who leaves a leader whose client left ends it.
    fn drop(&mut self) {
        let mut inner = self.flight.lock();
        inner.followers -= 1;
        if inner.followers == 0 && inner.is_left && inner.landing.is_none() {
            let leader = inner.leader.upgrade();
            drop(inner);
            if let Some(leader) = leader {
                leader.cancel(Cancel::ClientLeft);
            }
        }
    }
}
