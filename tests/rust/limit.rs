//! Limits: a bucket never gives more than its burst and its rate, and a table never takes more than its memory.

use proptest::prelude::*;
use sluicegate::limit::{Bucket, Decision, Rate, Shards, State, Table};

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;

fn rate(units: u64, period_ns: u64, burst: u64) -> Rate {
    Rate::new(units, period_ns, burst).unwrap()
}

#[test]
fn a_bucket_gives_its_burst_and_then_its_rate() {
    let mut bucket = Bucket::new(rate(10, SECOND, 3));
    let steps: &[(u64, u64, Decision)] = &[
        (0, 1, decision(true, 2, 0, 100)),
        (0, 2, decision(true, 0, 0, 300)),
        (0, 1, decision(false, 0, 100, 300)),
        (99, 1, decision(false, 0, 1, 201)),
        (100, 1, decision(true, 0, 0, 300)),
        (100, 2, decision(false, 0, 200, 300)),
        (250, 1, decision(true, 0, 0, 250)),
        (1000, 0, decision(true, 3, 0, 0)),
        (1000, 3, decision(true, 0, 0, 300)),
        (1000, 4, decision(false, 0, u64::MAX / 1_000_000, 300)),
    ];
    for (at, (now_ms, cost, expected)) in steps.iter().enumerate() {
        let said = bucket.take(*cost, now_ms * 1_000_000);
        let expected =
            if *cost > 3 { Decision { retry_after_ns: u64::MAX, ..*expected } } else { *expected };
        assert_eq!(said, expected, "step {at}");
    }
}

fn decision(allowed: bool, remaining: u64, retry_ms: u64, reset_ms: u64) -> Decision {
    Decision {
        allowed,
        remaining,
        retry_after_ns: retry_ms * 1_000_000,
        reset_ns: reset_ms * 1_000_000,
    }
}

#[test]
fn a_rate_must_let_something_pass_in_a_lifetime() {
    for (units, period_ns, burst) in
        [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, u64::MAX, 1), (1, SECOND, u64::MAX)]
    {
        assert_eq!(Rate::new(units, period_ns, burst), None);
    }
    assert!(Rate::new(u64::MAX, u64::MAX / 4, u64::MAX).is_some());
    assert!(Rate::new(1_000_000_000_000_000, MINUTE, 1_000_000_000_000_000).is_some());
}

#[test]
fn no_rate_is_rounded() {
    // Three a second are no whole nanoseconds each; in a thousand seconds they are 3,000 all the same.
    for (units, period_ns) in
        [(3, SECOND), (7, MINUTE), (1_000_003, SECOND), (3_000_000_000, SECOND)]
    {
        let mut bucket = Bucket::new(rate(units, period_ns, units));
        assert!(bucket.take(units, 0).allowed);
        for period in 1..=1000 {
            assert!(bucket.take(units, period * period_ns).allowed, "{units} in period {period}");
            assert!(!bucket.take(1, period * period_ns).allowed);
        }
    }
}

#[test]
fn the_ends_of_the_numbers_do_not_wrap() {
    for rate in [rate(u64::MAX, u64::MAX / 4, u64::MAX), rate(1, 1, 1), rate(1, 1 << 62, 1)] {
        for now_ns in [0, 1, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
            for cost in [0, 1, u64::MAX / 2, u64::MAX] {
                let mut state = State::default();
                rate.take(&mut state, cost, now_ns);
                rate.force(&mut state, cost, now_ns);
                rate.take(&mut state, cost, now_ns);
                rate.give_back(&mut state, cost, now_ns);
                rate.take(&mut state, cost, u64::MAX - now_ns);
            }
        }
    }
}

#[test]
fn what_is_forced_is_owed_and_what_is_given_back_is_there() {
    let rate = rate(60, MINUTE, 10);
    let mut state = State::default();
    rate.force(&mut state, 25, 0);
    let said = rate.take(&mut state, 1, 0);
    assert_eq!((said.allowed, said.retry_after_ns), (false, 16 * SECOND));
    rate.give_back(&mut state, 20, 0);
    assert_eq!(rate.peek(state, 0).remaining, 5);
    rate.give_back(&mut state, 1000, 0);
    assert_eq!(rate.peek(state, 0).remaining, 10, "no more than the burst");
    assert!(state.is_full(0));
}

#[test]
fn an_hour_backwards_gives_nothing() {
    let mut bucket = Bucket::new(rate(1, SECOND, 5));
    let hour = 3600 * SECOND;
    assert!(bucket.take(5, hour).allowed);
    assert!(!bucket.take(1, 0).allowed);
    assert!(bucket.take(1, hour + SECOND).allowed);
    assert!(!bucket.take(1, hour + SECOND).allowed);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// In every window between two requests, whatever the clock did between.
    #[test]
    fn never_more_than_burst_and_rate(
        units in 1..1000_u64,
        period_ns in 1..10_000_u64,
        burst in 1..50_u64,
        requests in prop::collection::vec((-200..2000_i64, 0..20_u64), 1..60),
    ) {
        let rate = rate(units, period_ns, burst);
        let mut bucket = Bucket::new(rate);
        let mut now_ns = 10_000_u64;
        let mut given: Vec<(u64, u64)> = Vec::new();
        for (step, cost) in requests {
            now_ns = now_ns.saturating_add_signed(step);
            let said = bucket.take(cost, now_ns);
            if said.allowed {
                given.push((now_ns, cost));
            } else {
                prop_assert!(said.retry_after_ns > 0);
                prop_assert!(cost > burst || said.retry_after_ns <= said.reset_ns);
            }
        }
        for from in 0..given.len() {
            for to in from..given.len() {
                let times = given[from..=to].iter().map(|(at, _)| *at);
                let window = u128::from(times.clone().max().unwrap() - times.min().unwrap());
                let sum: u64 = given[from..=to].iter().map(|(_, cost)| cost).sum();
                let most = u128::from(burst) * u128::from(period_ns) + window * u128::from(units);
                prop_assert!(u128::from(sum) * u128::from(period_ns) <= most, "{sum} in {window} ns");
            }
        }
    }

    /// Who waits as long as was said is let in, and not before.
    #[test]
    fn retry_after_is_exact(units in 1..1000_u64, period_ns in 1..100_000_u64, burst in 1..50_u64, costs in prop::collection::vec(0..50_u64, 1..20)) {
        let rate = rate(units, period_ns, burst);
        let mut state = State::default();
        for cost in costs {
            let said = rate.take(&mut state, cost, 0);
            if !said.allowed && cost <= burst {
                prop_assert!(!rate.take(&mut state.clone(), cost, said.retry_after_ns - 1).allowed);
                prop_assert!(rate.take(&mut state.clone(), cost, said.retry_after_ns).allowed);
            }
            prop_assert!(state.is_full(said.reset_ns));
            prop_assert!(said.reset_ns == 0 || !state.is_full(said.reset_ns - 1));
            let left = rate.peek(state, 0).remaining;
            prop_assert!(rate.take(&mut state.clone(), left, 0).allowed);
            prop_assert!(!rate.take(&mut state.clone(), left + 1, 0).allowed);
        }
    }

    /// While there is room, a table is as many buckets as there are keys.
    #[test]
    fn a_table_is_a_bucket_for_each_key(requests in prop::collection::vec((0..8_u8, 0..500_u64, 0..4_u64), 1..80)) {
        let rate = rate(10, 1000, 5);
        let mut buckets = [Bucket::new(rate); 8];
        let mut table = Table::new(8);
        let shards = Shards::new(8 * 16);
        let mut now_ns = 0;
        for (key, step, cost) in requests {
            now_ns += step;
            let expected = buckets[usize::from(key)].take(cost, now_ns);
            prop_assert_eq!(table.take(&[key], &rate, cost, now_ns), expected);
            prop_assert_eq!(shards.take(&[key], &rate, cost, now_ns), expected);
        }
    }
}

#[test]
fn a_table_keeps_to_its_capacity() {
    let rate = rate(1, SECOND, 5);
    let mut table = Table::new(100);
    for key in 0..10_000_u32 {
        assert!(table.take(&key.to_le_bytes(), &rate, 1, u64::from(key)).allowed);
        assert!(table.len() <= 100);
    }
    assert_eq!(table.len(), 100);
}

#[test]
fn full_buckets_are_forgotten_before_any_that_owe() {
    let slow = rate(1, MINUTE, 1);
    let quick = rate(1, 1000, 1);
    let mut table = Table::new(16);
    for key in 0..8_u8 {
        assert!(table.take(&[0, key], &slow, 1, 0).allowed);
    }
    // Of each round's keys all are full again in the next.
    for round in 1..100_u64 {
        for key in 0..8_u8 {
            let now_ns = round * 2000;
            assert!(table.take(&[1, key, round.to_le_bytes()[0]], &quick, 1, now_ns).allowed);
        }
    }
    for key in 0..8_u8 {
        assert!(!table.take(&[0, key], &slow, 1, SECOND).allowed, "key {key} was forgotten");
    }
}

#[test]
fn where_all_owe_the_one_unused_for_longest_is_forgotten() {
    let rate = rate(1, MINUTE, 2);
    let mut table = Table::new(4);
    for key in 0..4_u8 {
        table.take(&[key], &rate, 2, u64::from(key) + 1);
    }
    assert!(!table.take(&[0], &rate, 1, 10).allowed, "used again, so key 1 is the oldest");
    assert!(table.take(&[9], &rate, 2, 11).allowed);
    for key in [0_u8, 2, 3, 9] {
        assert!(!table.take(&[key], &rate, 1, 12).allowed, "key {key}");
    }
    assert!(table.take(&[1], &rate, 1, 13).allowed);
}

#[test]
fn what_takes_nothing_needs_no_slot() {
    let rate = rate(1, SECOND, 5);
    let mut table = Table::new(10);
    assert!(table.take(b"a", &rate, 0, 0).allowed);
    assert!(!table.take(b"b", &rate, 6, 0).allowed);
    table.give_back(b"c", &rate, 5, 0);
    assert!(table.is_empty());
    table.force(b"d", &rate, 7, 0);
    assert_eq!(table.len(), 1);
    assert!(!table.take(b"d", &rate, 1, SECOND).allowed);
}

#[test]
fn threads_together_get_no_more_than_one_would() {
    let rate = rate(1, MINUTE, 1000);
    let shards = Shards::new(1000);
    let given: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    (0..1000).filter(|_| shards.take(b"key", &rate, 1, 0).allowed).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(given, 1000);
}
