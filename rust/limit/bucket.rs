//! A token bucket as one number: the generic cell rate algorithm, in integer nanoseconds.
//!
//! Source: ITU-T I.371, the generic cell rate algorithm as virtual scheduling.

const MAX_FILL_NS: u128 = 1 << 62;

/// So many units in so much time, and as many at once as the burst holds.
///
/// A unit is worth `period / units` nanoseconds, which need be no whole number: sums are kept in parts of a
/// nanosecond small enough that it is one, so that no rate is ever rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    units: u64,
    period_ns: u64,
    burst: u64,
}

/// What one key has used, as the moment at which its bucket will be full again.
///
/// Full at or before now: the bucket is as good as new. [`State::default`] is a full one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    /// Whole nanoseconds of that moment.
    full_at_ns: u64,
    /// And the rest of it, in `1 / units` nanoseconds.
    part: u64,
}

/// What a bucket says to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may go on; only then was anything taken.
    pub allowed: bool,
    /// Units left after it.
    pub remaining: u64,
    /// How long to wait until the same request would be allowed; 0 if it was, `u64::MAX` if it never will be since
    /// it costs more than the burst.
    pub retry_after_ns: u64,
    /// How long until the bucket is full again.
    pub reset_ns: u64,
}

/// One bucket by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    rate: Rate,
    state: State,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: Rate) -> Self {
        Self { rate, state: State::default() }
    }

    /// Takes `cost` units if they are there; see [`Rate::take`].
    pub fn take(&mut self, cost: u64, now_ns: u64) -> Decision {
        self.rate.take(&mut self.state, cost, now_ns)
    }
}

impl Rate {
    /// `units` every `period_ns`, `burst` at once.
    ///
    /// None where one of them is 0, so that nothing could ever pass, and where an empty bucket would take more than
    /// 2^62 ns (146 years) to fill, so that the moment at which it is full could pass the end of the clock.
    pub fn new(units: u64, period_ns: u64, burst: u64) -> Option<Self> {
        let parts = u128::from(burst) * u128::from(period_ns);
        let fits = units > 0 && parts > 0 && parts.div_ceil(u128::from(units)) <= MAX_FILL_NS;
        fits.then_some(Self { units, period_ns, burst })
    }

    /// The rate that one of so many hosts keeps to by itself, so that together they keep to this one. At least one unit
    /// may come at once.
    #[must_use]
    pub fn share(&self, hosts: u64) -> Self {
        let hosts = hosts.max(1);
        let period_ns = self.period_ns.saturating_mul(hosts);
        Self { period_ns, burst: (self.burst / hosts).max(1), ..*self }
    }

    /// Units in a time, rounded down.
    pub fn units_in(&self, time_ns: u64) -> u64 {
        quotient(u128::from(self.units) * u128::from(time_ns), self.period_ns)
    }

    /// Units, in how many nanoseconds, how many at once.
    pub const fn parts(&self) -> (u64, u64, u64) {
        (self.units, self.period_ns, self.burst)
    }

    /// The state of a bucket that will be full again after so many nanoseconds.
    pub const fn full_in(owed_ns: u64, now_ns: u64) -> State {
        State { full_at_ns: now_ns.saturating_add(owed_ns), part: 0 }
    }

    /// Takes `cost` units if they are there. A clock that goes backwards gives nothing: what is owed stays owed.
    pub fn take(&self, state: &mut State, cost: u64, now_ns: u64) -> Decision {
        let owed = self.owed(*state, now_ns);
        let wanted = owed.saturating_add(self.worth(cost));
        let burst = self.worth(self.burst);
        if cost <= self.burst && wanted <= burst {
            *state = self.state(wanted, now_ns);
            return self.decision(true, wanted, 0);
        }
        let wait = if cost > self.burst { u64::MAX } else { self.whole_ns(wanted - burst) };
        self.decision(false, owed, wait)
    }

    /// What [`Rate::take`] would say of a cost of 0: how things stand.
    pub fn peek(&self, state: State, now_ns: u64) -> Decision {
        self.decision(true, self.owed(state, now_ns), 0)
    }

    /// Gives back `cost` units that were taken and not used; never more than the burst holds.
    pub fn give_back(&self, state: &mut State, cost: u64, now_ns: u64) {
        let owed = self.owed(*state, now_ns).saturating_sub(self.worth(cost));
        *state = self.state(owed, now_ns);
    }

    /// Takes `cost` units whether they are there or not, as when a stream used more than was reserved for it.
    pub fn force(&self, state: &mut State, cost: u64, now_ns: u64) {
        let owed = self.owed(*state, now_ns).saturating_add(self.worth(cost));
        *state = self.state(owed, now_ns);
    }

    /// Units in parts: a unit is `period_ns` parts of `1 / units` nanoseconds each. At most 2^128 - 2^65 + 1.
    fn worth(&self, cost: u64) -> u128 {
        u128::from(cost) * u128::from(self.period_ns)
    }

    /// What is missing in the bucket, in parts.
    fn owed(&self, state: State, now_ns: u64) -> u128 {
        let Some(ns) = state.full_at_ns.checked_sub(now_ns) else { return 0 };
        // Of another rate, if the rate was changed since: then the part is worth less than a nanosecond of this one.
        let part = u128::from(state.part.min(self.units - 1));
        (u128::from(ns) * u128::from(self.units)).saturating_add(part)
    }

    fn state(&self, owed: u128, now_ns: u64) -> State {
        let ns = quotient(owed, self.units);
        let part = owed - u128::from(ns) * u128::from(self.units);
        // Centuries from now, which only force can reach: where the number ends, the debt does.
        State {
            full_at_ns: now_ns.saturating_add(ns),
            part: u64::try_from(part).unwrap_or_default(),
        }
    }

    fn decision(&self, allowed: bool, owed: u128, retry_after_ns: u64) -> Decision {
        Decision {
            allowed,
            remaining: quotient(self.worth(self.burst).saturating_sub(owed), self.period_ns),
            retry_after_ns,
            reset_ns: self.whole_ns(owed),
        }
    }

    /// Parts as nanoseconds, rounded up: who waits so long waits long enough.
    fn whole_ns(&self, parts: u128) -> u64 {
        quotient(parts.saturating_add(u128::from(self.units - 1)), self.units)
    }
}

/// `parts / by`, at most `u64::MAX`. Nearly all parts fit 64 bits, where a division costs a tenth.
fn quotient(parts: u128, by: u64) -> u64 {
    match u64::try_from(parts) {
        Ok(parts) => parts / by,
        Err(_) => u64::try_from(parts / u128::from(by)).unwrap_or(u64::MAX),
    }
}

impl State {
    /// A state that was kept as two words.
    pub const fn from_words([full_at_ns, part]: [u64; 2]) -> Self {
        Self { full_at_ns, part }
    }

    /// Two words to keep it as.
    pub const fn to_words(self) -> [u64; 2] {
        [self.full_at_ns, self.part]
    }

    /// Whether the bucket is full again, so that to forget it loses nothing.
    pub const fn is_full(&self, now_ns: u64) -> bool {
        self.full_at_ns < now_ns || (self.full_at_ns == now_ns && self.part == 0)
    }
}
