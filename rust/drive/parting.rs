//! A stream that goes on for those who follow it, where who paid for it so far pays no more: its time, its run or its limit
//! is at an end, or its client left. Its client is told, as it would be alone, its row has what came until then, and the first of
//! the others whose own limits have room pays for what comes.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::allowance::Allowance;
use super::arrival::Next;
use super::attempt::{self, End, Running, Unheld};
use super::cut::{Cut, Spent, write_cut};
use super::deadline::Stop;
use super::exchange::Exchange;
use super::failure::FailureKind;
use super::last_words::told;
use super::outbox::{State, append};
use super::paying::Payer;
use super::recording::facts;
use super::relay::Relay;
use super::row::Outcome;
use super::tally;
use crate::budget::Demand;
use crate::cache::Facts;
use crate::meter::Sighting;
use crate::stream::FinishReason;

/// How a request's part in a stream ended, as its row says it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parted {
    pub outcome: Outcome,
    pub code: Option<&'static str>,
}

impl Parted {
    /// With the stream.
    pub const WELL: Self = Self { outcome: Outcome::Ok, code: None };
    /// By a limit, as the model would have ended it.
    pub const CUT: Self = Self { outcome: Outcome::Ok, code: Some("cut_by_limit") };
    /// Its client left.
    pub const LEFT: Self = Self { outcome: Outcome::Cancelled, code: None };

    pub const fn failed(code: &'static str) -> Self {
        Self { outcome: Outcome::Error, code: Some(code) }
    }

    pub fn is_cut(self) -> bool {
        self.code == Self::CUT.code
    }
}

/// One who is to pay for the rest.
pub(super) struct Heir {
    reader: u64,
    x: Arc<Exchange>,
    allowance: Option<Allowance>,
    /// What it may use.
    rest: Demand,
}

impl Relay {
    /// Whether the stream goes on for others, though who pays for it has no more time, or left.
    pub(super) async fn outlives(&mut self, run: &mut Running, stop: Stop) -> bool {
        if let Some(payer) = &mut run.payer {
            let flight = payer.flight.clone();
            let Some(parted) = flight.resigned(payer.reader) else { return false };
            payer.parted = Some(parted);
            let Some(heir) = self.heir(run).await else { return false };
            run.pay(&parted);
            self.install(run, heir);
            return true;
        }
        let failure = match run.stopped(stop, FailureKind::IdleTimeout) {
            End::Failed(failure) => Some(failure),
            _ => None, // its client left
        };
        let is_own = failure.as_ref().is_none_or(|f| FailureKind::is_of_one(f.kind.code()));
        if !is_own || !self.is_followed(run) {
            return false;
        }
        let Some(heir) = self.heir(run).await else { return false };
        let (mut out, mut parted) = (Vec::new(), Parted::LEFT);
        if let Some(failure) = failure {
            let error = told(&run.x, &failure);
            self.write_error(&error, &mut out);
            parted = Parted::failed(failure.kind.code());
        }
        self.part(run, parted, out);
        self.install(run, heir);
        true
    }

    /// Whether the stream goes on for others, though a limit of who pays for it has no room for more.
    pub(super) async fn outlives_limit(&mut self, run: &mut Running, limit: &str) -> bool {
        if run.payer.is_none() && !self.is_followed(run) {
            return false;
        }
        let Some(heir) = self.heir(run).await else { return false };
        if run.payer.is_some() {
            self.cut_payer(run, limit);
            run.pay(&Parted::CUT);
        } else {
            let out = self.last_of_cut(run, limit);
            self.part(run, Parted::CUT, out);
        }
        self.install(run, heir);
        self.is_full = false;
        true
    }

    /// Ends a stream that no limit has room for; the upstream's connection is closed.
    pub(super) fn cut(&mut self, run: &mut Running, limit: &str) {
        tally::stream(run, &mut self.meter, false, true);
        run.was_cut = true;
        if run.payer.is_some() {
            self.cut_payer(run, limit);
        } else {
            let mut out = self.last_of_cut(run, limit);
            self.out.append(&mut out);
        }
        self.seen |= Sighting::FINISH | Sighting::END;
    }

    /// Whether others have its beginning, and wait for the rest of it.
    fn is_followed(&self, run: &Running) -> bool {
        let has_begun = self.commits() && !self.is_over() && run.x.client_status().is_some();
        has_begun && run.flight().is_some_and(|flight| flight.leave())
    }

    /// One who follows and whose own limits have room for what comes. Where there is none, those limits end it for each of
    /// them. What the answer used so far is counted first.
    async fn heir(&mut self, run: &mut Running) -> Option<Heir> {
        let flight = run.flight()?.clone();
        tally::stream(run, &mut self.meter, false, true);
        let mut full = Vec::new();
        for (reader, x) in flight.followers() {
            if x.is_cancelled() {
                continue; // it is about to leave
            }
            match self.allowance_of(run, &x).await {
                Ok((allowance, rest)) if flight.pay(reader) => {
                    return Some(Heir { reader, x, allowance, rest });
                }
                Ok(_) => {} // it left
                Err(limit) => full.push((reader, limit)),
            }
        }
        for (reader, limit) in full {
            flight.cut(reader, self.cut_at(run, limit));
        }
        run.report.basis = None; // more may come
        None
    }

    /// What a follower has room for behind what others pay; or the limit that leaves it none.
    async fn allowance_of(
        &mut self,
        run: &Running,
        x: &Arc<Exchange>,
    ) -> Result<(Option<Allowance>, Demand), String> {
        let usage = self.meter.usage();
        let paid = run.report.usage.input_tokens.unwrap_or(0);
        let asked = x.admission.asked();
        let rest = asked.rest_of(x.admission.demand, usage.input_tokens, paid);
        // Counters that cannot be asked keep the surplus until the end.
        x.hold().free_surplus(&rest);
        let counted = self.meter.counted_output_tokens();
        if Allowance::from(x, counted).is_some_and(|mut allowance| !allowance.is_any()) {
            return Err(x.hold().exhausted().map(|limit| limit.name.clone()).unwrap_or_default());
        }
        let held = attempt::reserve(&run.rt, || {
            let charges = x.admission.target_charges(&run.target);
            x.hold().reserve_rest(charges, &rest)
        });
        match held.await {
            Ok(()) => Ok((Allowance::from(x, counted), rest)),
            Err(Unheld::Limit(denied)) => Err(denied.limit.name.clone()),
            Err(Unheld::Failed(_)) => Err(String::new()),
        }
    }

    /// What the upstream says next: waited for until the leader's client leaves, or who pays wants no more.
    pub(super) async fn next_of_many(
        &self,
        run: &mut Running,
        body: &mut Incoming,
    ) -> Result<Next, Stop> {
        if let Some(Payer { flight, reader, .. }) = &run.payer {
            return tokio::select! {
                biased;
                () = flight.is_resigned(*reader) => Err(Stop::Cancelled),
                next = run.deadline.guard(&run.x, body.frame()) => next,
            };
        }
        if !self.commits() {
            return run.deadline.guard(&run.x, body.frame()).await; // another may be asked yet
        }
        let next = poll_fn(|cx| match run.x.poll_abandoned(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => Pin::new(&mut *body).poll_frame(cx).map(Some),
        });
        run.deadline.guard(&run.x, next).await?.ok_or(Stop::Cancelled)
    }

    fn install(&mut self, run: &mut Running, heir: Heir) {
        self.allowance = heir.allowance;
        run.succeed(heir.reader, heir.x, &heir.rest);
    }

    /// The leader's part is over: its row is written, then its client has these last bytes.
    fn part(&mut self, run: &mut Running, parted: Parted, mut out: Vec<u8>) {
        run.report.first_token_ms = self.first_content;
        run.pay(&parted);
        run.x.fill(|ready| {
            append(&mut ready.body, &mut out);
            ready.state = State::End;
        });
        run.x.part();
        run.deadline.outlive_request();
    }

    /// Who pays has no more of it, once its row is written.
    fn cut_payer(&self, run: &mut Running, limit: &str) {
        let cut = self.cut_at(run, limit.to_owned());
        if let Some(payer) = &mut run.payer {
            payer.cut = Some(cut);
        }
    }

    fn cut_at(&self, run: &Running, limit: String) -> Cut {
        let trail = Arc::new(self.trail.clone().unwrap_or_default());
        let finish_reason = Some(FinishReason::Length.name().to_owned());
        let facts = Facts { finish_reason, ..facts(run) };
        Cut { limit, trail, facts: facts.into() }
    }

    /// What the leader's client has of it last.
    fn last_of_cut(&mut self, run: &Running, limit: &str) -> Vec<u8> {
        let (mut out, cost) = (Vec::new(), run.cost_usd());
        let spent = Spent { usage: run.report.usage, cost_usd: cost.as_deref() };
        let trail = self.trail.take().unwrap_or_default();
        write_cut(&run.x, limit, (&trail, self.encoder.as_mut()), &spent, &mut out);
        self.trail = Some(trail);
        out
    }
}
