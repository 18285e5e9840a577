//! One stream's tap: events in; tokens, usage, finish and failure out.

mod answer;
mod bundle;
mod counter;
mod divergence;
mod found;
mod naming;
mod sighting;
mod tap;

pub use answer::{Answer, read_answer, read_answer_of};
pub use counter::TextCounter;
pub use divergence::diverges;
pub use found::Found;
pub use naming::is_same_model;
pub use sighting::Sighting;
pub use tap::Meter;
