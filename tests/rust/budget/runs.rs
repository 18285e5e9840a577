//! Runs: which are above which, how deep, wide and long they may be, and what they ask again.

use sluicegate::budget::{Budgets, Kinship, Lineage, MAX_DEPTH, Now, RunCaps, RunName, RunRefused};

use super::{NOW, SECOND, Scratch, open};

const fn named(run: &str) -> RunName<'_> {
    RunName { tenant: "t", run }
}

type Begun = Result<Lineage, RunRefused>;

fn begin(budgets: &Budgets, run: &str, parent: Option<&str>, caps: &RunCaps) -> Begun {
    budgets.begin_run(named(run), parent, caps, NOW).unwrap()
}

fn depth(begun: Begun) -> usize {
    begun.unwrap().above.len()
}

#[test]
fn runs_nest_as_deep_and_as_wide_as_they_may() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let caps = RunCaps { wall_ns: None, depth: Some(2), fan_out: Some(2) };
    let enter = |run, parent| begin(&budgets, run, parent, &caps);
    assert_eq!(depth(enter("a", None)), 0);
    assert_eq!(depth(enter("b", Some("a"))), 1);
    assert_eq!(depth(enter("c", Some("b"))), 2);
    assert_eq!(enter("d", Some("c")).unwrap_err(), RunRefused::Depth(3, 2));
    assert_eq!(depth(enter("e", Some("a"))), 1);
    assert_eq!(enter("f", Some("a")).unwrap_err(), RunRefused::FanOut(2));
    assert_eq!(depth(enter("b", Some("a"))), 1, "the next step of a run is no new one");
    assert_eq!(depth(enter("g", Some("unheard of"))), 1);
    assert_eq!(depth(enter("h", Some("h"))), 0, "nobody is their own parent");
    let other = RunName { tenant: "another", ..named("b") };
    let begun = budgets.begin_run(other, None, &caps, NOW).unwrap();
    assert_eq!(depth(begun), 0);
}

/// What each run names, in the order in which they come, and what is above it then.
#[test]
fn a_runs_parent_is_the_one_that_it_named_first() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let long = "n".repeat(256);
    let steps: [(&str, Option<&str>, &[&str]); 13] = [
        ("c", Some("b"), &["b"]),
        ("b", Some("a"), &["a"]),
        ("c", None, &["b", "a"]),
        ("c", Some("x"), &["b", "a"]),
        ("a", Some("c"), &[]),
        ("a", Some("x"), &[]),
        ("b", None, &["a"]),
        ("first", None, &[]),
        ("first", Some("late"), &[]),
        ("self", Some("self"), &[]),
        ("empty", Some(""), &[]),
        (&long, Some("c"), &["c", "b", "a"]),
        ("below", Some(&long), &[&long, "c", "b", "a"]),
    ];
    for (run, parent, above) in steps {
        let begun = begin(&budgets, run, parent, &RunCaps::default()).unwrap();
        assert_eq!(begun.above, above, "{run} names {parent:?}");
        assert_eq!(budgets.runs_above(named(run)).unwrap(), above);
    }
    let another = RunName { tenant: "another", ..named("c") };
    assert!(budgets.runs_above(another).unwrap().is_empty(), "another tenant's");
    assert!(budgets.runs_above(named("unheard of")).unwrap().is_empty());
}

/// Another host was told first, or this one was.
#[test]
fn what_another_host_was_told_of_a_run_holds_where_this_one_was_told_nothing() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let learn = |run: &str, parent: &str| {
        let (tenant, run, parent) = ("t".to_owned(), run.to_owned(), parent.to_owned());
        budgets.learn_kin(&Kinship { tenant, run, parent }, NOW).unwrap();
    };
    let caps = RunCaps { fan_out: Some(1), ..RunCaps::default() };
    begin(&budgets, "c", Some("b"), &caps).unwrap();
    begin(&budgets, "own", None, &caps).unwrap();
    for (run, parent) in
        [("b", "a"), ("b", "x"), ("a", "c"), ("own", "a"), ("new", "b"), ("me", "me")]
    {
        learn(run, parent);
    }
    for (run, parent, above) in [
        ("c", None, &["b", "a"][..]),
        ("b", Some("x"), &["a"]),
        ("a", None, &[]),
        ("own", None, &[]),
        ("new", None, &["b", "a"]),
        ("me", None, &[]),
    ] {
        assert_eq!(begin(&budgets, run, parent, &caps).unwrap().above, above, "{run}");
    }
}

#[test]
fn runs_nest_to_a_depth_that_can_be_looked_up() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let caps = RunCaps { depth: Some(1000), ..RunCaps::default() };
    for n in 1..=MAX_DEPTH {
        let parent = format!("run {}", n - 1);
        let begun = begin(&budgets, &format!("run {n}"), Some(&parent), &caps);
        assert_eq!(depth(begun) as u64, n);
    }
    let deepest = format!("run {MAX_DEPTH}");
    let refused = RunRefused::Depth(MAX_DEPTH + 1, MAX_DEPTH);
    for _ in 0..2 {
        assert_eq!(begin(&budgets, "one more", Some(&deepest), &caps).unwrap_err(), refused);
    }
    assert_eq!(depth(begin(&budgets, "one more", Some("run 0"), &caps)), 1, "it had not begun");
}

/// A run whose parents are quiet while it works.
#[test]
fn what_is_above_a_lively_run_is_not_forgotten() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let caps = RunCaps::default();
    let at = |seconds: u64| Now { unix_ns: NOW.unix_ns + seconds * SECOND, ..NOW };
    for (run, parent) in [("a", None), ("b", Some("a")), ("c", Some("b"))] {
        budgets.begin_run(named(run), parent, &caps, at(0)).unwrap().unwrap();
    }
    for n in 0..40_000 {
        let name = format!("other {n}");
        budgets.begin_run(named(&name), None, &caps, at(n / 100)).unwrap().unwrap();
        if n % 100 == 0 {
            let begun = budgets.begin_run(named("c"), None, &caps, at(n / 100)).unwrap();
            assert_eq!(begun.unwrap().above, ["b", "a"], "after {n}");
        }
    }
}

/// One second after another, of a run and of one below it that came three seconds later.
#[test]
fn a_run_has_the_time_of_the_runs_above_it_and_no_more() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let caps = RunCaps { wall_ns: Some(10 * SECOND), ..RunCaps::default() };
    let at = |seconds: u64| Now { unix_ns: NOW.unix_ns + seconds * SECOND, ..NOW };
    let left = |run, parent, seconds| {
        let begun = budgets.begin_run(named(run), parent, &caps, at(seconds)).unwrap();
        begun.unwrap().wall_left_ns.unwrap() / SECOND
    };
    for (run, parent, seconds, expected) in [
        ("a", None, 0, 10),
        ("b", Some("a"), 3, 7),
        ("a", None, 9, 1),
        ("b", None, 9, 1),
        ("a", None, 10, 0),
        ("b", None, 11, 0),
        ("c", None, 11, 10),
    ] {
        assert_eq!(left(run, parent, seconds), expected, "{run} after {seconds}");
    }
}

#[test]
fn the_same_call_in_a_row_is_counted() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let asks = |call: u64| budgets.repeat_call(named("a"), call, NOW).unwrap();
    for (call, times) in [(7, 1), (7, 2), (7, 3), (8, 1), (7, 1)] {
        assert_eq!(asks(call), times, "{call}");
    }
    budgets.forgive_call(named("a"), 8).unwrap();
    assert_eq!(asks(7), 2, "another call was forgiven");
    budgets.forgive_call(named("a"), 7).unwrap();
    assert_eq!(asks(7), 2, "one that failed is made again");
    budgets.forgive_call(named("unheard of"), 7).unwrap();
}

#[test]
fn no_run_is_above_itself() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let caps = RunCaps { depth: Some(3), fan_out: Some(1), ..RunCaps::default() };
    let enter = |run, parent| begin(&budgets, run, parent, &caps);
    assert_eq!(depth(enter("a", Some("b"))), 1);
    let b = enter("b", Some("a")).unwrap();
    assert_eq!((b.above.len(), b.fan_out_left), (0, Some(0)), "it has begun a");
    assert_eq!(depth(enter("a", Some("b"))), 1);
}

#[test]
fn a_child_and_its_unknown_parent_never_take_one_place() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let caps = RunCaps { fan_out: Some(9), ..RunCaps::default() };
    for n in 0..3000 {
        let (child, parent) = (format!("child {n}"), format!("parent {n}"));
        let enter = |run: &str, parent: Option<&str>| begin(&budgets, run, parent, &caps);
        assert_eq!(depth(enter(&child, Some(&parent))), 1);
        assert_eq!(enter(&parent, None).unwrap().fan_out_left, Some(8), "{n}");
        assert_eq!(depth(enter(&child, None)), 1, "{n}");
    }
}

#[test]
fn a_response_leads_to_its_conversation() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    assert_eq!(budgets.conversation_of("t", "resp_1").unwrap(), None);
    budgets.note_response("t", "resp_1", 7, NOW).unwrap();
    assert!(!budgets.is_of_another("another", "resp_1").unwrap(), "nobody has said whose it is");
    budgets.note_owner("t", "resp_1", NOW).unwrap();
    assert!(budgets.is_of_another("another", "resp_1").unwrap());
    assert!(!budgets.is_of_another("t", "resp_1").unwrap());
    assert_eq!(budgets.conversation_of("t", "resp_1").unwrap(), Some(7));
    assert_eq!(budgets.conversation_of("another", "resp_1").unwrap(), None);
    let run = begin(&budgets, "resp_1", None, &RunCaps::default());
    assert_eq!(depth(run), 0, "a run of that name is something else");
    assert_eq!(budgets.conversation_of("t", "resp_1").unwrap(), Some(7));
}

/// One tenant makes up four times as many names as there is room for.
#[test]
fn invented_names_push_out_hardly_a_run_of_another_tenant() {
    let scratch = Scratch::new();
    let budgets = open(&scratch.0);
    let caps = RunCaps { wall_ns: Some(SECOND), ..RunCaps::default() };
    let at = |nanos: u64| Now { unix_ns: NOW.unix_ns + nanos, ..NOW };
    let names: Vec<String> = (0..200).map(|n| format!("mine {n}")).collect();
    let enter = |tenant, run: &str, now| {
        let begun = budgets.begin_run(RunName { tenant, run }, None, &caps, now).unwrap().unwrap();
        begun.wall_left_ns.unwrap()
    };
    for name in &names {
        enter("honest", name, at(0));
    }
    for n in 0..65_536_u64 {
        enter("inventor", &format!("run {n}"), at(n));
    }
    let over = names.iter().filter(|name| enter("honest", name, at(2 * SECOND)) == 0).count();
    assert!(over >= 180, "{over} of 200 are remembered");
}
