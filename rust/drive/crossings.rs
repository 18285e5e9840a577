//! Thresholds of limits that were reached, until the front takes them.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use crate::budget::Crossing;
use crate::observe::Metrics;

/// Tellings that wait for the front; it takes them every second.
const MAX_WAITING: usize = 4096;

/// What waits to be told.
#[derive(Debug)]
pub struct Crossings {
    metrics: Arc<Metrics>,
    waiting: Mutex<Vec<Crossing>>,
}

impl Crossings {
    /// None was reached yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, waiting: Mutex::default() }
    }

    pub(super) fn push(&self, mut crossed: Vec<Crossing>) {
        if crossed.is_empty() {
            return;
        }
        for crossing in &crossed {
            self.metrics.threshold(&kind_of(&crossing.limit.name), crossing.percent);
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_WAITING.saturating_sub(waiting.len());
        crossed.truncate(room);
        waiting.append(&mut crossed);
    }

    /// All that wait; they are told once.
    pub fn take(&self) -> Vec<Crossing> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A limit's name without the name of a key in it: there may be any number of keys.
fn kind_of(limit: &str) -> Cow<'_, str> {
    let of_key = limit.strip_prefix("key:").and_then(|rest| rest.rsplit_once(':'));
    of_key.map_or(Cow::Borrowed(limit), |(_, field)| Cow::Owned(format!("key:{field}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_named() {
        for (limit, kind) in [
            ("key:ci:budget", "key:budget"),
            ("key:a:b:tpm", "key:tpm"),
            ("run:cost", "run:cost"),
            ("team budget", "team budget"),
        ] {
            assert_eq!(kind_of(limit), kind);
        }
    }
}
