//! A stream that goes on for those who follow it, where the limits of who leads are at their end: its own client is told,
//! as it would be alone, and what comes is for the others.

use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::allowance::{Allowance, Room};
use super::arrival::Next;
use super::attempt::{End, Running};
use super::deadline::Stop;
use super::failure::{Failure, FailureKind};
use super::last_words::told;
use super::outbox::{State, append};
use super::relay::Relay;
use super::row::Outcome;

/// How its client's part in the stream ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parted {
    pub outcome: Outcome,
    /// What its row says.
    pub code: &'static str,
    /// A limit ended it, as the model would have.
    pub is_cut: bool,
}

impl Relay {
    /// Whether the stream goes on for others, though this request's time, run or client is at its end.
    pub(super) fn outlives(&mut self, run: &mut Running, stop: Stop) -> bool {
        if run.parted.is_some() {
            return false;
        }
        let failure = match run.stopped(stop, FailureKind::IdleTimeout) {
            End::Failed(failure) => Some(failure),
            _ => None, // its client left
        };
        let is_own = |failure: &Failure| FailureKind::is_of_one(failure.kind.code());
        if !failure.as_ref().is_none_or(is_own) || !self.is_followed(run) {
            return false;
        }
        let Some(failure) = failure else {
            let left = Parted { outcome: Outcome::Cancelled, code: "", is_cut: false };
            run.part(left, Vec::new());
            return true;
        };
        let mut out = Vec::new();
        let error = told(&run.x, &failure);
        self.write_error(&error, &mut out);
        let code = failure.kind.code();
        run.part(Parted { outcome: Outcome::Error, code, is_cut: false }, out);
        true
    }

    /// Whether the stream goes on for others, though a limit of who is to pay for it has no room for more.
    pub(super) fn outlives_limit(&mut self, run: &mut Running) -> bool {
        if !self.is_followed(run) {
            return false;
        }
        let Some(spent) = self.allowance.take() else { return false };
        if !self.is_vouched_for(run) {
            self.allowance = Some(spent);
            return false;
        }
        self.is_full = false;
        if run.parted.is_none() {
            let mut out = Vec::new();
            spent.end(run, &mut self.meter, self.encoder.as_mut(), &mut out);
            run.was_cut = false;
            run.report.basis = None; // it is counted at the stream's end
            run.part(Parted { outcome: Outcome::Ok, code: "cut_by_limit", is_cut: true }, out);
        }
        true
    }

    /// Whether others have its beginning, and wait for the rest of it.
    fn is_followed(&self, run: &Running) -> bool {
        let has_begun = self.commits() && !self.is_over() && run.x.client_status().is_some();
        has_begun && run.flight().is_some_and(|flight| flight.leave())
    }

    /// Finds one who follows whose own limits have room for it.
    fn is_vouched_for(&mut self, run: &Running) -> bool {
        let Some(flight) = run.flight() else { return false };
        for (reader, x) in flight.followers() {
            let mut allowance = Allowance::of(&x);
            let has_room =
                allowance.as_mut().is_none_or(|a| matches!(a.admits(&mut self.meter), Room::Some));
            if has_room {
                (self.allowance, self.voucher) = (allowance, Some(reader));
                return true;
            }
        }
        false
    }

    /// Whether who vouched for the stream is there no more.
    pub(super) fn has_lost_voucher(&self, run: &Running) -> bool {
        let is_gone = |reader| run.flight().is_some_and(|flight| !flight.has(reader));
        self.allowance.is_some() && self.voucher.is_some_and(is_gone)
    }
}

impl Running {
    /// Its client has its end, with these last bytes of the stream.
    fn part(&mut self, parted: Parted, mut out: Vec<u8>) {
        self.x.fill(|ready| {
            append(&mut ready.body, &mut out);
            ready.state = State::End;
        });
        self.x.part();
        self.parted = Some(parted);
        self.deadline.outlive_request();
    }
}

/// What the upstream says next: waited for as long as anybody follows.
pub(super) async fn next_for_others(run: &mut Running, body: &mut Incoming) -> Result<Next, Stop> {
    let flight = run.flight().cloned();
    let forsaken = async {
        if let Some(flight) = &flight {
            flight.forsaken().await;
        }
    };
    tokio::select! {
        biased;
        () = forsaken => Err(Stop::Cancelled),
        next = run.deadline.guard(&run.x, body.frame()) => next,
    }
}
