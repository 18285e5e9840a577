//! What stands behind a name that clients may ask for: for lists of models, not for requests.

use super::snapshot::{Route, Snapshot};
use crate::govern::Principal;

/// One target of a name.
#[derive(Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its provider in the configuration.
    pub provider: String,
    /// The provider's name for the model.
    pub model: String,
    /// Dollars apiece as decimal text, by the price book's keys; `None` is unpriced.
    pub prices: Option<Vec<(&'static str, String)>>,
}

/// The targets behind a name, at a time in seconds since 1970; none where it is not known.
pub fn offers(snapshot: &Snapshot, name: &str, unix_s: i64) -> Vec<Offer> {
    let route = snapshot.uncached_route(name);
    let targets = route.iter().flat_map(|route| &route.targets);
    targets
        .map(|target| Offer {
            provider: target.upstream.provider.clone(),
            model: target.model.clone(),
            prices: target.sheet(unix_s).map(|sheet| sheet.apiece()),
        })
        .collect()
}

/// Whether a request of that principal for a name would find a model.
pub fn is_offered(snapshot: &Snapshot, principal: &Principal, name: &str) -> bool {
    let reaches = |route: &Route| {
        route.targets.iter().all(|target| principal.may_reach(&target.upstream.provider))
    };
    principal.may_use(name) && snapshot.uncached_route(name).is_some_and(|route| reaches(&route))
}
