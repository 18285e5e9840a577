//! What a request may use, as far as can be said before it runs, and what it used.

use super::limit::{Limit, Measure};

/// An upper bound: a fixed part, and one that grows with the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Most tokens of the answer.
    pub output_tokens: u64,
    /// As few tokens of the answer as it makes sense to begin with; less than the most only for answers that can be
    /// stopped on their way.
    pub least_output_tokens: u64,
    /// Pico-dollars of everything but the answer's tokens.
    pub fixed_pico: u128,
    /// Pico-dollars for each of the answer's tokens.
    pub output_pico: u64,
}

impl Demand {
    /// Units of a limit for an answer of so many tokens; money is rounded up.
    pub fn amount(&self, limit: &Limit, output_tokens: u64) -> u64 {
        match limit.measure {
            Measure::Requests | Measure::Parallel => 1,
            Measure::InputTokens => self.input_tokens,
            Measure::OutputTokens => output_tokens,
            Measure::TotalTokens => self.input_tokens.saturating_add(output_tokens),
            Measure::Cost => units(self.pico(output_tokens), limit),
        }
    }

    /// The longest answer for which `room` units of a limit are enough; None where not even an empty one fits.
    pub fn output_within(&self, limit: &Limit, room: u64) -> Option<u64> {
        if self.amount(limit, 0) > room {
            return None;
        }
        Some(match limit.measure {
            Measure::Requests | Measure::Parallel | Measure::InputTokens => u64::MAX,
            Measure::OutputTokens => room,
            Measure::TotalTokens => room - self.input_tokens,
            Measure::Cost if self.output_pico == 0 => u64::MAX,
            Measure::Cost => {
                let room = u128::from(room) * u128::from(limit.unit_pico);
                let left = room.saturating_sub(self.fixed_pico);
                u64::try_from(left / u128::from(self.output_pico)).unwrap_or(u64::MAX)
            }
        })
    }

    /// What one more piece of the answer needs: nothing is fixed any more.
    #[must_use]
    pub const fn more(&self, output_tokens: u64) -> Self {
        Self {
            input_tokens: 0,
            output_tokens,
            least_output_tokens: 1,
            fixed_pico: 0,
            output_pico: self.output_pico,
        }
    }

    /// Pico-dollars for an answer of so many tokens.
    pub fn pico(&self, output_tokens: u64) -> u128 {
        let output = u128::from(output_tokens) * u128::from(self.output_pico);
        self.fixed_pico.saturating_add(output)
    }
}

/// What a request used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Actual {
    /// 1 where anything was sent.
    pub requests: u64,
    /// Of all attempts.
    pub input_tokens: u64,
    /// Of all attempts.
    pub output_tokens: u64,
    /// Of all attempts.
    pub cost_pico: u128,
}

impl Actual {
    /// Units of a limit.
    pub fn amount(&self, limit: &Limit) -> u64 {
        match limit.measure {
            Measure::Requests => self.requests,
            Measure::InputTokens => self.input_tokens,
            Measure::OutputTokens => self.output_tokens,
            Measure::TotalTokens => self.input_tokens.saturating_add(self.output_tokens),
            Measure::Cost => units(self.cost_pico, limit),
            Measure::Parallel => 0,
        }
    }

    /// Adds what another attempt used.
    pub fn add(&mut self, other: Self) {
        self.requests = self.requests.max(other.requests);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cost_pico = self.cost_pico.saturating_add(other.cost_pico);
    }
}

/// Rounded up, so that a counter never knows less than the ledger.
fn units(pico: u128, limit: &Limit) -> u64 {
    u64::try_from(pico.div_ceil(u128::from(limit.unit_pico))).unwrap_or(u64::MAX)
}
