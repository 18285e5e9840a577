//! Answers that are kept, so that who asks the same again is answered by them.
//!
//! Knows neither requests nor upstreams: an answer is bytes under a key, with what it belongs to.

mod canonical;
mod chores;
mod control;
mod desk;
mod entry;
mod fifo;
mod key;
mod purges;
mod reading;
mod request;
mod store;

pub use canonical::{OF_FORM, canonical};
pub use chores::{Chore, Chores, Judgement, Neighbour, Remembered, Reply};
pub use control::Control;
pub use desk::{Desk, Refresh, Stored, Task};
pub use entry::{About, Bare, Entry, Facts, Shape};
pub use key::{Key, KeyMaker, hex};
pub use purges::{Purged, Purges};
pub use reading::{Reading, Readings};
pub use request::Nature;
pub use store::{Cache, Stats};
