//! One of several keys that a provider has: its share, its limits, and whether it is out of use for now.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// What limits are stated for.
const MINUTE_NS: u64 = 60_000_000_000;

/// A key in the configuration; the key itself is among its upstream's headers.
#[derive(Debug, Deserialize)]
pub struct KeySpec {
    /// For people; never the key.
    pub name: String,
    /// Share of the draw.
    pub weight: u32,
    /// Requests a minute, of this worker.
    #[serde(default)]
    pub rpm: Option<u64>,
    /// Tokens a minute, of this worker.
    #[serde(default)]
    pub tpm: Option<u64>,
}

/// A key while the gateway runs. Each worker knows its own, until the configuration is read again.
#[derive(Debug)]
pub struct Key {
    /// For people; never the key.
    pub name: String,
    /// Share of the draw.
    pub weight: u32,
    begun: Instant,
    requests: Option<Meter>,
    tokens: Option<Meter>,
    cool_until_ns: AtomicU64,
}

/// A minute's allowance as the moment at which it will be whole again (the generic cell rate algorithm).
#[derive(Debug)]
struct Meter {
    unit_ns: u64,
    whole_at_ns: AtomicU64,
}

impl Meter {
    fn new(a_minute: u64) -> Self {
        Self { unit_ns: MINUTE_NS / a_minute.max(1), whole_at_ns: AtomicU64::new(0) }
    }

    /// Whether one more fits.
    fn has_room(&self, now_ns: u64) -> bool {
        let owed_ns = self.whole_at_ns.load(Ordering::Relaxed).saturating_sub(now_ns);
        owed_ns.saturating_add(self.unit_ns) <= MINUTE_NS
    }

    fn count(&self, units: u64, now_ns: u64) {
        let worth_ns = units.saturating_mul(self.unit_ns);
        let add = |whole_at_ns: u64| Some(whole_at_ns.max(now_ns).saturating_add(worth_ns));
        let _ = self.whole_at_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

impl From<KeySpec> for Key {
    fn from(spec: KeySpec) -> Self {
        Self {
            name: spec.name,
            weight: spec.weight,
            begun: Instant::now(),
            requests: spec.rpm.map(Meter::new),
            tokens: spec.tpm.map(Meter::new),
            cool_until_ns: AtomicU64::new(0),
        }
    }
}

impl Key {
    /// Whether it is neither cooling down nor over one of its limits.
    pub fn is_free(&self, now: Instant) -> bool {
        let now_ns = self.since(now);
        let has_room = |meter: Option<&Meter>| meter.is_none_or(|meter| meter.has_room(now_ns));
        self.cool_until_ns.load(Ordering::Relaxed) <= now_ns
            && has_room(self.requests.as_ref())
            && has_room(self.tokens.as_ref())
    }

    /// One attempt goes out with it.
    pub fn count_request(&self, now: Instant) {
        if let Some(meter) = &self.requests {
            meter.count(1, self.since(now));
        }
    }

    /// So many tokens were used with it.
    pub fn count_tokens(&self, tokens: u64, now: Instant) {
        if let Some(meter) = &self.tokens {
            meter.count(tokens, self.since(now));
        }
    }

    /// Passes it over for so long, where there is another.
    pub fn cool(&self, time: Duration, now: Instant) {
        let time_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let until_ns = self.since(now).saturating_add(time_ns);
        self.cool_until_ns.fetch_max(until_ns, Ordering::Relaxed);
    }

    fn since(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.begun).as_nanos()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(rpm: Option<u64>, tpm: Option<u64>) -> Key {
        KeySpec { name: "k".to_owned(), weight: 1, rpm, tpm }.into()
    }

    #[test]
    fn a_key_without_limits_is_always_free() {
        let key = key(None, None);
        for _ in 0..1000 {
            key.count_request(key.begun);
            key.count_tokens(u64::MAX, key.begun);
        }
        assert!(key.is_free(key.begun));
    }

    #[test]
    fn so_many_requests_a_minute_and_no_more() {
        let key = key(Some(3), None);
        for _ in 0..3 {
            assert!(key.is_free(key.begun));
            key.count_request(key.begun);
        }
        assert!(!key.is_free(key.begun));
        assert!(!key.is_free(key.begun + Duration::from_secs(19)));
        assert!(key.is_free(key.begun + Duration::from_secs(20)));
    }

    #[test]
    fn tokens_that_were_used_must_be_earned_again() {
        let key = key(None, Some(100));
        key.count_tokens(250, key.begun);
        assert!(!key.is_free(key.begun + Duration::from_secs(90)));
        assert!(key.is_free(key.begun + Duration::from_secs(91)));
    }

    #[test]
    fn a_key_cools_down_for_the_longest_time_said() {
        let key = key(None, None);
        key.cool(Duration::from_secs(30), key.begun);
        key.cool(Duration::from_secs(5), key.begun);
        assert!(!key.is_free(key.begun + Duration::from_secs(29)));
        assert!(key.is_free(key.begun + Duration::from_secs(30)));
    }
}
