//! Budgets and limits: reserved before a call, settled after it, exact over all workers of a host.
//!
//! Counters live in a mapped file that the workers share. Every change of it is one transaction under one lock: what
//! it writes is noted first, so that a worker killed in the middle leaves nothing half done.
//!
//! Where hosts share their limits, each counter has a lease beside it, and decisions are made on what was leased; who
//! asks other hosts, and how, is [`crate::share`]'s.

mod calendar;
mod charge;
mod counter;
mod demand;
mod fitting;
mod growth;
mod lease;
mod limit;
mod lineage;
mod places;
mod repeats;
mod reservation;
mod responses;
mod run_places;
mod seeding;
mod shared;
mod sharing;
mod terms;
mod transaction;

pub use calendar::{Calendar, Period};
pub use charge::Charge;
pub use demand::{Actual, Demand};
pub use growth::Extension;
pub use limit::{AtCap, Instances, Limit, Measure, Window};
pub use lineage::{Lineage, MAX_DEPTH, RunCaps, RunName, RunRefused};
pub use reservation::{
    Budgets, Crossing, Denied, MAX_CHARGES, Now, Refused, Reservation, Standing,
};
pub use shared::Opened;
pub use sharing::{Ask, Kinship, NoRoom, Posture, Sharing};
pub use terms::{CounterName, Return, Stand, Terms};
