//! One who asked what another asks right now: it is given that one's answer as it comes.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::caching::Told;
use super::client_stream::stream_type;
use super::clock::unix_ms;
use super::cut::Cut;
use super::deadline::{Deadline, Stop, after};
use super::exchange::Exchange;
use super::failure::{Failure, FailureKind};
use super::flight::{Follower, Landing, News, Source};
use super::hit;
use super::keeping::Kept;
use super::last_words::{malformed, own_error, told};
use super::outbox::{State, append};
use super::pacing::heartbeat;
use super::parting::Parted;
use super::retelling::{FREE, Retelling};
use super::row::millis;
use super::runtime::Runtime;
use super::snapshot::Target;
use crate::cache::{Entry, Facts};
use crate::stream::{StreamError, UpstreamError};

/// What became of following.
pub(super) enum Followed {
    /// The client has its answer, or left.
    Over,
    /// The leader is no more, and asked nobody.
    Free,
    /// The leader's upstreams failed, before anything came.
    Failed(u16),
}

/// When a stream's client should hear something.
pub(super) fn first_tick(x: &Exchange) -> Option<Instant> {
    let due = || after(x.admission.arrived, x.admission.snapshot.commit_after).max(Instant::now());
    x.admission.scan.stream().then(due)
}

pub(super) async fn follow(rt: &Rc<Runtime>, x: &Arc<Exchange>, follower: Follower) -> Followed {
    let deadline = Deadline::new(Duration::MAX, x.admission.deadline, first_tick(x));
    Following { rt, x, follower, deadline, given: None }.run().await
}

/// The client left, or its time is over, before it had anything.
pub(super) fn unanswered(rt: &Rc<Runtime>, x: &Arc<Exchange>, stop: Stop) {
    match failure_of(x, stop) {
        Some(failure) => x.fill(|ready| ready.state = State::Failed(Box::new(failure))),
        None => left(rt, x, 0),
    }
}

/// A request while it follows another.
struct Following<'a> {
    rt: &'a Rc<Runtime>,
    x: &'a Arc<Exchange>,
    follower: Follower,
    deadline: Deadline,
    /// None until something came.
    given: Option<Given>,
}

/// What the client has so far.
struct Given {
    /// From which of the route's targets.
    target: usize,
    retelling: Retelling,
    first_ms: u64,
}

impl Following<'_> {
    async fn run(mut self) -> Followed {
        loop {
            let news = match self.deadline.guard(self.x, self.follower.news()).await {
                Ok(news) => news,
                Err(Stop::Tick) => {
                    heartbeat(self.x, &mut self.deadline);
                    continue;
                }
                Err(stop) => return self.stopped(stop).await,
            };
            match news {
                News::Pieces(source, pieces) => {
                    if let Err(failure) = self.tell(&source, &pieces) {
                        self.follower.resign(Parted::failed(failure.kind.code())).await;
                        return self.broken(&failure, None);
                    }
                    if let Err(stop) = self.room().await {
                        return self.stopped(stop).await;
                    }
                }
                News::Lost => return self.lost().await,
                News::Cut(cut) => return self.cut(&cut),
                // What ended the leader may have ended it too.
                News::Landed(_) if self.x.is_cancelled() => {
                    return self.stopped(Stop::Cancelled).await;
                }
                News::Landed(landing) => return self.landed(landing).await,
            }
        }
    }

    /// Passes on what the leader's upstream said.
    fn tell(&mut self, source: &Source, pieces: &[Bytes]) -> Result<(), Failure> {
        let x = self.x;
        if self.given.is_none() {
            let given = begin(x, source)?;
            self.follower.begin(given.first_ms);
            self.given = Some(given);
        }
        let Some(given) = &mut self.given else { return Ok(()) };
        let mut out = Vec::with_capacity(pieces.iter().map(Bytes::len).sum());
        for piece in pieces {
            given.retelling.feed(piece, &mut out).map_err(|error| malformed(&error))?;
        }
        if out.is_empty() {
            return Ok(());
        }
        let head = x.client_status().is_none().then(|| {
            x.set_client_status(200);
            x.admission.route.targets.get(given.target)
        });
        let head = head.flatten().map(|target| hit::head(x, target, stream_type(x)));
        x.fill(|ready| {
            if head.is_some() {
                ready.head = head;
            }
            append(&mut ready.body, &mut out);
        });
        self.deadline.tick_at(Some(after(Instant::now(), x.admission.snapshot.commit_after)));
        Ok(())
    }

    /// Waits until the client has room for more.
    async fn room(&mut self) -> Result<(), Stop> {
        let x = self.x;
        loop {
            let room = poll_fn(|cx| x.outbox.poll_room(cx));
            match self.deadline.guard(x, room).await {
                Err(Stop::Tick) => {
                    let next = after(Instant::now(), x.admission.snapshot.commit_after);
                    self.deadline.tick_at(Some(next));
                }
                other => return other,
            }
        }
    }

    async fn landed(mut self, landing: Landing) -> Followed {
        match (landing, self.given.is_some()) {
            (Landing::Answered(facts, _), true) => self.ended(&facts),
            (Landing::Answered(_, entry), false) => given(self.rt, self.x, entry).await,
            (Landing::Broke(why), true) => self.broken(&why.0, why.1.as_ref()),
            (Landing::Failed(_) | Landing::Free, true) => {
                let told = "the leader's stream broke off";
                self.broken(&Failure::new(FailureKind::Truncated, told), None)
            }
            (Landing::Failed(status), false) => Followed::Failed(status),
            (Landing::Broke(_), false) => Followed::Failed(502),
            (Landing::Free, false) => Followed::Free,
        }
    }

    /// The leader's stream ended well.
    fn ended(&mut self, facts: &Facts) -> Followed {
        let (rt, x) = (self.rt, self.x);
        let Some(given) = &mut self.given else { return Followed::Free };
        let mut out = Vec::new();
        let paid = self.follower.paid();
        let cost_usd = paid.as_ref().map_or(FREE, |own| own.cost_usd.as_deref());
        let kept = given.retelling.finish(facts, cost_usd, &mut out);
        if let Some(target) = x.admission.route.targets.get(given.target) {
            if let Some(response) = kept {
                rt.keeping.hand_over(Kept::of(&x.admission, response), target, &rt.alerts);
            }
            match paid {
                None => hit::settle(rt, x, target, (facts, None), given.first_ms),
                Some(_) => rt.cache.count(true),
            }
        }
        x.fill(|ready| {
            append(&mut ready.body, &mut out);
            ready.state = State::End;
        });
        Followed::Over
    }

    /// The stream goes on without it, or for nobody: its own limits have no room for more.
    fn cut(&mut self, cut: &Cut) -> Followed {
        let (rt, x) = (self.rt, self.x);
        let Some(given) = &mut self.given else { return Followed::Free };
        let mut out = Vec::new();
        let paid = self.follower.paid();
        let cost_usd = paid.as_ref().map_or(FREE, |own| own.cost_usd.as_deref());
        given.retelling.cut(x, cut, cost_usd, &mut out);
        if paid.is_none()
            && let Some(target) = x.admission.route.targets.get(given.target)
        {
            let told = (&*cut.facts, Parted::CUT.code);
            hit::settle(rt, x, target, told, given.first_ms);
        }
        x.fill(|ready| {
            append(&mut ready.body, &mut out);
            ready.state = State::End;
        });
        Followed::Over
    }

    /// The client left, or its own time or run is over.
    async fn stopped(&mut self, stop: Stop) -> Followed {
        let failure = failure_of(self.x, stop);
        let failed = |failure: &Failure| Parted::failed(failure.kind.code());
        self.follower.resign(failure.as_ref().map_or(Parted::LEFT, failed)).await;
        match (failure, &self.given) {
            (Some(failure), Some(_)) => return self.broken(&failure, None),
            (Some(_), None) => unanswered(self.rt, self.x, stop),
            (None, _) => self.left(),
        }
        Followed::Over
    }

    /// What a client has of a stream is not all of it, and it is told so.
    fn broken(&mut self, failure: &Failure, said: Option<&UpstreamError>) -> Followed {
        let (rt, x) = (self.rt, self.x);
        if x.client_status().is_none() {
            let failure = Box::new(failure.clone());
            x.fill(|ready| ready.state = State::Failed(failure));
            return Followed::Over;
        }
        let target = self.given.as_ref().map_or(0, |given| given.target);
        if let Some(target) = x.admission.route.targets.get(target)
            && self.follower.paid().is_none()
        {
            hit::broken(rt, x, target, failure.kind.code());
        }
        let own = told(x, failure);
        let error = said.map_or(own, |said| StreamError::from_upstream(said, &x.id_text));
        let mut out = Vec::new();
        match &mut self.given {
            Some(given) => given.retelling.error(x, &error, &mut out),
            None => own_error(x, &error, &mut out),
        }
        x.fill(|ready| {
            append(&mut ready.body, &mut out);
            ready.state = State::End;
        });
        Followed::Over
    }

    /// The client takes nothing, and the others are far ahead.
    async fn lost(&self) -> Followed {
        self.follower.resign(Parted::LEFT).await;
        self.left();
        self.x.break_off();
        Followed::Over
    }

    fn left(&self) {
        match self.follower.paid() {
            None => left(self.rt, self.x, self.given.as_ref().map_or(0, |given| given.target)),
            Some(_) => self.x.fill(|ready| ready.state = State::End),
        }
    }
}

/// The first of a stream came.
fn begin(x: &Exchange, source: &Source) -> Result<Given, Failure> {
    // It asks the same, so that its own translation would have done the same.
    x.set_tool_forms(source.tool_forms.clone());
    x.set_dropped(source.dropped.clone());
    let target: Option<&Target> = x.admission.route.targets.get(source.target);
    let Some(target) = target else {
        return Err(Failure::new(FailureKind::Internal, "the route has no such target"));
    };
    if let Some(caching) = x.caching() {
        caching.tell(Told::Followed);
    }
    let retelling = Retelling::new(x, target, source.form);
    Ok(Given { target: source.target, retelling, first_ms: millis(x.admission.arrived) })
}

/// The leader has its answer, of which nothing came before.
async fn given(rt: &Rc<Runtime>, x: &Arc<Exchange>, entry: Option<Arc<Entry>>) -> Followed {
    let now_ms = unix_ms(SystemTime::now());
    let is_good = |entry: &Arc<Entry>| x.caching().is_some_and(|c| c.takes(entry, now_ms));
    match entry.filter(is_good) {
        Some(entry) if hit::give(rt, x, &entry, Told::Followed).await.is_ok() => Followed::Over,
        _ => Followed::Free,
    }
}

/// Why its client is told that it ends; `None` where that left.
fn failure_of(x: &Exchange, stop: Stop) -> Option<Failure> {
    match (stop, x.told()) {
        (Stop::Cancelled, told) => told.map(|(kind, detail)| Failure::new(kind, detail)),
        _ if x.admission.step.ends_first => {
            Some(Failure::new(FailureKind::RunOver, "the time of the request's run is over"))
        }
        _ => Some(Failure::new(FailureKind::TotalTimeout, "the request's time is used up")),
    }
}

fn left(rt: &Runtime, x: &Exchange, by: usize) {
    if let Some(target) = x.admission.route.targets.get(by) {
        hit::left(rt, x, target);
    }
}
