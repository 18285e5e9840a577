//! Which runs are above a run.
//!
//! A run's parent is the one that its own first request names, or none, and stays that: nobody is ever above itself. A
//! parent that nobody has heard of begins with its child, and may name its own parent once it speaks.

use super::reservation::{Budgets, Now, commit};
use super::run_places::{CHILDREN, FIRST, LAST, MAX_NAME_BYTES, NameKind, PARENT, RunPlace, STATE};
use super::sharing::Kinship;
use super::transaction::Transaction;
use crate::error::Error;

/// Runs above a run, whatever the rules allow: each of them is looked up for every request below it.
pub const MAX_DEPTH: u64 = 32;
/// Its own request came: its parent is settled.
const HAS_SPOKEN: u64 = 1;
/// The length of the parent's name, in the bits above.
const LENGTH: u32 = 8;
/// What is above a run is as lively as the run itself, to within this time.
const LIVELY_NS: u64 = 1_000_000_000;

/// How far runs may go; None is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunCaps {
    /// From its first request on, and from that of each run above it.
    pub wall_ns: Option<u64>,
    /// Runs above it; a run without a parent has depth 0.
    pub depth: Option<u64>,
    /// Runs that it may begin.
    pub fan_out: Option<u64>,
}

/// A run by its name.
#[derive(Debug, Clone, Copy)]
pub struct RunName<'a> {
    /// Whose runs these are: two tenants may use the same names.
    pub tenant: &'a str,
    /// The run's name.
    pub run: &'a str,
}

/// How a run stands among others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lineage {
    /// Runs above it, the nearest first.
    pub above: Vec<String>,
    /// Until it must be over; 0 where it should be.
    pub wall_left_ns: Option<u64>,
    /// Runs that it may yet begin.
    pub fan_out_left: Option<u64>,
}

/// Why a run does not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunRefused {
    /// It is too deep: its depth, and the deepest that may be.
    Depth(u64, u64),
    /// Its parent has begun as many as it may.
    FanOut(u64),
}

impl Budgets {
    /// How a run stands among others; it begins where it is new. `parent` counts where it has not spoken before.
    ///
    /// Cost: a turn of the counters' lock, and a look-up for each run above it.
    pub fn begin_run(
        &self,
        name: RunName<'_>,
        parent: Option<&str>,
        caps: &RunCaps,
        now: Now,
    ) -> Result<Result<Lineage, RunRefused>, Error> {
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let (lineage, is_new) = match self.begin_in(&mut tx, name, parent, caps, now) {
            Ok(begun) => begun,
            Err(refused) => return Ok(Err(refused)),
        };
        commit(tx)?;
        if let (true, Some(sharing), Some(parent)) = (is_new, &self.sharing, lineage.above.first())
        {
            let (tenant, run) = (name.tenant.to_owned(), name.run.to_owned());
            sharing.tell_kin(Kinship { tenant, run, parent: parent.clone() });
        }
        Ok(Ok(lineage))
    }

    /// Takes over which parent a run has named to another host, where it has named none to this one.
    pub fn learn_kin(&self, kin: &Kinship, now: Now) -> Result<(), Error> {
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let name = RunName { tenant: &kin.tenant, run: &kin.run };
        let place = self.run_place(&tx, NameKind::Run, name.tenant, name.run);
        let is_settled = place.is_known && tx.get(place.at + STATE) & HAS_SPOKEN != 0;
        if is_settled || !self.can_be_above(&tx, name, &kin.parent) {
            return Ok(());
        }
        if !place.is_known {
            place.begin(&mut tx, now);
        }
        settle_parent(&mut tx, place, &kin.parent);
        commit(tx)
    }

    /// The runs above a run, the nearest first.
    pub fn runs_above(&self, name: RunName<'_>) -> Result<Vec<String>, Error> {
        let _turn = self.turn()?;
        Ok(self.above(&self.transaction(), name).names)
    }

    /// Whether the run is new beside it.
    fn begin_in(
        &self,
        tx: &mut Transaction<'_>,
        name: RunName<'_>,
        parent: Option<&str>,
        caps: &RunCaps,
        now: Now,
    ) -> Result<(Lineage, bool), RunRefused> {
        let mut place = self.run_place(tx, NameKind::Run, name.tenant, name.run);
        let is_new = !place.is_known || tx.get(place.at + STATE) & HAS_SPOKEN == 0;
        if is_new {
            let parent = parent.filter(|parent| self.can_be_above(tx, name, parent));
            if let Some(parent) = parent {
                self.count_child(tx, RunName { run: parent, ..name }, caps, now)?;
            }
            // Its parent may have taken the place that was free before.
            place = self.run_place(tx, NameKind::Run, name.tenant, name.run);
            if !place.is_known {
                place.begin(tx, now);
            }
            settle_parent(tx, place, parent.unwrap_or_default());
        }
        let above = self.above(tx, name);
        let depth = above.names.len() as u64;
        let deepest = caps.depth.unwrap_or(MAX_DEPTH).min(MAX_DEPTH);
        if depth > deepest {
            return Err(RunRefused::Depth(depth, deepest));
        }
        for at in &above.places {
            if now.unix_ns.saturating_sub(tx.get(at + LAST)) > LIVELY_NS {
                tx.set(at + LAST, now.unix_ns); // none of them is forgotten before what is below it
            }
        }
        let ran_ns = now.unix_ns.saturating_sub(above.began_ns);
        let children = tx.get(place.at + CHILDREN);
        let lineage = Lineage {
            above: above.names,
            wall_left_ns: caps.wall_ns.map(|wall_ns| wall_ns.saturating_sub(ran_ns)),
            fan_out_left: caps.fan_out.map(|most| most.saturating_sub(children)),
        };
        Ok((lineage, is_new))
    }

    /// Whether a run may have that parent: it is not the run itself, and not below it.
    fn can_be_above(&self, tx: &Transaction<'_>, name: RunName<'_>, parent: &str) -> bool {
        let is_name = !parent.is_empty() && parent.len() <= MAX_NAME_BYTES;
        is_name
            && parent != name.run
            && !self
                .above(tx, RunName { run: parent, ..name })
                .names
                .iter()
                .any(|above| above == name.run)
    }

    /// Counts a new run at its parent.
    fn count_child(
        &self,
        tx: &mut Transaction<'_>,
        parent: RunName<'_>,
        caps: &RunCaps,
        now: Now,
    ) -> Result<(), RunRefused> {
        let place = self.run_place(tx, NameKind::Run, parent.tenant, parent.run);
        if !place.is_known {
            place.begin(tx, now);
        }
        let children = tx.get(place.at + CHILDREN);
        if let Some(most) = caps.fan_out.filter(|most| children >= *most) {
            return Err(RunRefused::FanOut(most));
        }
        tx.set(place.at + CHILDREN, children + 1);
        tx.set(place.at + LAST, now.unix_ns);
        Ok(())
    }

    fn above(&self, tx: &Transaction<'_>, name: RunName<'_>) -> Above {
        let mut place = self.run_place(tx, NameKind::Run, name.tenant, name.run);
        let mut above = Above { began_ns: u64::MAX, ..Above::default() };
        while place.is_known {
            above.places.push(place.at);
            above.began_ns = above.began_ns.min(tx.get(place.at + FIRST));
            let Some(parent) = parent_of(tx, place) else { break };
            // A run that was forgotten, and came again below one that had been below it.
            let is_circle = parent == name.run || above.names.contains(&parent);
            if is_circle || above.names.len() as u64 > MAX_DEPTH {
                break;
            }
            place = self.run_place(tx, NameKind::Run, name.tenant, &parent);
            above.names.push(parent);
        }
        above
    }
}

/// What is above a run.
#[derive(Default)]
struct Above {
    /// The nearest first.
    names: Vec<String>,
    /// Where they are, the run itself first.
    places: Vec<usize>,
    /// When the first of them, or the run itself, began.
    began_ns: u64,
}

/// A run has this parent from now on; empty is none.
fn settle_parent(tx: &mut Transaction<'_>, place: RunPlace, parent: &str) {
    tx.set(place.at + STATE, HAS_SPOKEN | (parent.len() as u64) << LENGTH);
    for (word, bytes) in parent.as_bytes().chunks(8).enumerate() {
        let mut whole = [0; 8];
        whole.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
        tx.set(place.at + PARENT + word, u64::from_le_bytes(whole));
    }
}

fn parent_of(tx: &Transaction<'_>, place: RunPlace) -> Option<String> {
    let length = usize::try_from(tx.get(place.at + STATE) >> LENGTH).ok()?.min(MAX_NAME_BYTES);
    let words = (0..length.div_ceil(8)).map(|word| tx.get(place.at + PARENT + word));
    let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).take(length).collect();
    String::from_utf8(bytes).ok().filter(|name| !name.is_empty())
}
