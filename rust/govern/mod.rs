//! Who may ask for what, and how much of it: keys, and the limits that each request falls under.
//!
//! Built as a whole whenever keys or limits change, and never changed after; a request keeps the one it began with.

mod digest;
mod directory;
mod governance;
mod index;
mod limit_spec;
mod principal;
mod rules;
mod run_rules;
mod scope;
mod sighting;
mod vault;

pub use digest::Digester;
pub use directory::{Directory, Moment, Unknown};
pub use governance::{Governance, GovernanceError, Unseeded, row_of};
pub use index::Index;
pub use limit_spec::{LimitSpec, ScopeSpec};
pub use principal::{CacheOverride, Principal, PrincipalSpec};
pub use run_rules::{CircleAction, CircleRule, RunRules};
pub use scope::{Dimension, Subject};
pub use sighting::Sighting;
pub use vault::{Unreadable, Vault};
