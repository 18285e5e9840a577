//! Counts of several processes in one file: their sums, their bounds, what is written of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use sluicegate::observe::{
    Attempted, Component, Exposition, Holding, Member, Metrics, RequestEnd, Saved, render,
};

fn text(metrics: &Metrics) -> String {
    render(metrics.board(), None, Exposition::OpenMetrics)
}

/// The sample of a name and its labels, as they are written.
fn sample(metrics: &Metrics, series: &str) -> Option<String> {
    let text = text(metrics);
    let line =
        text.lines().find(|line| line.strip_prefix(series).is_some_and(|v| v.starts_with(' ')));
    line.map(|line| line[series.len() + 1..].to_owned())
}

fn answered(input: u64, output: u64, cost_pico: u128) -> Attempted<'static> {
    Attempted {
        operation: CHAT,
        outcome: "ok",
        has_tokens: true,
        tokens: [input, output, 0, 0, 0, 0, 0, 0],
        cost_pico,
        duration: Some(Duration::from_millis(3)),
        ..Attempted::default()
    }
}

const CHAT: Member = Member { number: 0, name: "chat" };

const END: RequestEnd<'_> = RequestEnd {
    operation: CHAT,
    dialect: Member { number: 0, name: "openai" },
    outcome: "ok",
    client_status: 200,
};
const TOOK: Duration = Duration::from_micros(1500);

#[test]
fn whoever_is_asked_gives_the_sums_of_all() {
    let folder = tempfile();
    let workers: Vec<Metrics> = (0..3).map(|_| Metrics::open(folder.path()).unwrap()).collect();
    for (number, worker) in (1..).zip(&workers) {
        assert_eq!(worker.board().trouble(), None);
        let model = worker.model("u", "m", false);
        for _ in 0..number {
            worker.attempt(&model, &answered(7, 0, 1_999_999_999_999));
            worker.begin_request();
            worker.end_request(&END, TOOK);
        }
        worker.begin_request();
    }
    let watcher = Metrics::attach(folder.path()).unwrap();
    for one in workers.iter().chain([&watcher]) {
        for (series, value) in [
            (r#"sluicegate_attempts_total{provider="u",model="m",outcome="ok"}"#, "6"),
            (r#"sluicegate_tokens_total{provider="u",model="m",class="input"}"#, "42"),
            (r#"sluicegate_cost_usd_total{provider="u",model="m"}"#, "11.999999999994"),
            ("sluicegate_active_requests", "3"),
            ("sluicegate_workers", "3"),
            (
                r#"sluicegate_request_duration_seconds_sum{operation="chat",dialect="openai",outcome="ok"}"#,
                "0.009",
            ),
        ] {
            assert_eq!(sample(one, series).as_deref(), Some(value), "{series}");
        }
    }
}

#[test]
fn what_a_cache_did_stays_and_what_it_holds_goes_with_its_worker() {
    let folder = tempfile();
    let keeper = Metrics::attach(folder.path()).unwrap();
    let saved = Saved { input_tokens: 7, output_tokens: 0, cost_pico: Some(1_999_999_999_999) };
    let work = || {
        let worker = Metrics::open(folder.path()).unwrap();
        let model = worker.model("u", "m", false);
        for _ in 0..2 {
            worker.cache_request(Member { number: 2, name: "hit" });
            worker.cache_saved(&model, &saved);
        }
        worker.cache_saved(&model, &Saved { cost_pico: None, ..saved });
        worker.cache_look("refused", "number");
        worker.cache_vector("ngram", true, Duration::from_micros(100));
        worker.cache_evicted(5);
        for (holding, count) in
            [(Holding::Entries, 3), (Holding::Bytes, 4096), (Holding::Questions, 2)]
        {
            worker.holds(holding, 9);
            worker.holds(holding, count); // what is said last holds
        }
        worker
    };
    let (one, other) = (work(), work());
    let counted = [
        (r#"sluicegate_cache_requests_total{result="hit"}"#, "4"),
        (r#"sluicegate_cache_saved_tokens_total{provider="u",model="m",class="input"}"#, "42"),
        (r#"sluicegate_cache_saved_usd_total{provider="u",model="m"}"#, "7.999999999996"),
        (r#"sluicegate_cache_semantic_looks_total{result="refused",difference="number"}"#, "2"),
        (
            r#"sluicegate_cache_embedding_duration_seconds_bucket{embedder="ngram",outcome="ok",le="0.0001"}"#,
            "2",
        ),
        ("sluicegate_cache_evictions_total", "10"),
    ];
    let assert_held = |held: [&str; 3]| {
        for (series, value) in counted.iter().chain(&[
            ("sluicegate_cache_entries", held[0]),
            ("sluicegate_cache_bytes", held[1]),
            ("sluicegate_cache_questions", held[2]),
        ]) {
            assert_eq!(sample(&keeper, series).as_deref(), Some(*value), "{series}");
        }
    };
    assert_held(["6", "8192", "4"]);
    drop(one);
    assert_held(["3", "4096", "2"]);
    drop(other);
    assert_held(["0", "0", "0"]);
    let next = Metrics::open(folder.path()).unwrap();
    assert_eq!(sample(&next, "sluicegate_cache_entries").as_deref(), Some("0"), "a seat is clean");
}

#[test]
fn what_was_counted_stays_when_its_counter_is_gone_and_what_ran_does_not() {
    let folder = tempfile();
    let keeper = Metrics::attach(folder.path()).unwrap();
    for _ in 0..20 {
        let worker = Metrics::open(folder.path()).unwrap();
        worker.begin_request();
        worker.begin_request();
        worker.end_request(&END, TOOK);
        worker.troubled(Component::Ledger, true);
        assert_eq!(worker.health().troubled[0], 1);
    }
    let requests = r#"sluicegate_requests_total{operation="chat",dialect="openai",outcome="ok",client_status="200"}"#;
    assert_eq!(sample(&keeper, requests).as_deref(), Some("20"));
    assert_eq!(sample(&keeper, "sluicegate_active_requests").as_deref(), Some("0"));
    assert_eq!(
        sample(&keeper, "sluicegate_component_up{component=\"ledger\"}").as_deref(),
        Some("1")
    );
    drop(keeper);
    let next = Metrics::open(folder.path()).unwrap();
    assert!(next.board().is_empty(), "nobody had it: it begins anew");
}

#[test]
fn ov_07_ten_thousand_names_stay_within_their_bounds() {
    let folder = tempfile();
    let metrics = Metrics::open(folder.path()).unwrap();
    metrics.model("u", "configured", true);
    let before = resident_bytes();
    for number in 0..10_000_u64 {
        let name = format!("{number}-{}", "\u{202e}\"\n".repeat(200));
        let model = metrics.model("u", &name, false);
        metrics.attempt(&model, &answered(1, 1, 1));
        metrics.refusal(&name);
        metrics.threshold(&name, 80);
        let error =
            Attempted { outcome: "error", error_code: "upstream_status", ..answered(0, 0, 0) };
        metrics.attempt(&model, &error);
    }
    let late = metrics.model("u", "configured too", true);
    metrics.attempt(&late, &answered(5, 5, 5));
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 50 << 20, "{grown} bytes more");
    assert!(metrics.board().len() <= 8192);
    let own = r#"sluicegate_tokens_total{provider="u",model="configured too",class="input"}"#;
    assert_eq!(sample(&metrics, own).as_deref(), Some("5"), "a configured model comes first");
    for (series, total) in [
        ("sluicegate_tokens_total", 20_010),
        ("sluicegate_attempts_total", 20_001),
        ("sluicegate_refusals_total", 10_000),
        ("sluicegate_limit_threshold_total", 10_000),
    ] {
        assert_eq!(totals(&metrics)[series], total, "{series}");
    }
}

/// The sum over all series of each counter that holds whole numbers.
fn totals(metrics: &Metrics) -> BTreeMap<String, u64> {
    let mut totals = BTreeMap::new();
    for line in text(metrics).lines().filter(|line| !line.starts_with('#')) {
        let (series, value) = line.rsplit_once(' ').unwrap();
        if let Ok(value) = value.parse::<u64>() {
            let name = series.split('{').next().unwrap();
            *totals.entry(name.to_owned()).or_default() += value;
        }
    }
    totals
}

#[test]
fn an_unusable_directory_keeps_nothing_from_counting() {
    let metrics = Metrics::open(Path::new("/nonexistent/folder")).unwrap();
    assert!(metrics.board().trouble().is_some());
    metrics.alert("unpriced");
    assert_eq!(
        sample(&metrics, r#"sluicegate_alerts_total{kind="unpriced"}"#).as_deref(),
        Some("1")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_name_stays_one_line_of_its_own(provider in ".{0,40}", model in ".{0,400}", limit in ".{1,300}") {
        let folder = tempfile();
        let metrics = Metrics::open(folder.path()).unwrap();
        let cells = metrics.model(&provider, &model, false);
        metrics.attempt(&cells, &answered(1, 2, 3));
        metrics.threshold(&limit, 50);
        let text = text(&metrics);
        let lines: Vec<&str> = text.lines().collect();
        prop_assert_eq!(text.split('\n').count(), lines.len() + 1);
        let of = |name: &str| lines.iter().filter(|line| line.starts_with(name)).count();
        prop_assert_eq!(of("sluicegate_cost_usd_total"), 1);
        prop_assert_eq!(of("sluicegate_limit_threshold_total"), 1);
        prop_assert_eq!(of("sluicegate_tokens_total"), 2);
        for line in lines {
            prop_assert!(line.len() < 1024 && !line.chars().any(char::is_control), "{:?}", line);
        }
    }
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// A folder that goes away with its owner.
struct Folder(std::path::PathBuf);

impl Folder {
    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tempfile() -> Folder {
    let path = std::env::temp_dir().join(format!("sluicegate-observe-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&path).unwrap();
    Folder(path)
}
