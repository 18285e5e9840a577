//! How often in a row a run asked the same.

use super::lineage::RunName;
use super::reservation::{Budgets, Now, commit};
use super::run_places::{CALL, LAST, NameKind, TIMES};
use crate::error::Error;

impl Budgets {
    /// How often in a row a run made a call, now once more.
    pub fn repeat_call(&self, name: RunName<'_>, call: u64, now: Now) -> Result<u64, Error> {
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let place = self.run_place(&tx, NameKind::Run, name.tenant, name.run);
        if !place.is_known {
            place.begin(&mut tx, now);
        }
        let is_same = tx.get(place.at + CALL) == call;
        let times = if is_same { tx.get(place.at + TIMES).saturating_add(1) } else { 1 };
        for (word, value) in [(CALL, call), (TIMES, times), (LAST, now.unix_ns)] {
            tx.set(place.at + word, value);
        }
        commit(tx)?;
        Ok(times)
    }

    /// A call failed, so that the same one may be made again and is no repetition.
    pub fn forgive_call(&self, name: RunName<'_>, call: u64) -> Result<(), Error> {
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let place = self.run_place(&tx, NameKind::Run, name.tenant, name.run);
        if !place.is_known || call != tx.get(place.at + CALL) {
            return Ok(());
        }
        let times = tx.get(place.at + TIMES).saturating_sub(1);
        tx.set(place.at + TIMES, times);
        commit(tx)
    }
}
