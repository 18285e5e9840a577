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
    /// The highest epoch of a purge when they began: who comes behind a purge follows nobody who began before it.
    pub epoch: u64,
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
    /// Of a stream that nobody follows; see [`Flight::give`].
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Inner {
    /// Of a stream: all that the leader's client was given.
    given: Vec<u8>,
    /// By which of the route's targets.
    target: usize,
    landing: Option<Landing>,
    followers: usize,
    /// Its beginning is there no more, so that nobody can follow it.
    is_long: bool,
    leader: Weak<Exchange>,
    /// The leader's client left, and others wait for its answer.
    is_left: bool,
}

impl Flight {
    /// Led by a request, whose answer is kept up to a size.
    pub fn new(leader: &Arc<Exchange>, max_bytes: usize) -> Arc<Self> {
        let flight = Self { max_bytes, ..Self::default() };
        flight.lock().leader = Arc::downgrade(leader);
        Arc::new(flight)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream goes on, from this target. One that is longer than what is kept of an answer, and that nobody follows
    /// yet, is not remembered for those who might.
    pub fn give(&self, target: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut inner = self.lock();
        let size = inner.given.len().saturating_add(bytes.len());
        if inner.followers == 0 && size > self.max_bytes {
            inner.is_long = true;
            inner.given = Vec::new();
        }
        if inner.is_long {
            return;
        }
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

    /// Follows it; `None` where it is over already, or too long.
    pub fn follow(self: &Arc<Self>) -> Option<Follower> {
        let mut inner = self.lock();
        if inner.landing.is_some() || inner.is_long {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(max_bytes: usize) -> Arc<Flight> {
        Arc::new(Flight { max_bytes, ..Flight::default() })
    }

    #[test]
    fn a_long_stream_is_remembered_for_those_who_follow_it_and_for_nobody_else() {
        let alone = flight(10);
        alone.give(0, b"0123456789");
        assert!(alone.follow().is_some());
        alone.give(0, b"a");
        assert!(alone.follow().is_none());
        assert_eq!(alone.lock().given.capacity(), 0);
        alone.give(0, b"b");
        assert_eq!(alone.lock().given.capacity(), 0);

        let shared = flight(10);
        let mut other = shared.follow().unwrap();
        shared.give(1, b"0123456789");
        shared.give(1, b"a");
        let Some(News::Bytes(1, bytes)) = other.look() else { panic!("nothing came") };
        assert_eq!(bytes, b"0123456789a");
    }
}
