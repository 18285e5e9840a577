//! Agent runs: which run a request belongs to, and whether it goes round in circles.
//!
//! All of it is read out of one request, since a conversation carries its own history; what must be remembered between
//! requests is in `budget`.

mod fingerprint;
mod history;
mod loops;
mod note;

pub use fingerprint::{
    Origin, Speaker, derived_from, derived_name, fingerprint, fingerprint_of, origin,
};
pub use loops::{Circle, circle};
pub use note::with_note;
