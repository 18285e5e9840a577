//! One rule: what is measured, how much of it is allowed, in which window.

use super::calendar::Calendar;
use crate::limit::Rate;

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Requests that were admitted.
    Requests,
    /// Tokens of prompts, cached ones included.
    InputTokens,
    /// Tokens of answers.
    OutputTokens,
    /// Both.
    TotalTokens,
    /// Money.
    Cost,
    /// Requests that run at once.
    Parallel,
}

impl Measure {
    /// Whether a longer prompt takes more of it.
    pub const fn grows_with_input(self) -> bool {
        matches!(self, Self::InputTokens | Self::TotalTokens | Self::Cost)
    }

    /// What is counted, in words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::InputTokens => "input tokens",
            Self::OutputTokens => "output tokens",
            Self::TotalTokens => "tokens",
            Self::Cost => "dollars",
            Self::Parallel => "parallel requests",
        }
    }
}

/// When what was used is free again.
#[derive(Debug)]
pub enum Window {
    /// Bit by bit, as a token bucket fills.
    Sliding(Rate),
    /// All of it when a window of the calendar ends.
    Calendar(Calendar),
    /// Never; for [`Measure::Parallel`], when the request ends.
    Total,
}

/// What happens to a running stream that reaches the limit, and to requests behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AtCap {
    /// The stream is finished there; the next request is refused.
    Cut,
    /// The stream may end; the next request is refused.
    Finish,
    /// The stream may end; the next request goes to this model.
    Downgrade(String),
}

/// Whose words the values are that a limit counts each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instances {
    /// The configuration's, or there are none.
    Given,
    /// Of models: the configuration's, or clients' where a provider stands before them, `provider/anything`.
    Models,
    /// Clients': end users, tags, runs.
    MadeUp,
}

/// A limit. Its name, its epoch and the values of its scope together name a counter.
#[derive(Debug)]
pub struct Limit {
    /// Unique; told to clients that it refuses.
    pub name: String,
    /// Another one begins another counter: what is counted changed, or was set back to nothing.
    pub epoch: u64,
    /// What is counted.
    pub measure: Measure,
    /// How much of it is allowed, in units.
    pub amount: u64,
    /// Pico-dollars in a unit of money: 1, or more where the amount would not fit 63 bits.
    pub unit_pico: u64,
    /// When it is free again.
    pub window: Window,
    /// What happens there.
    pub at_cap: AtCap,
    /// Percentages of the amount that are told once in each window; the first 32.
    pub notify: Vec<u8>,
    /// Who gives the names that it counts each by itself.
    pub instances: Instances,
}

/// The most that a counter holds, so that sums of two never overflow.
const MAX_UNITS: u128 = 1 << 62;

impl Limit {
    /// An amount of money as units, with what a unit is worth: whole pico-dollars up to some four million dollars.
    pub fn money(pico: u128) -> (u64, u64) {
        let mut unit_pico = 1;
        while pico / u128::from(unit_pico) > MAX_UNITS && unit_pico < 1_000_000_000_000 {
            unit_pico *= 1000;
        }
        let units = (pico / u128::from(unit_pico)).min(MAX_UNITS);
        (u64::try_from(units).unwrap_or(u64::MAX), unit_pico)
    }

    /// Units of money as dollars.
    pub fn usd(&self, units: u64) -> String {
        let pico = u128::from(units) * u128::from(self.unit_pico);
        crate::price::dollars(i128::try_from(pico).unwrap_or(i128::MAX))
    }

    /// Beginning and end of the window that a moment is in, nanoseconds since 1970.
    pub fn window_at(&self, unix_ns: u64) -> (u64, u64) {
        match &self.window {
            Window::Calendar(calendar) => calendar.window(unix_ns),
            Window::Sliding(_) | Window::Total => (0, u64::MAX),
        }
    }

    /// Whether streams that reach it are finished there.
    pub fn cuts(&self) -> bool {
        self.at_cap == AtCap::Cut
    }

    /// Whether a client can make up such an instance, and as many as it likes.
    pub fn is_made_up(&self, instance: &str) -> bool {
        match self.instances {
            Instances::Given => false,
            Instances::Models => instance.contains('/'),
            Instances::MadeUp => true,
        }
    }

    /// Whether it is a rate, which fills up again by itself.
    pub const fn is_rate(&self) -> bool {
        matches!(self.window, Window::Sliding(_))
    }
}
