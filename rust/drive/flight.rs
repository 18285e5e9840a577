//! Requests that ask the same at the same time: one asks the model, and the others follow it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use tokio::sync::Notify;

use super::exchange::{Cancel, Exchange};
use super::failure::Failure;
use super::held::{Held, Pace, Taken};
use super::reader::Form;
use crate::cache::{Entry, Facts, Key};
use crate::stream::{ToolForms, UpstreamError};

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
    /// Its stream broke off; with the upstream's own words, where it said why.
    Broke(Arc<(Failure, Option<UpstreamError>)>),
    /// It is over without a word about the answer: another may lead.
    Free,
}

/// Whose stream it is, in which form, and what the request's translation did.
#[derive(Debug)]
pub struct Source {
    /// Which of the route's targets.
    pub target: usize,
    pub(super) form: Form,
    pub tool_forms: ToolForms,
    pub dropped: Option<Bytes>,
}

/// A leader's answer on its way, and who follows. Of a stream it has the upstream's own events: each client is told them
/// in its own name.
#[derive(Debug)]
pub struct Flight {
    inner: Mutex<Inner>,
    /// For who follows: there is something new.
    bell: Notify,
    /// For the leader: one of them came, went or took something.
    stir: Notify,
}

#[derive(Debug)]
struct Inner {
    held: Held,
    source: Option<Arc<Source>>,
    landing: Option<Landing>,
    followers: Vec<(u64, Weak<Exchange>)>,
    leader: Weak<Exchange>,
    /// The leader's client has no part in it any more, and others wait for its answer.
    is_left: bool,
}

impl Flight {
    /// Led by a request, whose answer is kept up to a size.
    pub fn new(leader: &Arc<Exchange>, max_bytes: usize) -> Arc<Self> {
        let inner = Inner {
            held: Held::new(max_bytes),
            source: None,
            landing: None,
            followers: Vec::new(),
            leader: Arc::downgrade(leader),
            is_left: false,
        };
        Arc::new(Self { inner: Mutex::new(inner), bell: Notify::new(), stir: Notify::new() })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stream goes on. Whether anybody follows it, or may yet.
    pub fn give(&self, source: impl FnOnce() -> Source, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let mut inner = self.lock();
        inner.source.get_or_insert_with(|| Arc::new(source()));
        let is_wanted = inner.held.give(bytes);
        drop(inner);
        self.bell.notify_waiters();
        is_wanted
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
    pub fn follow(self: &Arc<Self>, x: &Arc<Exchange>) -> Option<Follower> {
        let mut inner = self.lock();
        if inner.landing.is_some() {
            return None;
        }
        let reader = inner.held.join()?;
        inner.followers.push((reader, Arc::downgrade(x)));
        drop(inner);
        self.stir.notify_one();
        Some(Follower { flight: self.clone(), reader })
    }

    /// The leader's client leaves. Whether others wait for its answer, so that it goes on without it.
    pub fn leave(&self) -> bool {
        let mut inner = self.lock();
        inner.is_left = inner.held.has_readers() && inner.landing.is_none();
        inner.is_left
    }

    /// How fast the stream is to be read, where so much waits for the leader's client; `None` where that is gone.
    pub(super) fn pace(&self, leader: Option<usize>) -> Pace {
        self.lock().held.pace(leader)
    }

    /// Those who are far behind have taken nothing for a while.
    pub fn pass_over(&self) {
        self.lock().held.pass_over();
    }

    /// How far a client may be behind.
    pub fn max_lag(&self) -> usize {
        self.lock().held.max_lag()
    }

    /// One who follows came, went or took something.
    pub async fn stirred(&self) {
        self.stir.notified().await;
    }

    /// Who follows, those who came first before the others.
    pub fn followers(&self) -> Vec<(u64, Arc<Exchange>)> {
        let inner = self.lock();
        let there = inner.followers.iter();
        there.filter_map(|(reader, x)| Some((*reader, x.upgrade()?))).collect()
    }

    /// Whether one still follows.
    pub fn has(&self, follower: u64) -> bool {
        self.lock().followers.iter().any(|(reader, _)| *reader == follower)
    }

    /// Nobody follows any more.
    pub async fn forsaken(&self) {
        while self.lock().held.has_readers() {
            self.stirred().await;
        }
    }
}

/// One that follows.
#[derive(Debug)]
pub struct Follower {
    flight: Arc<Flight>,
    reader: u64,
}

/// What there is for a follower.
#[derive(Debug)]
pub enum News {
    /// More of the stream.
    Pieces(Arc<Source>, Vec<Bytes>),
    /// More of it was there than is held for who does not take it.
    Lost,
    /// The end.
    Landed(Landing),
}

impl Follower {
    /// What is new, waited for.
    pub async fn news(&mut self) -> News {
        let flight = self.flight.clone();
        loop {
            let mut rung = std::pin::pin!(flight.bell.notified());
            rung.as_mut().enable(); // before the look: nothing is missed between
            if let Some(news) = self.look() {
                return news;
            }
            rung.await;
        }
    }

    fn look(&mut self) -> Option<News> {
        let mut inner = self.flight.lock();
        match (inner.held.take(self.reader), &inner.source) {
            (Taken::Pieces(pieces), Some(source)) => {
                let news = News::Pieces(source.clone(), pieces);
                drop(inner);
                self.flight.stir.notify_one();
                Some(news)
            }
            (Taken::Lost, _) => Some(News::Lost),
            _ => inner.landing.clone().map(News::Landed),
        }
    }
}

impl Drop for Follower {
    /// The last one who leaves a leader whose client left ends it.
    fn drop(&mut self) {
        let mut inner = self.flight.lock();
        inner.held.leave(self.reader);
        inner.followers.retain(|(reader, _)| *reader != self.reader);
        let is_last = !inner.held.has_readers() && inner.is_left && inner.landing.is_none();
        let leader = inner.leader.upgrade().filter(|_| is_last);
        drop(inner);
        self.flight.stir.notify_one();
        if let Some(leader) = leader {
            leader.cancel(Cancel::ClientLeft);
        }
    }
}
