//! How much longer a stream may become.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::exchange::Exchange;
use crate::budget::{Ask, Extension};
use crate::meter::Meter;
use crate::share::Share;
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
    /// Tokens that others paid for, before it was its turn.
    from: u64,
    held: u64,
    /// What is held for the prompt is no more than that is known to need.
    is_prompt_known: bool,
}

impl Allowance {
    /// None where no limit can end the answer.
    pub fn of(x: &Arc<Exchange>) -> Option<Self> {
        let held = x.hold().output_tokens()?;
        Some(Self { x: x.clone(), from: 0, held, is_prompt_known: false })
    }

    /// The same of one who pays for what comes behind so many tokens, and holds nothing for the prompt.
    pub fn from(x: &Arc<Exchange>, tokens: u64) -> Option<Self> {
        Some(Self { from: tokens, is_prompt_known: true, ..Self::of(x)? })
    }

    /// Whether it has room for a token at all.
    pub fn is_any(&mut self) -> bool {
        self.held > 0 || matches!(self.extend(1), Room::Some)
    }

    /// Whether what the stream says so far has room, and so whether more may follow.
    pub fn admits(&mut self, meter: &mut Meter<StreamCounter>) -> Room {
        if meter.output_tokens_at_most().saturating_sub(self.from) <= self.held {
            return Room::Some;
        }
        let counted = meter.counted_output_tokens().saturating_sub(self.from);
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

    /// The name of the limit that has no room for more.
    pub fn limit(&self) -> String {
        self.x.hold().exhausted().map(|limit| limit.name.clone()).unwrap_or_default()
    }
}
