//! DB-09: clocks that step, days that are not 24 hours long, the ends of months.

use jiff::Timestamp;
use proptest::prelude::*;
use sluicegate::budget::{Budgets, Calendar, Charge, Measure, Now, Period, Window};
use sluicegate::limit::Rate;

use super::{DEMAND, NOW, SECOND, Scratch, USED, charge, limit, open, reserve};

const HOUR: i64 = 3600;

fn unix_s(at: &str) -> i64 {
    at.parse::<Timestamp>().unwrap().as_second()
}

fn at(unix_s: i64) -> Now {
    Now { unix_ns: u64::try_from(unix_s).unwrap() * SECOND, ..NOW }
}

/// A budget of one request in each window.
fn one_a(period: Period, zone: &str) -> [Charge; 1] {
    [charge(limit(Measure::Requests, 1, Window::Calendar(Calendar::new(period, zone).unwrap())))]
}

/// Whether the budget has room then; it is used up afterwards.
fn spends(budgets: &Budgets, charges: &[Charge], now: Now) -> bool {
    let Ok(reservation) = reserve(budgets, charges, &DEMAND, now) else { return false };
    budgets.settle(reservation, &USED, now).unwrap();
    true
}

#[test]
fn db_09_a_budget_resets_once_at_each_boundary_however_the_clock_steps() {
    let boundaries = [
        // the ends of a month, of a leap February and of a year
        (Period::Month, "UTC", "2026-11-30T23:59:30Z", "2026-12-01T00:00:00Z"),
        (Period::Month, "UTC", "2028-02-29T23:59:30Z", "2028-03-01T00:00:00Z"),
        (Period::Month, "UTC", "2026-12-31T23:59:30Z", "2027-01-01T00:00:00Z"),
        (Period::Day, "UTC", "2026-11-30T23:59:30Z", "2026-12-01T00:00:00Z"),
        (Period::Week, "UTC", "2026-11-29T23:59:30Z", "2026-11-30T00:00:00Z"),
        // the end of the day on which clocks go forward, of that on which they go back, and of both months
        (Period::Day, "Europe/Berlin", "2026-03-29T21:59:30Z", "2026-03-29T22:00:00Z"),
        (Period::Day, "Europe/Berlin", "2026-10-25T22:59:30Z", "2026-10-25T23:00:00Z"),
        (Period::Month, "Europe/Berlin", "2026-03-31T21:59:30Z", "2026-03-31T22:00:00Z"),
        (Period::Month, "America/New_York", "2026-11-01T03:59:30Z", "2026-11-01T04:00:00Z"),
    ];
    for (period, zone, before, boundary) in boundaries {
        let scratch = Scratch::new();
        let budgets = open(&scratch.0);
        let charges = one_a(period, zone);
        let (before, boundary) = (unix_s(before), unix_s(boundary));
        let steps = [
            (before, true, "the old window"),
            (before - HOUR, false, "an hour back"),
            (boundary - 1, false, "its last second"),
            (boundary, true, "the new window"),
            (before, false, "back in the old one"),
            (boundary - HOUR, false, "an hour back"),
            (boundary + 1, false, "the new one again"),
            (boundary + HOUR, false, "an hour on"),
        ];
        for (now_s, has_room, when) in steps {
            assert_eq!(spends(&budgets, &charges, at(now_s)), has_room, "{period:?} {zone} {when}");
        }
    }
}

#[test]
fn db_09_an_hour_that_comes_twice_is_one_day_and_an_hour_that_is_left_out_too() {
    // Berlin: clocks go forward at 01:00 UTC on the first of these days, back at 01:00 UTC on the second.
    for day in ["2026-03-29", "2026-10-25"] {
        let scratch = Scratch::new();
        let budgets = open(&scratch.0);
        let charges = one_a(Period::Day, "Europe/Berlin");
        let shift = unix_s(&format!("{day}T01:00:00Z"));
        assert!(spends(&budgets, &charges, at(shift - 2 * HOUR)));
        for minutes in -110..=1140 {
            assert!(!spends(&budgets, &charges, at(shift + minutes * 60)), "{day} {minutes}");
        }
    }
}

#[test]
fn db_09_an_hour_is_an_hour_while_clocks_change() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let charges = one_a(Period::Hour, "Europe/Berlin");
    let first = unix_s("2026-10-24T22:00:00Z");
    let admitted =
        (0..25 * 60).filter(|minute| spends(&budgets, &charges, at(first + minute * 60)));
    assert_eq!(admitted.count(), 25);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Time goes on; the clock that tells it is up to an hour off, another one at each look.
    #[test]
    fn db_09_each_day_is_spent_once_by_any_clock_that_is_an_hour_off(
        offsets in prop::collection::vec(-HOUR..=HOUR, 200),
    ) {
        let scratch = Scratch::new();
        let budgets = open(&scratch.0);
        let charges = one_a(Period::Day, "UTC");
        let first = unix_s("2026-11-28T12:00:00Z");
        let mut days = std::collections::BTreeSet::new();
        let mut spent = 0;
        for (step, offset) in (0_i64..).zip(offsets) {
            let now_s = first + step * 1200 + offset;
            days.insert(now_s / 86_400);
            spent += usize::from(spends(&budgets, &charges, at(now_s)));
        }
        prop_assert_eq!(spent, days.len());
    }

    /// A rate knows no clock but the monotonic one.
    #[test]
    fn db_09_a_rate_neither_opens_nor_locks_out_while_the_clock_steps(
        steps in prop::collection::vec(-HOUR..=HOUR, 300),
    ) {
        let scratch = Scratch::new();
        let budgets = open(&scratch.0);
        let rate = Rate::new(60, 60 * SECOND, 10).unwrap();
        let charges = [charge(limit(Measure::Requests, 60, Window::Sliding(rate)))];
        let mut admitted = 0;
        for (tick, offset) in (0_u64..).zip(steps) {
            let now = Now {
                unix_ns: NOW.unix_ns.saturating_add_signed(offset * 1_000_000_000),
                monotonic_ns: NOW.monotonic_ns + tick * SECOND / 2,
            };
            admitted += usize::from(spends(&budgets, &charges, now));
        }
        // 10 at once, then one a second for the 149.5 seconds that were asked for twice each.
        prop_assert_eq!(admitted, 10 + 149);
    }
}
