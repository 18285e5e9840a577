//! Limits and budgets that several hosts share through a Redis or Valkey server.
//!
//! Every decision is made on the counters of the host itself, on what it was granted of each. Here is how more is
//! granted, how what is not used comes back, and what happens while the server is away. The rules are one script
//! (`script.lua`), which decides a whole batch in one atomic step, on the server's clock, over keys of one hash slot.

mod batch;
mod desk;
mod keeper;
mod keys;
mod kin;
mod ledger;
mod link;
mod reply;
mod tracked;

pub use batch::Batch;
pub use desk::{Event, Question, Share, Status, Waiter, Wish};
pub use keeper::{Keeper, Options};
pub use keys::{counter_key, counter_name};
pub use link::{Link, LinkError};
pub use reply::{Decision, Reply};
