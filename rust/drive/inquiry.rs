//! What a front asks of the engine beside requests: who somebody is, and what models there are for them.

use std::sync::Arc;
use std::time::SystemTime;

use uuid::Uuid;

use super::admit::Refused;
use super::clock::unix_seconds;
use super::engine::Engine;
use super::offer::{Offer, is_offered, offers};
use super::place::Place;
use super::refusal::Refusal;
use super::request_headers::RequestHeaders;
use super::snapshot::Route;

impl Engine {
    /// Whose a request is, by its headers; None where its key is good no more.
    pub fn tenant(&self, headers: &RequestHeaders) -> Option<String> {
        self.gate().holder_now(headers).map(|principal| principal.tenant()).ok()
    }

    /// What the holder of the headers' key may ask for, sorted: of the names asked, or of the aliases.
    pub fn models<'a>(
        &self,
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        asked: Option<Vec<String>>,
    ) -> Result<Vec<String>, Refused> {
        let unknown = |refusal| Refused::of(Uuid::now_v7(), refusal);
        let (_, principal) = self.gate().authenticate(headers, None).map_err(unknown)?;
        let snapshot = self.snapshot();
        let mut names = asked.unwrap_or_else(|| snapshot.aliases().map(str::to_owned).collect());
        names.retain(|name| is_offered(&snapshot, &principal, name));
        names.sort_unstable();
        Ok(names)
    }

    /// Whose a request to a path of the gateway's own is, where its key may use that.
    pub fn asker<'a>(
        &self,
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        path: &str,
    ) -> Result<String, Refused> {
        let refused = |refusal| Refused::of(Uuid::now_v7(), refusal);
        let (_, principal) = self.gate().authenticate(headers, None).map_err(refused)?;
        if !principal.may_call(path) {
            return Err(refused(Refusal::route_forbidden(path, &principal)));
        }
        Ok(principal.tenant())
    }

    /// Where a model leads that a line of a batch asks for, if its key may.
    pub fn reach<'a>(
        &self,
        place: &Place,
        headers: impl Iterator<Item = (&'a [u8], &'a [u8])>,
        model: &str,
    ) -> Result<Arc<Route>, Refused> {
        let refused = |refusal| Refused::of(Uuid::now_v7(), refusal);
        let gate = self.gate();
        let (_, principal) = gate.authenticate(headers, Some(place)).map_err(refused)?;
        gate.route(&principal, model).map_err(|refusal| refused(*refusal))
    }

    /// What stands behind a name, with its prices of now.
    pub fn offers(&self, name: &str) -> Vec<Offer> {
        offers(&self.snapshot(), name, unix_seconds(SystemTime::now()))
    }
}
