//! How much longer a stream may become, and its end where that is no longer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::Running;
use super::client_stream::encoding;
use super::exchange::Exchange;
use super::tally;
use crate::budget::{Ask, Extension};
use crate::dialect::Dialect;
use crate::meter::Meter;
use crate::share::Share;
use crate::stream::{Delta, Encoder, FinishReason, Trail, write_json};
use crate::tokens::StreamCounter;

/// Tokens that are held beyond those that were: a decision under the counters' lock for so many.
const STEP: u64 = 256;

/// How long other hosts are asked for room, for a stream that stands still meanwhile.
const MAX_ASKED: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);

/// Whether there is room for more of a stream.
pub(super) enum Room {
    /// There is.
    Some,
    /// There is not: it ends.
    None,
    /// Other hosts may have it.
    Asks(Vec<Ask>),
}

/// The tokens that one stream has room for.
#[derive(Debug)]
pub(super) struct Allowance {
    x: Arc<Exchange>,
    held: u64,
    /// What is held for the prompt is no more than that is known to need.
    is_prompt_known: bool,
    trail: Trail,
}

impl Allowance {
    /// None where no limit can end the answer.
    pub fn of(x: &Arc<Exchange>) -> Option<Self> {
        let held = x.hold().output_tokens()?;
        let trail = Trail::of(x.admission.dialect);
        Some(Self { x: x.clone(), held, is_prompt_known: false, trail })
    }

    /// Remembers what the stream's end must know.
    pub fn delta(&mut self, delta: &Delta<'_>) {
        self.trail.delta(delta);
    }

    /// The same of an event that passes as it is.
    pub fn block(&mut self, name: &str, data: &[u8]) {
        self.trail.block(name, data);
    }

    /// Whether what the stream says so far has room, and so whether more may follow.
    pub fn admits(&mut self, meter: &mut Meter<StreamCounter>) -> Room {
        if meter.output_tokens_at_most() <= self.held {
            return Room::Some;
        }
        let counted = meter.counted_output_tokens();
        if counted <= self.held {
            return Room::Some;
        }
        match self.extend(counted) {
            Room::Some => Room::Some,
            _ if self.free_surplus(meter) => self.extend(counted),
            full => full,
        }
    }

    fn extend(&mut self, counted: u64) -> Room {
        let more = (counted - self.held).max(STEP);
        let extended = self.x.hold().extend(more);
        // Counters that cannot be asked end no stream: what they miss, the settlement makes good.
        let Extension { granted, short } =
            extended.unwrap_or(Extension { granted: more, short: Vec::new() });
        self.held += granted;
        if counted <= self.held {
            Room::Some
        } else if short.is_empty() {
            Room::None
        } else {
            Room::Asks(short)
        }
    }

    /// Gives back what the prompt holds beyond what it needs, once: it was held by its size. Whether that was anything.
    fn free_surplus(&mut self, meter: &Meter<StreamCounter>) -> bool {
        if std::mem::replace(&mut self.is_prompt_known, true) {
            return false;
        }
        let known = self.x.admission.asked().known(meter.usage().input_tokens);
        known.is_some_and(|demand| self.x.hold().free_surplus(&demand))
    }

    /// Asks other hosts for room until there is some, or there is none.
    pub async fn ask(
        &mut self,
        share: &Share,
        mut asks: Vec<Ask>,
        meter: &mut Meter<StreamCounter>,
    ) -> bool {
        let until = Instant::now() + MAX_ASKED;
        loop {
            share.asked(asks).await;
            match self.admits(meter) {
                Room::Some => return true,
                Room::None => return false,
                Room::Asks(_) if Instant::now() > until => return false,
                Room::Asks(more) => asks = more,
            }
            tokio::time::sleep(PAUSE).await; // what others hold comes back bit by bit
        }
    }

    /// Ends the stream as the model would have, had it been told to write no more, and says why in a comment.
    pub fn end(
        &self,
        run: &mut Running,
        meter: &mut Meter<StreamCounter>,
        encoder: Option<&mut Encoder>,
        out: &mut Vec<u8>,
    ) {
        let limit = self.x.hold().exhausted();
        if !self.x.admission.place.as_array {
            out.extend_from_slice(b": sluicegate: cut at limit ");
            write_json(out, limit.as_ref().map_or("", |limit| &limit.name));
            out.extend_from_slice(b"\n\n");
        }
        run.was_cut = true;
        tally::stream(run, meter, false, true);
        let cost = run.cost_usd();
        let mut own = None;
        let encoder = encoder.unwrap_or_else(|| {
            let dialect: Dialect = run.x.admission.dialect;
            own.insert(Encoder::resume(dialect, encoding(&run.x), &self.trail))
        });
        for choice in self.trail.unfinished() {
            let reason = FinishReason::Length;
            encoder.delta(&Delta::Finish { choice, reason, stop_sequence: None }, out);
        }
        encoder.settle(run.report.usage, cost.as_deref());
        encoder.terminator(out);
    }
}
