//! What the workers of a host remember of agent runs.
//!
//! Clients make the names up, so there is room for so many and no more: where it is taken, a tenant's own quietest run
//! makes room, and only where it has none around, another's.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::reservation::{Budgets, Now, commit};
use super::transaction::Transaction;
use crate::error::Error;

/// Words of a run, or of a response that can be gone on from.
pub(super) const RUN_WORDS: usize = 9;
/// Places that are looked at for a run.
const LOOKED_AT: usize = 16;

const KEY: usize = 0; // two words; 0, 0 was never used
const TENANT: usize = 2;
const FIRST: usize = 3;
const LAST: usize = 4;
const DEPTH: usize = 5;
const CHILDREN: usize = 6;
const CALL: usize = 7; // of a response: its conversation, or its owner
const TIMES: usize = 8;

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
    /// Runs that it may yet begin.
    pub fan_out_left: Option<u64>,
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
    /// That of the run that began it; it counts where the run is new.
    pub parent: Option<&'a str>,
    /// What is asked; None where repetitions are not counted.
    pub call: Option<u64>,
}

/// What a name stands for: two of different kinds are never the same.
#[derive(Clone, Copy)]
enum Kind {
    Run,
    Response,
    Owner,
}

/// A name's place.
#[derive(Clone, Copy)]
struct Place {
    at: usize,
    key: (u64, u64),
    tenant: u64,
    is_known: bool,
}

impl Budgets {
    /// Notes a step of a run, and begins the run where it is new.
    ///
    /// A parent is what it was when its child first came, so that there are no circles of parents; one that nobody has
    /// heard of begins with its child.
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

    /// A call failed, so that the same one may be made again and is no repetition.
    pub fn forgive_call(&self, step: &Step<'_>) -> Result<(), Error> {
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let place = self.place(&tx, Kind::Run, step.tenant, step.run);
        if !place.is_known || step.call != Some(tx.get(place.at + CALL)) {
            return Ok(());
        }
        let times = tx.get(place.at + TIMES).saturating_sub(1);
        tx.set(place.at + TIMES, times);
        commit(tx)
    }

    /// Notes that a response belongs to a conversation, for requests that go on from it and name nothing else.
    pub fn note_response(
        &self,
        tenant: &str,
        response: &str,
        conversation: u64,
        now: Now,
    ) -> Result<(), Error> {
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let place = self.place(&tx, Kind::Response, tenant, response);
        begin(&mut tx, place, 0, now);
        tx.set(place.at + CALL, conversation);
        commit(tx)
    }

    /// The conversation of a response, if that is remembered.
    pub fn conversation_of(&self, tenant: &str, response: &str) -> Result<Option<u64>, Error> {
        let _turn = self.turn()?;
        let tx = self.transaction();
        let place = self.place(&tx, Kind::Response, tenant, response);
        Ok(place.is_known.then(|| tx.get(place.at + CALL)))
    }

    /// Notes whose a response is.
    pub fn note_owner(&self, tenant: &str, response: &str, now: Now) -> Result<(), Error> {
        let owner = self.hashed(&[tenant.as_bytes()]).0;
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let place = self.place(&tx, Kind::Owner, "", response);
        begin(&mut tx, place, 0, now);
        tx.set(place.at + CALL, owner);
        commit(tx)
    }

    /// Whether a response is known to be another tenant's.
    pub fn is_of_another(&self, tenant: &str, response: &str) -> Result<bool, Error> {
        let owner = self.hashed(&[tenant.as_bytes()]).0;
        let _turn = self.turn()?;
        let tx = self.transaction();
        let place = self.place(&tx, Kind::Owner, "", response);
        Ok(place.is_known && tx.get(place.at + CALL) != owner)
    }

    fn enter(
        &self,
        tx: &mut Transaction<'_>,
        step: &Step<'_>,
        caps: &RunCaps,
        now: Now,
    ) -> Result<RunStanding, RunRefused> {
        let mut place = self.place(tx, Kind::Run, step.tenant, step.run);
        if !place.is_known {
            let depth = match step.parent.filter(|parent| *parent != step.run) {
                None => 0,
                Some(parent) => self.begin_child(tx, step.tenant, parent, caps, now)?,
            };
            if let Some(deepest) = caps.depth.filter(|deepest| depth > *deepest) {
                return Err(RunRefused::Depth(depth, deepest));
            }
            // Its parent may have taken the place that was free before.
            place = self.place(tx, Kind::Run, step.tenant, step.run);
            begin(tx, place, depth, now);
        }
        let at = place.at;
        let ran_ns = now.unix_ns.saturating_sub(tx.get(at + FIRST));
        if let Some(wall_ns) = caps.wall_ns.filter(|wall_ns| ran_ns >= *wall_ns) {
            return Err(RunRefused::Wall(wall_ns));
        }
        tx.set(at + LAST, now.unix_ns);
        Ok(RunStanding {
            depth: tx.get(at + DEPTH),
            wall_left_ns: caps.wall_ns.map(|wall_ns| wall_ns.saturating_sub(ran_ns)),
            fan_out_left: caps.fan_out.map(|most| most.saturating_sub(tx.get(at + CHILDREN))),
            times: step.call.map_or(0, |call| repeat(tx, at, call)),
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
        let place = self.place(tx, Kind::Run, tenant, parent);
        if !place.is_known {
            begin(tx, place, 0, now);
        }
        let children = tx.get(place.at + CHILDREN);
        if let Some(most) = caps.fan_out.filter(|most| children >= *most) {
            return Err(RunRefused::FanOut(most));
        }
        tx.set(place.at + CHILDREN, children + 1);
        tx.set(place.at + LAST, now.unix_ns);
        Ok(tx.get(place.at + DEPTH) + 1)
    }

    /// Where a name is, or where it can be.
    fn place(&self, tx: &Transaction<'_>, kind: Kind, tenant: &str, name: &str) -> Place {
        let key = self.hashed(&[&[kind as u8], tenant.as_bytes(), name.as_bytes()]);
        let tenant = self.hashed(&[tenant.as_bytes()]).0;
        let layout = self.layout();
        let first = usize::try_from(key.0 % layout.runs as u64).unwrap_or(0);
        let (mut own, mut quietest) = (None, (0, u64::MAX));
        for step in 0..LOOKED_AT {
            let at = layout.runs_at() + (first + step) % layout.runs * RUN_WORDS;
            let found = (tx.get(at + KEY), tx.get(at + KEY + 1));
            if found == key {
                return Place { at, key, tenant, is_known: true };
            }
            if found == (0, 0) {
                return Place { at, key, tenant, is_known: false };
            }
            let last = tx.get(at + LAST);
            if last < quietest.1 {
                quietest = (at, last);
            }
            let is_own = tx.get(at + TENANT) == tenant;
            if is_own && own.is_none_or(|(_, quiet)| last < quiet) {
                own = Some((at, last));
            }
        }
        Place { at: own.unwrap_or(quietest).0, key, tenant, is_known: false }
    }

    fn hashed(&self, parts: &[&[u8]]) -> (u64, u64) {
        let (seed, other) = self.seed_words();
        let mut hasher = SipHasher13::new_with_keys(seed, other);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        let hash = hasher.finish128();
        (hash.h1 | 1, hash.h2) // never the mark of a free place
    }
}

fn begin(tx: &mut Transaction<'_>, place: Place, depth: u64, now: Now) {
    for (word, value) in [
        (KEY, place.key.0),
        (KEY + 1, place.key.1),
        (TENANT, place.tenant),
        (FIRST, now.unix_ns),
        (LAST, now.unix_ns),
        (DEPTH, depth),
        (CHILDREN, 0),
        (CALL, 0),
        (TIMES, 0),
    ] {
        tx.set(place.at + word, value);
    }
}

/// How often in a row a call was made, now once more.
fn repeat(tx: &mut Transaction<'_>, at: usize, call: u64) -> u64 {
    let is_same = tx.get(at + CALL) == call;
    let times = if is_same { tx.get(at + TIMES).saturating_add(1) } else { 1 };
    tx.set(at + CALL, call);
    tx.set(at + TIMES, times);
    times
}
