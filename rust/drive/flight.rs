//! Requests that ask the same at the same time: one asks the model, and the others follow it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use tokio::sync::Notify;

use super::cut::Cut;
use super::exchange::{Cancel, Exchange};
use super::failure::{Failure, FailureKind};
use super::held::{Held, Pace, Taken};
use super::parting::Parted;
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
    followers: Vec<Following>,
    leader: Weak<Exchange>,
    /// The leader's client has no part in it any more, and others wait for its answer.
    is_left: bool,
}

/// One who follows, and its part in what the stream costs.
#[derive(Debug)]
struct Following {
    reader: u64,
    x: Weak<Exchange>,
    /// When its client had the first of it.
    first_ms: Option<u64>,
    part: Part,
    /// A limit of its own ends it here.
    cut: Option<Arc<Cut>>,
}

#[derive(Debug, Clone)]
enum Part {
    /// It costs it nothing.
    Free,
    /// It pays for what comes.
    Pays,
    /// It pays, and wants no more.
    Resigns(Parted),
    /// It has its row, with what it paid where that is known.
    Paid(Option<String>),
}

impl Inner {
    fn following(&mut self, reader: u64) -> Option<&mut Following> {
        self.followers.iter_mut().find(|following| following.reader == reader)
    }
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
        inner.followers.push(Following {
            reader,
            x: Arc::downgrade(x),
            first_ms: None,
            part: Part::Free,
            cut: None,
        });
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

    /// Who follows and pays nothing so far: those who keep up, then those who may be given up soon, the first who came
    /// before the others.
    pub fn followers(&self) -> Vec<(u64, Arc<Exchange>)> {
        let inner = self.lock();
        let Inner { held, followers, .. } = &*inner;
        let is_free = |one: &&Following| matches!(one.part, Part::Free) && one.cut.is_none();
        let mut there: Vec<&Following> =
            followers.iter().filter(is_free).filter(|one| !held.has_lost(one.reader)).collect();
        there.sort_by_key(|one| held.is_far(one.reader));
        there.into_iter().filter_map(|one| Some((one.reader, one.x.upgrade()?))).collect()
    }

    /// One who follows pays from here on; false where it left meanwhile.
    pub fn pay(&self, reader: u64) -> bool {
        let mut inner = self.lock();
        let following = inner.following(reader);
        following.map(|following| following.part = Part::Pays).is_some()
    }

    /// How the part of who pays ends, if it does: it wants no more, or is so far behind that it is given no more.
    pub(super) fn resigned(&self, reader: u64) -> Option<Parted> {
        let mut inner = self.lock();
        let is_lost = inner.held.has_lost(reader);
        match inner.following(reader).map(|following| &following.part) {
            Some(Part::Resigns(parted)) => Some(*parted),
            Some(_) => is_lost.then_some(Parted::LEFT),
            None => Some(Parted::failed(FailureKind::Internal.code())), // its task died
        }
    }

    /// Waits until who pays has no more part in it.
    pub async fn is_resigned(&self, reader: u64) {
        while self.resigned(reader).is_none() {
            self.stirred().await;
        }
    }

    /// One who paid has its row.
    pub fn relieve(&self, reader: u64, cost_usd: Option<String>) {
        if let Some(following) = self.lock().following(reader) {
            following.part = Part::Paid(cost_usd);
        }
        self.bell.notify_waiters();
    }

    /// A limit ends the stream for one who follows, behind what came so far.
    pub(super) fn cut(&self, reader: u64, cut: Cut) {
        let mut inner = self.lock();
        inner.held.end(reader);
        if let Some(following) = inner.following(reader) {
            following.cut.get_or_insert(Arc::new(cut));
        }
        drop(inner);
        self.bell.notify_waiters();
    }

    /// When the client of one who follows had the first of it.
    pub fn first_ms(&self, reader: u64) -> Option<u64> {
        self.lock().following(reader)?.first_ms
    }
}

/// One that follows.
#[derive(Debug)]
pub struct Follower {
    flight: Arc<Flight>,
    reader: u64,
}

/// What one who follows has paid of it.
#[derive(Debug)]
pub struct OwnPart {
    /// Where its price is known.
    pub cost_usd: Option<String>,
}

/// What there is for a follower.
#[derive(Debug)]
pub enum News {
    /// More of the stream.
    Pieces(Arc<Source>, Vec<Bytes>),
    /// More of it was there than is held for who does not take it.
    Lost,
    /// A limit of its own ends it.
    Cut(Arc<Cut>),
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

    /// Its client has the first of it.
    pub fn begin(&self, first_ms: u64) {
        if let Some(following) = self.flight.lock().following(self.reader) {
            following.first_ms = Some(first_ms);
        }
    }

    /// Wants no more. Where it pays, its row is there when this returns.
    pub(super) async fn resign(&self, parted: Parted) {
        loop {
            let mut rung = std::pin::pin!(self.flight.bell.notified());
            rung.as_mut().enable();
            if !self.give_notice(parted) {
                return;
            }
            self.flight.stir.notify_one();
            rung.await;
        }
    }

    /// Whether it still pays.
    fn give_notice(&self, parted: Parted) -> bool {
        let mut inner = self.flight.lock();
        let Some(following) = inner.following(self.reader) else { return false };
        if matches!(following.part, Part::Pays) {
            following.part = Part::Resigns(parted);
        }
        matches!(following.part, Part::Resigns(_))
    }

    /// What it paid, if it did and its row is written.
    pub fn paid(&self) -> Option<OwnPart> {
        match &self.flight.lock().following(self.reader)?.part {
            Part::Paid(cost_usd) => Some(OwnPart { cost_usd: cost_usd.clone() }),
            _ => None,
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
            (Taken::Ended, _) => inner.following(self.reader)?.cut.clone().map(News::Cut),
            _ => inner.landing.clone().map(News::Landed),
        }
    }
}

impl Drop for Follower {
    /// The last one who leaves a leader whose client left ends it.
    fn drop(&mut self) {
        let mut inner = self.flight.lock();
        inner.held.leave(self.reader);
        inner.followers.retain(|following| following.reader != self.reader);
        let is_last = !inner.held.has_readers() && inner.is_left && inner.landing.is_none();
        let leader = inner.leader.upgrade().filter(|_| is_last);
        drop(inner);
        self.flight.stir.notify_one();
        if let Some(leader) = leader {
            leader.cancel(Cancel::ClientLeft);
        }
    }
}
