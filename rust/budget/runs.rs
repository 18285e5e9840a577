//! What the workers of a host remember of agent runs.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::reservation::{Budgets, Now, commit};
use super::shared;
use super::transaction::Transaction;
use crate::error::Error;

/// Runs that are remembered at once; the one that was quiet longest makes room.
pub(super) const RUNS: usize = 1 << 14;
pub(super) const RUN_WORDS: usize = 8;
/// Places that are looked at for a run.
const LOOKED_AT: usize = 16;

const KEY: usize = 0; // two words; 0, 0 was never used
const FIRST: usize = 2;
const LAST: usize = 3;
const DEPTH: usize = 4;
const CHILDREN: usize = 5;
const CALL: usize = 6;
const TIMES: usize = 7;

/// How far runs may go; None is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunCaps {
    /// From its first request on.
    pub wall_ns: Option<u64>,
    /// Runs above it; a run without a parent has depth 0.
    pub depth: Option<u64>,
    /// Runs that it may begin.
    pub fan_out: Option<u64>,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunStanding {
    /// Runs above it.
    pub depth: u64,
    /// Until it must be over.
    pub wall_left_ns: Option<u64>,
    /// How often in a row the same call was made, this one included.
    pub times: u64,
}

/// Why a run goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunRefused {
    /// Its time is over: nanoseconds that it had.
    Wall(u64),
    /// It is too deep: its depth, and the deepest that may be.
    Depth(u64, u64),
    /// Its parent has begun as many as it may.
    FanOut(u64),
}

/// A request as a step of its run.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Whose runs these are: two tenants may use the same names.
    pub tenant: &'a str,
    /// The run's name.
    pub run: &'a str,
    /// That of the run that began it.
    pub parent: Option<&'a str>,
    /// What is asked; 0 where repetitions are not counted.
    pub call: u64,
}

impl Budgets {
    /// Notes a step of a run, and begins the run where it is new.
    pub fn enter_run(
        &self,
        step: &Step<'_>,
        caps: &RunCaps,
        now: Now,
    ) -> Result<Result<RunStanding, RunRefused>, Error> {
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let decided = self.enter(&mut tx, step, caps, now);
        if decided.is_ok() {
            commit(tx)?;
        }
        Ok(decided)
    }

    fn enter(
        &self,
        tx: &mut Transaction<'_>,
        step: &Step<'_>,
        caps: &RunCaps,
        now: Now,
    ) -> Result<RunStanding, RunRefused> {
        let (place, is_known) = self.place(tx, step.tenant, step.run);
        if !is_known {
            let depth = match step.parent.filter(|parent| *parent != step.run) {
                None => 0,
                Some(parent) => self.begin_child(tx, step.tenant, parent, caps, now)?,
            };
            if let Some(deepest) = caps.depth.filter(|deepest| depth > *deepest) {
                return Err(RunRefused::Depth(depth, deepest));
            }
            self.begin(tx, place, (step.tenant, step.run), depth, now);
        }
        let ran_ns = now.unix_ns.saturating_sub(tx.get(place + FIRST));
        if let Some(wall_ns) = caps.wall_ns.filter(|wall_ns| ran_ns >= *wall_ns) {
            return Err(RunRefused::Wall(wall_ns));
        }
        let is_same = step.call != 0 && tx.get(place + CALL) == step.call;
        let times = if is_same { tx.get(place + TIMES).saturating_add(1) } else { 1 };
        tx.set(place + CALL, step.call);
        tx.set(place + TIMES, times);
        tx.set(place + LAST, now.unix_ns);
        Ok(RunStanding {
            depth: tx.get(place + DEPTH),
            wall_left_ns: caps.wall_ns.map(|wall_ns| wall_ns.saturating_sub(ran_ns)),
            times,
        })
    }

    /// Counts a new run at its parent, and gives its depth.
    fn begin_child(
        &self,
        tx: &mut Transaction<'_>,
        tenant: &str,
        parent: &str,
        caps: &RunCaps,
        now: Now,
    ) -> Result<u64, RunRefused> {
        let (place, is_known) = self.place(tx, tenant, parent);
        if !is_known {
            self.begin(tx, place, (tenant, parent), 0, now);
        }
        let children = tx.get(place + CHILDREN);
        if let Some(most) = caps.fan_out.filter(|most| children >= *most) {
            return Err(RunRefused::FanOut(most));
        }
        tx.set(place + CHILDREN, children + 1);
        Ok(tx.get(place + DEPTH) + 1)
    }

    fn begin(
        &self,
        tx: &mut Transaction<'_>,
        place: usize,
        (tenant, run): (&str, &str),
        depth: u64,
        now: Now,
    ) {
        let (first, second) = self.run_key(tenant, run);
        for (at, value) in [
            (KEY, first),
            (KEY + 1, second),
            (FIRST, now.unix_ns),
            (LAST, now.unix_ns),
            (DEPTH, depth),
            (CHILDREN, 0),
            (CALL, 0),
            (TIMES, 0),
        ] {
            tx.set(place + at, value);
        }
    }

    /// Where a run is, or where it can be: a place that was never used, or that of the run that was quiet longest.
    fn place(&self, tx: &Transaction<'_>, tenant: &str, run: &str) -> (usize, bool) {
        let key = self.run_key(tenant, run);
        let first = usize::try_from(key.0 % RUNS as u64).unwrap_or(0);
        let mut quietest = (shared::RUNS_AT + first * RUN_WORDS, u64::MAX);
        for step in 0..LOOKED_AT {
            let place = shared::RUNS_AT + (first + step) % RUNS * RUN_WORDS;
            let found = (tx.get(place + KEY), tx.get(place + KEY + 1));
            if found == key {
                return (place, true);
            }
            let last = if found == (0, 0) { 0 } else { tx.get(place + LAST) };
            if last < quietest.1 {
                quietest = (place, last);
            }
            if found == (0, 0) {
                break;
            }
        }
        (quietest.0, false)
    }

    fn run_key(&self, tenant: &str, run: &str) -> (u64, u64) {
        let (seed, other) = self.seed_words();
        let mut hasher = SipHasher13::new_with_keys(seed, other);
        hasher.write(tenant.as_bytes());
        hasher.write_u8(0);
        hasher.write(run.as_bytes());
        let hash = hasher.finish128();
        (hash.h1 | 1, hash.h2)
    }
}
