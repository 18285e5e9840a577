//! Names of keys. All have one hash tag, so that a cluster keeps them on one node and one script may use them.

use crate::budget::{CounterName, Limit};

pub(super) const HOSTS: &str = "{sluicegate}hosts";
pub(super) const WANTED: &str = "{sluicegate}wanted";
/// Runs with their parents, in the order in which hosts told of them.
pub(super) const KIN: &str = "{sluicegate}kin";
const COUNTER: &str = "{sluicegate}counter:";
const MARK: &str = "{sluicegate}ledger:";
const WORKER: &str = "{sluicegate}worker:";

/// The key of a counter. Names may hold any character, so the limit's tells its length.
pub fn counter_key(name: &CounterName) -> String {
    let CounterName { limit, epoch, unit_pico, window, instance } = name;
    format!("{COUNTER}{epoch:016x}:{unit_pico}:{window}:{}:{limit}{instance}", limit.len())
}

/// The counter of a key.
pub fn counter_name(key: &str) -> Option<CounterName> {
    let mut parts = key.strip_prefix(COUNTER)?.splitn(5, ':');
    let epoch = u64::from_str_radix(parts.next()?, 16).ok()?;
    let unit_pico = parts.next()?.parse().ok()?;
    let window = parts.next()?.parse().ok()?;
    let length: usize = parts.next()?.parse().ok()?;
    let (limit, instance) = parts.next()?.split_at_checked(length)?;
    Some(CounterName { limit: limit.into(), epoch, unit_pico, window, instance: instance.into() })
}

/// The key that says that a ledger was asked for a limit.
pub(super) fn mark_key(limit: &Limit) -> String {
    mark_of(&limit.name, limit.epoch, limit.unit_pico)
}

pub(super) fn mark_of(limit: &str, epoch: u64, unit_pico: u64) -> String {
    format!("{MARK}{epoch:016x}:{unit_pico}:{limit}")
}

/// The key of a worker's last reply.
pub(super) fn worker_key(host: &str, worker: &str) -> String {
    format!("{WORKER}{host}:{worker}")
}
