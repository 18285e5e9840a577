//! Budgets and limits over one file: decisions, windows, several threads and processes, deaths at any instant.

#[path = "budget/clock.rs"]
mod clock;
#[path = "budget/runs.rs"]
mod runs;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use sluicegate::budget::{
    Actual, AtCap, Budgets, Calendar, Charge, Demand, Instances, Limit, Measure, Now, Period,
    Refused, Reservation, Window,
};
use sluicegate::limit::Rate;

const SECOND: u64 = 1_000_000_000;
const DAY: u64 = 86_400 * SECOND;
const NOW: Now = Now { monotonic_ns: 1000 * SECOND, unix_ns: 20_000 * DAY + 12 * 3600 * SECOND };

/// A directory of its own, gone when the test is.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("sluicegate-budget-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(directory: &Path) -> Budgets {
    let opened = Budgets::open(directory).unwrap();
    opened.budgets.seeded().unwrap();
    opened.budgets
}

fn limit(measure: Measure, amount: u64, window: Window) -> Limit {
    Limit {
        name: format!("{measure:?}"),
        epoch: 0,
        measure,
        amount,
        unit_pico: 1,
        window,
        at_cap: AtCap::Cut,
        notify: vec![],
        instances: Instances::Given,
    }
}

fn day() -> Window {
    Window::Calendar(Calendar::new(Period::Day, "UTC").unwrap())
}

fn charge(limit: Limit) -> Charge {
    Charge::new(Arc::new(limit), String::new())
}

/// 10 tokens in, 20 out, a pico-dollar each.
const DEMAND: Demand = Demand {
    input_tokens: 10,
    output_tokens: 20,
    least_output_tokens: 20,
    fixed_pico: 10,
    output_pico: 1,
};
const USED: Actual = Actual { requests: 1, input_tokens: 10, output_tokens: 20, cost_pico: 30 };

fn reserve(
    budgets: &Budgets,
    charges: &[Charge],
    demand: &Demand,
    now: Now,
) -> Result<Reservation, Refused> {
    budgets.reserve(1, charges.to_vec(), demand, now)
}

fn standing(budgets: &Budgets, charge: &Charge, now: Now) -> (u64, u64, u64) {
    budgets.standing(charge, now).unwrap()
}

#[test]
fn each_measure_admits_as_many_as_fit() {
    for (measure, amount, fits) in [
        (Measure::Requests, 3, 3),
        (Measure::Parallel, 2, 2),
        (Measure::InputTokens, 35, 3),
        (Measure::OutputTokens, 40, 2),
        (Measure::TotalTokens, 89, 2),
        (Measure::Cost, 300, 10),
    ] {
        let scratch = Scratch::new();
        let budgets = open(&scratch.0);
        let charges = [charge(limit(measure, amount, Window::Total))];
        let mut held = Vec::new();
        while let Ok(reservation) = reserve(&budgets, &charges, &DEMAND, NOW) {
            held.push(reservation);
        }
        assert_eq!(held.len(), fits, "{measure:?}");
        for reservation in held {
            budgets.settle(reservation, &Actual::default(), NOW).unwrap();
        }
        assert_eq!(standing(&budgets, &charges[0], NOW), (0, 0, amount), "{measure:?}");
    }
}

/// The prompt was held as 800 and has 300; the answer is held as 100 and may yet become longer.
#[test]
fn what_a_prompt_holds_beyond_its_need_is_room_for_the_answer() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let bound = Demand {
        input_tokens: 800,
        output_tokens: 100,
        least_output_tokens: 100,
        fixed_pico: 800,
        output_pico: 1,
    };
    let known = Demand { input_tokens: 300, fixed_pico: 300, ..bound };
    let cut = [
        (limit(Measure::TotalTokens, 1000, Window::Total), 500, 700),
        (limit(Measure::Cost, 1000, day()), 500, 700),
        (limit(Measure::InputTokens, 800, Window::Total), 300, 300),
        (limit(Measure::OutputTokens, 5000, Window::Total), 200, 400),
        (limit(Measure::Requests, 5, Window::Total), 1, 1),
        (limit(Measure::Parallel, 5, Window::Total), 1, 1),
    ];
    let finish = Limit {
        name: "finish".to_owned(),
        at_cap: AtCap::Finish,
        ..limit(Measure::TotalTokens, 100, day())
    };
    let held = cut.iter().map(|(_, now, later)| (*now, *later)).collect::<Vec<_>>();
    let mut charges: Vec<Charge> = cut.into_iter().map(|(limit, ..)| charge(limit)).collect();
    charges.push(charge(finish));
    let mut reservation = reserve(&budgets, &charges, &bound, NOW).unwrap();
    assert_eq!(budgets.extend(&mut reservation, 100, NOW).unwrap().granted, 100);
    assert_eq!(budgets.extend(&mut reservation, 200, NOW).unwrap().granted, 0);
    assert!(budgets.free_surplus(&mut reservation, &known).unwrap());
    for (charge, (now, _)) in charges.iter().zip(&held) {
        assert_eq!(standing(&budgets, charge, NOW).1, *now, "{}", charge.limit.name);
    }
    assert_eq!(standing(&budgets, charges.last().unwrap(), NOW).1, 100, "it had no more to hold");
    assert!(!budgets.free_surplus(&mut reservation, &known).unwrap(), "nothing is free twice");
    assert_eq!(budgets.extend(&mut reservation, 200, NOW).unwrap().granted, 200);
    for (charge, (_, later)) in charges.iter().zip(&held) {
        assert_eq!(standing(&budgets, charge, NOW).1, *later, "{}", charge.limit.name);
    }
    budgets.settle(reservation, &Actual::default(), NOW).unwrap();
    for charge in &charges {
        assert_eq!(standing(&budgets, charge, NOW), (0, 0, charge.limit.amount));
    }
}

#[test]
fn what_was_not_used_is_free_at_once_and_what_was_used_stays_spent() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let charges = [charge(limit(Measure::Cost, 100, Window::Total))];
    let reservation = reserve(&budgets, &charges, &DEMAND, NOW).unwrap();
    assert_eq!(standing(&budgets, &charges[0], NOW), (0, 30, 70));
    let used = Actual { cost_pico: 7, ..USED };
    budgets.settle(reservation, &used, NOW).unwrap();
    assert_eq!(standing(&budgets, &charges[0], NOW), (7, 0, 93));
}

#[test]
fn the_first_refusal_changes_nothing_of_the_others() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let wide = charge(limit(Measure::Cost, 1000, Window::Total));
    let narrow = charge(limit(Measure::TotalTokens, 29, Window::Total));
    let refused = reserve(&budgets, &[wide.clone(), narrow.clone()], &DEMAND, NOW);
    let Err(Refused::Limit(denied)) = refused else { panic!("{refused:?}") };
    assert_eq!(denied.limit.name, "TotalTokens");
    assert_eq!((denied.needed, denied.remaining, denied.is_held), (30, 29, false));
    assert_eq!(standing(&budgets, &wide, NOW), (0, 0, 1000));
    assert_eq!(budgets.reservations().unwrap(), 0);
}

#[test]
fn a_refusal_says_whether_running_requests_hold_what_it_needs() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let charges = [charge(limit(Measure::Cost, 50, Window::Total))];
    let running = reserve(&budgets, &charges, &DEMAND, NOW).unwrap();
    let Err(Refused::Limit(denied)) = reserve(&budgets, &charges, &DEMAND, NOW) else { panic!() };
    assert!(denied.is_held);
    budgets.settle(running, &USED, NOW).unwrap();
    let Err(Refused::Limit(denied)) = reserve(&budgets, &charges, &DEMAND, NOW) else { panic!() };
    assert!(!denied.is_held);
}

#[test]
fn an_answer_that_can_be_stopped_begins_with_what_there_is_and_grows_to_the_cap() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let charges = [charge(limit(Measure::Cost, 25, Window::Total))];
    let demand = Demand { output_tokens: 8, least_output_tokens: 1, ..DEMAND };
    let mut reservation = reserve(&budgets, &charges, &demand, NOW).unwrap();
    assert_eq!(reservation.output_tokens, 8);
    assert_eq!(budgets.extend(&mut reservation, 5, NOW).unwrap().granted, 5);
    assert_eq!(budgets.extend(&mut reservation, 5, NOW).unwrap().granted, 2);
    assert_eq!(budgets.extend(&mut reservation, 5, NOW).unwrap().granted, 0);
    assert_eq!(budgets.exhausted(&reservation, NOW).unwrap().name, "Cost");
    assert_eq!(standing(&budgets, &charges[0], NOW), (0, 25, 0));
    let used = Actual { cost_pico: 25, ..USED };
    budgets.settle(reservation, &used, NOW).unwrap();
    assert_eq!(standing(&budgets, &charges[0], NOW), (25, 0, 0));
}

#[test]
fn a_limit_that_lets_finish_admits_while_anything_is_left() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let charges =
        [charge(Limit { at_cap: AtCap::Finish, ..limit(Measure::Cost, 40, Window::Total) })];
    for (admitted, spent) in [(true, 30), (true, 60), (false, 60)] {
        match reserve(&budgets, &charges, &DEMAND, NOW) {
            Ok(reservation) => {
                assert!(admitted);
                budgets.settle(reservation, &USED, NOW).unwrap();
            }
            Err(refused) => assert!(!admitted, "{refused:?}"),
        }
        assert_eq!(standing(&budgets, &charges[0], NOW).0, spent);
    }
}

#[test]
fn windows_of_the_calendar_open_once_and_a_clock_that_goes_back_opens_none() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let charges = [charge(limit(Measure::Requests, 1, day()))];
    let at = |hours: i64| Now {
        unix_ns: NOW.unix_ns.saturating_add_signed(hours * 3600 * 1_000_000_000),
        ..NOW
    };
    for (hours, admitted) in [
        (0, true),
        (0, false),
        (11, false),
        (12, true),
        (13, false),
        (-2, false),
        (35, false),
        (36, true),
    ] {
        let reservation = reserve(&budgets, &charges, &DEMAND, at(hours));
        assert_eq!(reservation.is_ok(), admitted, "after {hours} h");
        if let Ok(reservation) = reservation {
            budgets.settle(reservation, &USED, at(hours)).unwrap();
        }
    }
}

#[test]
fn what_ends_after_its_window_does_not_burden_the_next() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let charges = [charge(limit(Measure::Cost, 100, day()))];
    let tomorrow = Now { unix_ns: NOW.unix_ns + DAY, ..NOW };
    let yesterdays = reserve(&budgets, &charges, &DEMAND, NOW).unwrap();
    let todays = reserve(&budgets, &charges, &DEMAND, tomorrow).unwrap();
    budgets.settle(yesterdays, &USED, tomorrow).unwrap();
    assert_eq!(standing(&budgets, &charges[0], tomorrow), (0, 30, 70));
    budgets.settle(todays, &USED, tomorrow).unwrap();
    assert_eq!(standing(&budgets, &charges[0], tomorrow), (30, 0, 70));
}

#[test]
fn rates_are_trued_up_when_the_answer_is_known() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let rate = Rate::new(100, 60 * SECOND, 100).unwrap();
    let charges = [charge(limit(Measure::TotalTokens, 100, Window::Sliding(rate)))];
    let reservation = reserve(&budgets, &charges, &DEMAND, NOW).unwrap();
    assert_eq!(standing(&budgets, &charges[0], NOW).2, 70);
    budgets.settle(reservation, &Actual { output_tokens: 5, ..USED }, NOW).unwrap();
    assert_eq!(standing(&budgets, &charges[0], NOW).2, 85);
    // More than the whole bucket passes when it is full, and waits otherwise.
    let giant = Demand { input_tokens: 500, ..DEMAND };
    let Err(Refused::Limit(denied)) = reserve(&budgets, &charges, &giant, NOW) else { panic!() };
    assert_eq!(denied.wait_ns, 9 * SECOND);
    let later = Now { monotonic_ns: NOW.monotonic_ns + 9 * SECOND, ..NOW };
    assert!(reserve(&budgets, &charges, &giant, later).is_ok());
}

#[test]
fn percentages_are_told_once_in_each_window() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let charges = [charge(Limit { notify: vec![50, 80, 100], ..limit(Measure::Cost, 100, day()) })];
    let mut told = Vec::new();
    for now in [NOW, NOW, NOW, Now { unix_ns: NOW.unix_ns + DAY, ..NOW }] {
        let Ok(reservation) = reserve(&budgets, &charges, &DEMAND, now) else { continue };
        let crossings =
            budgets.settle(reservation, &Actual { cost_pico: 50, ..USED }, now).unwrap();
        told.push(crossings.iter().map(|c| c.percent).collect::<Vec<_>>());
    }
    assert_eq!(told, [vec![50], vec![80, 100], vec![50]]);
}

#[test]
fn money_of_any_size_fits() {
    for (pico, units, unit_pico) in [
        (5_000_000_000_000_u128, 5_000_000_000_000_u64, 1_u64),
        (10_u128.pow(20), 10_u64.pow(17), 1000),
    ] {
        assert_eq!(Limit::money(pico), (units, unit_pico));
    }
    assert!(Limit::money(u128::MAX).0 <= 1 << 62);
}

#[test]
fn amounts_can_be_raised_lowered_and_reset_while_requests_run() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let with = |amount| charge(limit(Measure::Cost, amount, Window::Total));
    let running = reserve(&budgets, &[with(50)], &DEMAND, NOW).unwrap();
    assert_eq!(
        standing(&budgets, &with(20), NOW),
        (0, 30, 0),
        "lowered under what is held: nothing is left"
    );
    assert_eq!(standing(&budgets, &with(100), NOW), (0, 30, 70));
    budgets.settle(running, &USED, NOW).unwrap();
    let anew = charge(Limit { epoch: 1, ..limit(Measure::Cost, 100, Window::Total) });
    assert_eq!(standing(&budgets, &anew, NOW), (0, 0, 100), "reset");
}

#[test]
fn what_the_ledger_knows_is_put_in_once() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let budget = Arc::new(limit(Measure::Cost, 100, day()));
    let of = |instance: &str| Charge::new(budget.clone(), instance.to_owned());
    assert!(!budgets.is_seeded(&budget, NOW).unwrap());
    let spent = || [("a".to_owned(), 30), ("b".to_owned(), 150)].into_iter();
    assert!(budgets.seed(&budget, spent(), NOW).unwrap());
    assert!(!budgets.seed(&budget, spent(), NOW).unwrap(), "another worker did");
    assert_eq!(standing(&budgets, &of("a"), NOW), (30, 0, 70));
    assert_eq!(standing(&budgets, &of("b"), NOW), (150, 0, 0));
    let tomorrow = Now { unix_ns: NOW.unix_ns + DAY, ..NOW };
    assert!(budgets.is_seeded(&budget, tomorrow).unwrap(), "a new window begins at nothing");
    assert_eq!(standing(&budgets, &of("a"), tomorrow), (0, 0, 100));
}

#[test]
fn a_budget_that_grows_beyond_its_units_and_back_forgets_nothing() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let with = |amount, unit_pico| {
        Arc::new(Limit { unit_pico, ..limit(Measure::Cost, amount, Window::Total) })
    };
    let (small, large) = (with(100_000, 1), with(1000, 1000));
    let seed = |limit: &Arc<Limit>, units| {
        budgets.seed(limit, [(String::new(), units)].into_iter(), NOW).unwrap()
    };
    let of = |limit: &Arc<Limit>| Charge::new(limit.clone(), String::new());
    assert!(seed(&small, 30_000));
    assert!(!budgets.is_seeded(&large, NOW).unwrap(), "it counts in other units");
    assert!(seed(&large, 30));
    assert_eq!(standing(&budgets, &of(&large), NOW), (30, 0, 970));
    assert!(!budgets.is_seeded(&small, NOW).unwrap(), "others were counted meanwhile");
    assert!(seed(&small, 70_000));
    assert!(!seed(&small, 70_000));
    assert_eq!(standing(&budgets, &of(&small), NOW), (70_000, 0, 30_000));
}

/// BR-06: a hundred a minute for ten thousand requests of 64 threads over the mapped file, around the end of a window,
/// in simulated time: every window of a minute has at most limit and burst, and the limit can be used.
#[test]
fn br_06_any_sixty_seconds_of_a_rate_have_its_limit_and_burst_at_most() {
    const MINUTE: u64 = 60 * SECOND;
    const THREADS: u64 = 64;
    const EACH: u64 = 157; // 10,048 in all
    for burst in [10, 100] {
        let scratch = Scratch::new();
        let first = Arc::new(open(&scratch.0));
        let second = Arc::new(Budgets::open(&scratch.0).unwrap().budgets);
        let rate = Rate::new(100, MINUTE, burst).unwrap();
        let charges = [charge(limit(Measure::Requests, 100, Window::Sliding(rate)))];
        // A clock that each request moves on: five seconds before a minute's end, and three minutes on from there.
        let step = 180 * SECOND / (EACH * THREADS);
        let clock = Arc::new(AtomicU64::new(1000 * MINUTE - 5 * SECOND));
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let budgets = if thread % 2 == 0 { first.clone() } else { second.clone() };
                let (charges, clock) = (charges.clone(), clock.clone());
                thread::spawn(move || -> Vec<u64> {
                    let tries = (0..EACH).map(|_| clock.fetch_add(step, Ordering::SeqCst));
                    let admitted = tries.filter(|at| {
                        let now = Now { monotonic_ns: *at, ..NOW };
                        let Ok(held) = reserve(&budgets, &charges, &DEMAND, now) else {
                            return false;
                        };
                        budgets.settle(held, &USED, now).unwrap();
                        true
                    });
                    admitted.collect()
                })
            })
            .collect();
        let mut admitted: Vec<u64> =
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        admitted.sort_unstable();
        let widest = admitted
            .iter()
            .enumerate()
            .map(|(at, from)| admitted.partition_point(|to| *to < from + MINUTE) - at)
            .max()
            .unwrap();
        assert!(widest as u64 <= 100 + burst, "{widest} in a minute, burst {burst}");
        let usable = 300 + burst;
        assert!(admitted.len() as u64 * 100 >= usable * 99, "{} of {usable}", admitted.len());
        assert!(admitted.len() as u64 <= usable + 1);
    }
}

#[test]
fn a_waived_limit_counts_and_refuses_nothing() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let mut waived = charge(limit(Measure::Requests, 1, Window::Total));
    waived.is_waived = true;
    for _ in 0..3 {
        let held = reserve(&budgets, &[waived.clone()], &DEMAND, NOW).unwrap();
        assert!(!held.bounds_answer());
        budgets.settle(held, &USED, NOW).unwrap();
    }
    assert_eq!(standing(&budgets, &waived, NOW), (3, 0, 0));
}

#[test]
fn a_second_process_of_the_host_shares_and_a_new_beginning_starts_at_nothing() {
    let scratch = Scratch::new();
    let one = open(&scratch.0);
    let charges = [charge(limit(Measure::Requests, 2, Window::Total))];
    let held = reserve(&one, &charges, &DEMAND, NOW).unwrap();
    let other = Budgets::open(&scratch.0).unwrap();
    assert!(!other.is_new);
    assert_eq!(standing(&other.budgets, &charges[0], NOW), (0, 1, 1));
    one.settle(held, &USED, NOW).unwrap();
    assert_eq!(standing(&other.budgets, &charges[0], NOW), (1, 0, 1));
    drop((one, other));
    let again = Budgets::open(&scratch.0).unwrap();
    assert!(again.is_new);
    assert_eq!(standing(&again.budgets, &charges[0], NOW), (0, 0, 2));
}

#[test]
fn many_keys_share_the_room_and_forgotten_windows_make_place() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let limit = Arc::new(limit(Measure::Requests, 1, day()));
    for day in 0..3 {
        let now = Now { unix_ns: NOW.unix_ns + day * DAY, ..NOW };
        for user in 0..40_000 {
            let charges = vec![Charge::new(limit.clone(), format!("user {user} of day {day}"))];
            let reservation = budgets.reserve(1, charges, &DEMAND, now).unwrap();
            budgets.settle(reservation, &USED, now).unwrap();
        }
    }
}

/// A limit on names that clients make up, of which `key` uses one.
fn made_up(limit: &Arc<Limit>, name: &str, key: &str) -> Charge {
    Charge::new(limit.clone(), name.to_owned()).by(key)
}

fn use_up(budgets: &Budgets, charge: Charge, now: Now) -> Result<(), Refused> {
    let reservation = budgets.reserve(1, vec![charge], &DEMAND, now)?;
    budgets.settle(reservation, &USED, now).unwrap();
    Ok(())
}

#[test]
fn invented_names_never_keep_others_out_nor_make_them_forgotten() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let each = |measure, amount, window| {
        let limit = limit(measure, amount, window);
        Arc::new(Limit { instances: Instances::MadeUp, ..limit })
    };
    let (total, daily) =
        (each(Measure::Requests, 1, Window::Total), each(Measure::Cost, 30, day()));
    let rate = Rate::new(1, 3600 * SECOND, 1).unwrap();
    let hourly = each(Measure::InputTokens, 1, Window::Sliding(rate));
    let keys = Arc::new(limit(Measure::OutputTokens, 20, Window::Total));
    let at = |n: u64| Now { unix_ns: NOW.unix_ns + n, ..NOW };
    for n in 0..500 {
        use_up(&budgets, Charge::new(keys.clone(), format!("key {n}")), at(0)).unwrap();
        use_up(&budgets, made_up(&total, &format!("honest {n}"), "honest"), at(0)).unwrap();
    }
    let running: Vec<_> = (0..50)
        .map(|n| {
            let held = made_up(&daily, &format!("running {n}"), "inventor");
            budgets.reserve(1, vec![held], &DEMAND, at(0)).unwrap()
        })
        .collect();
    for n in 0..400_000_u64 {
        let limit = [&total, &daily, &hourly][usize::try_from(n % 3).unwrap()];
        use_up(&budgets, made_up(limit, &format!("invented {n}"), "inventor"), at(n)).unwrap();
    }
    assert!(budgets.take_forgotten() > 100_000);
    for n in 0..500 {
        let old = Charge::new(keys.clone(), format!("key {n}"));
        assert!(use_up(&budgets, old, at(1)).is_err(), "key {n} has spent its budget");
        use_up(&budgets, Charge::new(keys.clone(), format!("new key {n}")), at(1)).unwrap();
        use_up(&budgets, made_up(&total, &format!("newcomer {n}"), "other"), at(1)).unwrap();
    }
    let kept = (0..500).filter(|n| {
        use_up(&budgets, made_up(&total, &format!("honest {n}"), "honest"), at(400_000)).is_err()
    });
    assert_eq!(kept.count(), 500, "who has few names keeps them");
    for (n, reservation) in running.into_iter().enumerate() {
        let held = made_up(&daily, &format!("running {n}"), "inventor");
        assert_eq!(standing(&budgets, &held, at(1)), (0, 30, 0), "{n}");
        budgets.settle(reservation, &USED, at(1)).unwrap();
        assert_eq!(standing(&budgets, &held, at(1)), (30, 0, 0), "{n}");
    }
}

#[test]
fn of_models_only_those_that_anyone_can_name_are_forgotten() {
    let limit = Limit { instances: Instances::Models, ..limit(Measure::Cost, 1, Window::Total) };
    assert!(limit.is_made_up("anything/at/all"));
    assert!(!limit.is_made_up("smart"));
}

/// A rate whose bucket is full again says nothing, while a long stream of its still runs: another one may have its
/// place when the stream ends.
#[test]
fn what_ends_late_changes_no_other_counter() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let rate = Rate::new(1000, SECOND, 1000).unwrap();
    let rates = Arc::new(limit(Measure::TotalTokens, 1000, Window::Sliding(rate)));
    let of = |n: u64| Charge::new(rates.clone(), format!("user {n}"));
    let running: Vec<_> =
        (0..2000).map(|n| budgets.reserve(1, vec![of(n)], &DEMAND, NOW).unwrap()).collect();
    let later = Now { monotonic_ns: NOW.monotonic_ns + 60 * SECOND, ..NOW };
    let money = Arc::new(limit(Measure::Cost, 100, Window::Total));
    let budget = |n: u64| Charge::new(money.clone(), format!("user {n}"));
    for n in 0..120_000 {
        use_up(&budgets, budget(n), later).unwrap();
    }
    for reservation in running {
        budgets.settle(reservation, &USED, later).unwrap();
    }
    for n in 0..120_000 {
        assert_eq!(standing(&budgets, &budget(n), later), (30, 0, 70), "user {n}");
    }
}

#[test]
fn limits_of_one_decision_never_share_a_place() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let limits: Vec<_> = (0..30)
        .map(|n| Limit { name: format!("{n}"), ..limit(Measure::Cost, 1000, Window::Total) })
        .map(Arc::new)
        .collect();
    for user in 0..8000 {
        let of = |limit: &Arc<Limit>| Charge::new(limit.clone(), format!("user {user}"));
        let charges: Vec<_> = limits.iter().map(of).collect();
        let held = budgets.reserve(1, charges.clone(), &DEMAND, NOW).unwrap();
        for charge in &charges {
            assert_eq!(standing(&budgets, charge, NOW), (0, 30, 970), "user {user}");
        }
        budgets.settle(held, &Actual::default(), NOW).unwrap();
    }
}

proptest! {
    /// Whatever is reserved, grown, settled and released: nobody passes the limit, and what is held is the sum of what runs.
    #[test]
    fn spent_and_held_stay_within_the_limit(
        amount in 1_u64..500,
        steps in prop::collection::vec((0_u8..4, 0_u64..60, 0_u64..60), 1..80),
    ) {
        let scratch = Scratch::new();
        let budgets = open(&scratch.0);
        let charges = [charge(limit(Measure::TotalTokens, amount, Window::Total)), charge(limit(Measure::Cost, 3 * amount, day()))];
        let mut running: Vec<(Reservation, u64)> = Vec::new();
        let mut spent = 0;
        for (act, a, b) in steps {
            match act {
                0 => {
                    let demand = Demand { input_tokens: a, output_tokens: b, least_output_tokens: b / 2, fixed_pico: 0, output_pico: 1 };
                    if let Ok(reservation) = reserve(&budgets, &charges, &demand, NOW) {
                        prop_assert!(reservation.output_tokens <= b && reservation.output_tokens >= b / 2);
                        running.push((reservation, a));
                    }
                }
                1 => if let Some((reservation, _)) = running.last_mut() {
                    prop_assert!(budgets.extend(reservation, a, NOW).unwrap().granted <= a);
                },
                2 => if let Some((reservation, input)) = running.pop() {
                    let output = reservation.output_tokens.min(b);
                    let actual = Actual { requests: 1, input_tokens: input, output_tokens: output, cost_pico: u128::from(output) };
                    spent += input + output;
                    budgets.settle(reservation, &actual, NOW).unwrap();
                },
                _ => if let Some((reservation, _)) = running.pop() {
                    budgets.settle(reservation, &Actual::default(), NOW).unwrap();
                },
            }
            let held: u64 = running.iter().map(|(r, input)| input + r.output_tokens).sum();
            prop_assert_eq!(standing(&budgets, &charges[0], NOW), (spent, held, amount - spent - held));
            prop_assert_eq!(budgets.reservations().unwrap(), running.len());
        }
    }
}

#[test]
fn threads_never_pass_the_limit() {
    let scratch = Scratch::new();
    let budgets = Arc::new(open(&scratch.0));
    let charges = [charge(limit(Measure::Cost, 30 * 500, Window::Total))];
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let (budgets, charges) = (budgets.clone(), charges.clone());
            thread::spawn(move || {
                (0..400)
                    .filter(|_| match reserve(&budgets, &charges, &DEMAND, NOW) {
                        Ok(reservation) => {
                            budgets.settle(reservation, &USED, NOW).unwrap();
                            true
                        }
                        Err(Refused::Limit(_)) => false,
                        Err(error) => panic!("{error:?}"),
                    })
                    .count()
            })
        })
        .collect();
    let admitted: usize = workers.into_iter().map(|w| w.join().unwrap()).sum();
    assert_eq!(admitted, 500);
}

const CHILD: &str = "SLUICEGATE_BUDGET_CHILD";

/// What the children of the test below do until they are killed; by itself it does nothing.
#[test]
fn child_of_the_killing_rounds() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    let budgets = open(Path::new(&directory));
    let charges = [
        charge(limit(Measure::Cost, u64::MAX >> 2, Window::Total)),
        charge(limit(Measure::Parallel, 1000, Window::Total)),
    ];
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        let mut reservation = reserve(&budgets, &charges, &DEMAND, NOW).unwrap();
        budgets.mark_sent(&reservation);
        budgets.extend(&mut reservation, 12, NOW).unwrap();
        budgets.settle(reservation, &USED, NOW).unwrap();
    }
}

#[test]
fn processes_killed_at_any_instant_leave_no_reservation_and_lose_no_charge() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let money = charge(limit(Measure::Cost, u64::MAX >> 2, Window::Total));
    let slots = charge(limit(Measure::Parallel, 1000, Window::Total));
    let spawn = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_of_the_killing_rounds", "--nocapture"])
            .env(CHILD, &scratch.0)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let (mut unsettled, mut before) = (0, 0);
    for round in 0..30_u64 {
        let mut children = [spawn(), spawn()];
        thread::sleep(Duration::from_millis(20 + round * 7 % 30));
        for child in &mut children {
            child.kill().unwrap(); // SIGKILL
            child.wait().unwrap();
        }
        unsettled += budgets.recover().unwrap();
        assert_eq!(budgets.reservations().unwrap(), 0, "round {round}");
        let (spent, held, _) = standing(&budgets, &money, NOW);
        assert_eq!(held, 0, "round {round}");
        // A settled request costs 30; one whose process died costs what it held: nothing, 30 or, once extended, 42.
        let beyond = (spent - before) % 30;
        assert!([0, 12, 24].contains(&beyond), "round {round}: {before} to {spent}");
        before = spent;
        assert_eq!(standing(&budgets, &slots, NOW).1, 0, "round {round}");
    }
    assert!(unsettled > 0, "no round caught a running request");
    assert!(standing(&budgets, &money, NOW).0 > 0);
}

#[test]
fn what_was_charged_too_much_comes_back_in_its_own_window() {
    let held = Actual { requests: 1, input_tokens: 100, output_tokens: 100, cost_pico: 1000 };
    for (measure, before, after) in [
        (Measure::Requests, 1, 1),
        (Measure::InputTokens, 100, 10),
        (Measure::OutputTokens, 100, 20),
        (Measure::TotalTokens, 200, 30),
        (Measure::Cost, 1000, 30),
    ] {
        let scratch = Scratch::new();
        let budgets = open(&scratch.0);
        let charge = charge(limit(measure, 10_000, day()));
        budgets.spend(&charge, held.amount(&charge.limit), NOW).unwrap();
        assert_eq!(standing(&budgets, &charge, NOW).0, before, "{measure:?}");
        let yesterday = NOW.unix_ns - DAY;
        budgets.correct(&charge, (&held, &USED), yesterday, NOW).unwrap();
        assert_eq!(standing(&budgets, &charge, NOW).0, before, "{measure:?}: of another window");
        budgets.correct(&charge, (&held, &USED), NOW.unix_ns, NOW).unwrap();
        assert_eq!(standing(&budgets, &charge, NOW).0, after, "{measure:?}");
        budgets.correct(&charge, (&USED, &held), NOW.unix_ns, NOW).unwrap();
        assert_eq!(standing(&budgets, &charge, NOW).0, before, "{measure:?}: more than was held");
    }
}

#[test]
fn a_correction_never_gives_more_than_was_spent() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let charge = charge(limit(Measure::Cost, 10_000, day()));
    budgets.correct(&charge, (&USED, &Actual::default()), NOW.unix_ns, NOW).unwrap();
    assert_eq!(standing(&budgets, &charge, NOW), (0, 0, 10_000));
}
