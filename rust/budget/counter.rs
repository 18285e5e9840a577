//! One counter in the shared words: what was spent in the window, and what running requests hold of it.

use super::charge::{Charge, OLD_MAKER};
use super::lease::{LEASE_WORDS, Lease, signed};
use super::limit::{Limit, Measure, Window};
use super::reservation::Now;
use super::sharing::Posture;
use super::transaction::Transaction;
use crate::limit::{Decision, Rate, State};

/// Words of a counter.
const OWN_WORDS: usize = 8;
/// Words of a counter, its lease among them.
pub(super) const COUNTER_WORDS: usize = OWN_WORDS + LEASE_WORDS;

const KEY: usize = 0; // two words; 0, 0 is a place that was never used
const BEGIN: usize = 2;
const END: usize = 3;
const SPENT: usize = 4; // of a rate: the moment at which the bucket is full
const HELD: usize = 5; // of a rate: the part of a nanosecond beside it
const FLAGS: usize = 6; // the kind, who made its name up, and which percentages were told
const USED_AT: usize = 7;

/// Kinds of counters, in the upper byte of the flags.
const KIND: u32 = 56;
const RATE: u64 = 1;
/// Who made its name up, in the three bytes below; 0 where the configuration did.
const MAKER: u32 = 32;
const MAKERS: u64 = 0xff_ffff << MAKER;
/// Percentages that were told, in the lower half, by their places in the limit's list.
const TOLD: u64 = (1 << MAKER) - 1;

/// Where a counter stands; a copy of its words is never kept longer than a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counter(pub usize);

impl Counter {
    /// Where its lease begins.
    pub const fn lease_at(self) -> usize {
        self.0 + OWN_WORDS
    }

    /// Whether it makes room where all places around are taken: a client made its name up, and no running request holds
    /// any of it. Gives who made it up, and since when nobody asked for it.
    pub fn forgettable(self, tx: &Transaction<'_>) -> Option<(u32, u64)> {
        let maker = maker_of(tx.get(self.0 + FLAGS));
        let is_idle = self.is_rate(tx) || (self.held(tx) == 0 && !self.has_surplus(tx));
        (maker != 0 && is_idle).then(|| (maker, tx.get(self.0 + USED_AT)))
    }

    /// Whether a decision that is not made yet is about it.
    pub fn is_in_use(self, tx: &Transaction<'_>) -> bool {
        tx.sets(self.0 + USED_AT)
    }

    /// Whether a new counter in its place would say the same.
    pub fn says_nothing(self, tx: &Transaction<'_>, now: Now) -> bool {
        if self.is_rate(tx) {
            return self.state(tx).is_full(now.monotonic_ns);
        }
        let is_unused = tx.get(self.0 + SPENT) == 0 && !self.has_surplus(tx);
        let over = tx.get(self.0 + END) <= now.unix_ns || is_unused;
        over && tx.get(self.0 + HELD) == 0
    }

    /// Whether other hosts left something of it to this one that it has not used.
    fn has_surplus(self, tx: &Transaction<'_>) -> bool {
        tx.posture() != Posture::Alone && Lease::of(self).units(tx) > self.spent(tx)
    }

    /// Makes it the counter of a key, with nothing spent.
    pub fn begin(self, tx: &mut Transaction<'_>, key: (u64, u64), charge: &Charge, now: Now) {
        let limit = &charge.limit;
        let (begin, end) = limit.window_at(now.unix_ns);
        let kind = if limit.is_rate() { RATE } else { 0 };
        for (at, value) in [
            (KEY, key.0),
            (KEY + 1, key.1),
            (BEGIN, begin),
            (END, end),
            (SPENT, 0),
            (HELD, 0),
            (FLAGS, kind << KIND | u64::from(charge.maker()) << MAKER),
            (USED_AT, now.unix_ns),
        ] {
            tx.set(self.0 + at, value);
        }
        self.begin_lease(tx);
    }

    fn begin_lease(self, tx: &mut Transaction<'_>) {
        if tx.posture() != Posture::Alone {
            Lease::of(self).begin(tx);
        }
    }

    /// Begins the window of the moment where another one has ended. A clock that goes back opens none again.
    pub fn roll(self, tx: &mut Transaction<'_>, charge: &Charge, now: Now) {
        let limit = &charge.limit;
        let kind = if limit.is_rate() { RATE } else { 0 };
        let flags = tx.get(self.0 + FLAGS);
        if flags >> KIND != kind {
            return self.begin(tx, self.key(tx), charge, now);
        }
        if charge.maker() > OLD_MAKER && charge.maker() != maker_of(flags) {
            tx.set(self.0 + FLAGS, flags & !MAKERS | u64::from(charge.maker()) << MAKER);
        }
        let (begin, end) = limit.window_at(now.unix_ns);
        if begin > tx.get(self.0 + BEGIN) && !limit.is_rate() {
            let untold = tx.get(self.0 + FLAGS) & !TOLD;
            for (at, value) in [(BEGIN, begin), (END, end), (SPENT, 0), (HELD, 0), (FLAGS, untold)]
            {
                tx.set(self.0 + at, value);
            }
            self.begin_lease(tx);
        }
        tx.set(self.0 + USED_AT, now.unix_ns);
    }

    fn is_rate(self, tx: &Transaction<'_>) -> bool {
        tx.get(self.0 + FLAGS) >> KIND == RATE
    }

    /// Which window it counts.
    pub fn window(self, tx: &Transaction<'_>) -> u64 {
        tx.get(self.0 + BEGIN)
    }

    /// What was spent in the window.
    pub fn spent(self, tx: &Transaction<'_>) -> u64 {
        tx.get(self.0 + SPENT)
    }

    /// What running requests hold.
    pub fn held(self, tx: &Transaction<'_>) -> u64 {
        tx.get(self.0 + HELD)
    }

    /// What was spent, and what running requests hold.
    pub fn used(self, tx: &Transaction<'_>) -> u64 {
        self.spent(tx).saturating_add(self.held(tx))
    }

    /// Units that are left to this host, and nanoseconds until all are there again.
    pub fn room(self, tx: &Transaction<'_>, limit: &Limit, now: Now) -> (u64, u64) {
        let posture = tx.posture();
        if let Window::Sliding(rate) = &limit.window {
            let decision = own(rate, posture).peek(self.state(tx), now.monotonic_ns);
            let remaining = match posture {
                Posture::Shared => Lease::of(self).prepaid(tx, now.monotonic_ns),
                _ => decision.remaining,
            };
            return (remaining, decision.reset_ns);
        }
        let reset = match limit.window {
            Window::Calendar(_) => self.end(tx).saturating_sub(now.unix_ns),
            _ => u64::MAX,
        };
        let amount = match posture {
            Posture::Alone => limit.amount,
            Posture::Adrift(hosts) if limit.measure == Measure::Parallel => {
                limit.amount.min((limit.amount / hosts).max(1))
            }
            _ => limit.amount.min(Lease::of(self).units(tx)),
        };
        (amount.saturating_sub(self.used(tx)), reset)
    }

    /// Units that are left to all hosts, as far as this one knows.
    pub fn remaining(self, tx: &Transaction<'_>, limit: &Limit, now: Now) -> u64 {
        let (room, _) = self.room(tx, limit, now);
        match (&limit.window, tx.posture()) {
            (_, Posture::Alone | Posture::Adrift(_)) => room,
            (Window::Sliding(rate), _) => {
                rate.peek(self.state(tx), now.monotonic_ns).remaining.saturating_add(room)
            }
            _ => {
                let known = room.saturating_add(Lease::of(self).left(tx));
                known.min(limit.amount.saturating_sub(self.used(tx)))
            }
        }
    }

    /// When its window ends.
    pub fn end(self, tx: &Transaction<'_>) -> u64 {
        tx.get(self.0 + END)
    }

    /// Its key.
    pub fn key(self, tx: &Transaction<'_>) -> (u64, u64) {
        (tx.get(self.0 + KEY), tx.get(self.0 + KEY + 1))
    }

    /// Its key before the transaction; none changes the key of a counter that is held.
    pub fn key_before(self, tx: &Transaction<'_>) -> (u64, u64) {
        (tx.get_before(self.0 + KEY), tx.get_before(self.0 + KEY + 1))
    }

    /// How long until so many units are there, where time alone brings them back.
    pub fn wait(self, tx: &Transaction<'_>, limit: &Limit, amount: u64, now: Now) -> u64 {
        match &limit.window {
            Window::Sliding(rate) => {
                let mut state = self.state(tx);
                let Decision { retry_after_ns, .. } =
                    own(rate, tx.posture()).take(&mut state, amount, now.monotonic_ns);
                retry_after_ns
            }
            _ => self.room(tx, limit, now).1,
        }
    }

    /// Takes units that [`Counter::room`] said are there, or more of them where they need not be.
    pub fn hold(self, tx: &mut Transaction<'_>, limit: &Limit, amount: u64, now: Now) {
        match &limit.window {
            // What was paid for ahead is used up in the state already.
            Window::Sliding(_) if tx.posture() == Posture::Shared => {
                Lease::of(self).use_up(tx, amount, now.monotonic_ns);
            }
            Window::Sliding(rate) => {
                let rate = own(rate, tx.posture());
                self.change(tx, |state| rate.force(state, amount, now.monotonic_ns));
                self.tell_later(tx, signed(amount));
            }
            _ => tx.set(self.0 + HELD, self.held(tx).saturating_add(amount)),
        }
    }

    /// Turns units that were held in a window into units that were spent.
    pub fn settle(self, tx: &mut Transaction<'_>, limit: &Limit, held: Held, spent: u64, now: Now) {
        if let Window::Sliding(rate) = &limit.window {
            let rate = own(rate, tx.posture());
            self.tell_later(tx, signed(spent).saturating_sub(signed(held.amount)));
            return self
                .change(tx, |state| correct(&rate, state, held.amount, spent, now.monotonic_ns));
        }
        self.settle_counted(tx, held, if limit.measure == Measure::Parallel { 0 } else { spent });
    }

    /// The same where only the words are known. What belongs to a window that is over changes nothing.
    pub fn settle_counted(self, tx: &mut Transaction<'_>, held: Held, spent: u64) {
        if self.is_rate(tx) || self.window(tx) != held.window {
            return;
        }
        tx.set(self.0 + HELD, self.held(tx).saturating_sub(held.amount));
        self.spend(tx, spent);
    }

    /// Adds to what was spent.
    pub fn spend(self, tx: &mut Transaction<'_>, amount: u64) {
        tx.set(self.0 + SPENT, self.spent(tx).saturating_add(amount));
    }

    /// Puts in what was spent.
    pub fn set_spent(self, tx: &mut Transaction<'_>, amount: u64) {
        tx.set(self.0 + SPENT, amount);
    }

    /// The percentages of the limit that have been reached and were not told yet; they count as told from here on.
    pub fn cross(self, tx: &mut Transaction<'_>, limit: &Limit) -> Vec<u8> {
        let spent = u128::from(self.spent(tx)) * 100;
        let mut flags = tx.get(self.0 + FLAGS);
        let mut crossed = Vec::new();
        for (bit, percent) in limit.notify.iter().enumerate().take(MAKER as usize) {
            if flags & 1 << bit == 0 && spent >= u128::from(limit.amount) * u128::from(*percent) {
                flags |= 1 << bit;
                crossed.push(*percent);
            }
        }
        if !crossed.is_empty() {
            tx.set(self.0 + FLAGS, flags);
        }
        crossed
    }

    /// Other hosts must hear that so many units more, or fewer, were used.
    fn tell_later(self, tx: &mut Transaction<'_>, units: i64) {
        if tx.posture() != Posture::Alone {
            Lease::of(self).correct(tx, units);
        }
    }

    /// Puts in how a rate's bucket stands for all hosts.
    pub fn set_state(self, tx: &mut Transaction<'_>, state: State) {
        self.change(tx, |own| *own = state);
    }

    fn state(self, tx: &Transaction<'_>) -> State {
        State::from_words([self.spent(tx), self.held(tx)])
    }

    fn change(self, tx: &mut Transaction<'_>, change: impl FnOnce(&mut State)) {
        let mut state = self.state(tx);
        change(&mut state);
        let [full_at, part] = state.to_words();
        tx.set(self.0 + SPENT, full_at);
        tx.set(self.0 + HELD, part);
    }
}

/// What a request holds of a counter, and of which of its windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub amount: u64,
    pub window: u64,
}

#[allow(clippy::cast_possible_truncation)] // three bytes
const fn maker_of(flags: u64) -> u32 {
    ((flags & MAKERS) >> MAKER) as u32
}

fn correct(rate: &Rate, state: &mut State, held: u64, spent: u64, now_ns: u64) {
    if spent < held {
        rate.give_back(state, held - spent, now_ns);
    } else {
        rate.force(state, spent - held, now_ns);
    }
}

/// The rate that this host keeps to.
fn own(rate: &Rate, posture: Posture) -> Rate {
    match posture {
        Posture::Adrift(hosts) => rate.share(hosts),
        _ => *rate,
    }
}
