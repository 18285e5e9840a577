//! What the workers of a host remember of responses that requests can go on from.

use super::reservation::{Budgets, Now, commit};
use super::run_places::{CALL, NameKind};
use crate::error::Error;

impl Budgets {
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
        let place = self.run_place(&tx, NameKind::Response, tenant, response);
        place.begin(&mut tx, now);
        tx.set(place.at + CALL, conversation);
        commit(tx)
    }

    /// The conversation of a response, if that is remembered.
    pub fn conversation_of(&self, tenant: &str, response: &str) -> Result<Option<u64>, Error> {
        let _turn = self.turn()?;
        let tx = self.transaction();
        let place = self.run_place(&tx, NameKind::Response, tenant, response);
        Ok(place.is_known.then(|| tx.get(place.at + CALL)))
    }

    /// Notes whose a response is.
    pub fn note_owner(&self, tenant: &str, response: &str, now: Now) -> Result<(), Error> {
        let owner = self.hashed(&[tenant.as_bytes()]).0;
        let _turn = self.turn()?;
        let mut tx = self.transaction();
        let place = self.run_place(&tx, NameKind::Owner, "", response);
        place.begin(&mut tx, now);
        tx.set(place.at + CALL, owner);
        commit(tx)
    }

    /// Whether a response is known to be another tenant's.
    pub fn is_of_another(&self, tenant: &str, response: &str) -> Result<bool, Error> {
        let owner = self.hashed(&[tenant.as_bytes()]).0;
        let _turn = self.turn()?;
        let tx = self.transaction();
        let place = self.run_place(&tx, NameKind::Owner, "", response);
        Ok(place.is_known && tx.get(place.at + CALL) != owner)
    }
}
