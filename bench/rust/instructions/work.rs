//! The work that is counted: what the hot path does for each request and for each event.

use std::hint::black_box;
use std::sync::Arc;

use serde_json::json;
use sluicegate::body::scan;
use sluicegate::budget::{
    Actual, AtCap, Budgets, Calendar, Charge, Demand, Instances, Limit, Measure, Now, Period,
    RunCaps, RunName, Window,
};
use sluicegate::dialect::Dialect;
use sluicegate::limit::Rate;
use sluicegate::meter::{Meter, TextCounter};
use sluicegate::price::{Book, Factor, Tokens};
use sluicegate::sse::Parser;
use sluicegate::stream::{Options, Transcoder};

use crate::gate;

const OPENAI: &str = r#"{"id":"chatcmpl-BxjO7dxvaUs5fmoaDTPZ6bYXZzQzR","object":"chat.completion.chunk","created":1753583271,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_34a54ae93c","choices":[{"index":0,"delta":{"content":" Hello"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"kAj8z"}"#;
const ANTHROPIC: &str =
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" Hello"}}"#;
const COHERE: &str =
    r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":" Hello"}}}}"#;
const OLLAMA: &str = r#"{"model":"qwen3:14b","created_at":"2025-06-09T17:58:57.192416Z","message":{"role":"assistant","content":" Hello"},"done":false}"#;
const MINUTE_NS: u64 = 60_000_000_000;
/// Noon of 2026-11-20: no window ends while it is worked.
const A_DAY_NS: u64 = 1_795_176_000_000_000_000;

/// All of it, by name.
pub const NAMES: [&str; 13] = [
    "scan_32_kb",
    "admit_32_kb",
    "admit_32_kb_governed",
    "sse_event",
    "meter_openai_event",
    "meter_anthropic_event",
    "openai_to_anthropic_event",
    "anthropic_to_openai_event",
    "cohere_to_openai_event",
    "ollama_to_openai_event",
    "admit_seven_limits",
    "admit_run_below_two",
    "price_a_row",
];

/// Enough that a thousandth of a run's own noise is nothing in one time's count.
pub fn times(name: &str) -> u64 {
    match name {
        "scan_32_kb" => 50,
        "admit_32_kb" | "admit_32_kb_governed" => 200,
        _ => 2000,
    }
}

/// The named work, `times` over; false where nothing has that name.
pub fn run(name: &str, times: u64) -> bool {
    match name {
        "scan_32_kb" => scan_body(times),
        "admit_32_kb" => gate::admit(&agent_body(), false, times),
        "admit_32_kb_governed" => gate::admit(&agent_body(), true, times),
        "sse_event" => parse_events(times),
        "meter_openai_event" => meter(Dialect::OpenAiChat, OPENAI, times),
        "meter_anthropic_event" => meter(Dialect::Anthropic, ANTHROPIC, times),
        "openai_to_anthropic_event" => {
            translate(Dialect::OpenAiChat, Dialect::Anthropic, OPENAI, times);
        }
        "anthropic_to_openai_event" => {
            translate(Dialect::Anthropic, Dialect::OpenAiChat, ANTHROPIC, times);
        }
        "cohere_to_openai_event" => translate(Dialect::Cohere, Dialect::OpenAiChat, COHERE, times),
        "ollama_to_openai_event" => translate(Dialect::Ollama, Dialect::OpenAiChat, OLLAMA, times),
        "admit_seven_limits" => admit(times, &[]),
        "admit_run_below_two" => admit(times, &["c", "b", "a"]),
        "price_a_row" => price(times),
        _ => return false,
    }
    true
}

/// An agent's request: turns and tools.
fn agent_body() -> Vec<u8> {
    let turn = json!({"role": "user", "content": "x = compute(value)  # note\n".repeat(30)});
    let argument = json!({"type": "string", "description": "An argument, given as \"text\"."});
    let parameters = json!({"type": "object", "properties": {"one": argument, "two": argument}});
    let function = json!({"name": "look", "description": "Looks.", "parameters": parameters});
    let tool = json!({"type": "function", "function": function});
    let body = json!({"model": "m", "messages": vec![turn; 30], "tools": vec![tool; 28]});
    serde_json::to_vec(&body).expect("a body")
}

fn scan_body(times: u64) {
    let body = agent_body();
    for _ in 0..times {
        assert!(scan(black_box(&body)).is_ok());
    }
}

/// A stream of `times` events, in pieces as a socket gives them.
fn parse_events(times: u64) {
    let wire = format!("data: {OPENAI}\n\n").repeat(usize::try_from(times).expect("a small count"));
    let mut parser = Parser::new(1 << 20);
    let mut events = 0;
    for piece in wire.as_bytes().chunks(1400) {
        let fed = parser.feed(black_box(piece), |frame| events += u64::from(frame.event.is_some()));
        assert!(fed.is_ok());
    }
    assert_eq!(events, times);
}

/// Counts bytes: tokenising has a bench of its own, and a vocabulary takes valgrind a minute.
#[derive(Clone, Default)]
struct Bytes(u64);

impl TextCounter for Bytes {
    fn push(&mut self, text: &str) {
        self.0 += text.len() as u64;
    }
    fn total(&mut self) -> u64 {
        self.0
    }
    fn at_most(&self) -> u64 {
        self.0
    }
}

fn meter(dialect: Dialect, event: &str, times: u64) {
    let mut meter = Meter::new(dialect, Bytes::default());
    for _ in 0..times {
        assert!(meter.observe("", black_box(event.as_bytes())).is_ok());
    }
}

fn translate(from: Dialect, to: Dialect, event: &str, times: u64) {
    let mut transcoder = Transcoder::new(from, to, Options::default());
    let mut out = Vec::with_capacity(1024);
    for _ in 0..times {
        out.clear();
        assert!(transcoder.event("", black_box(event.as_bytes()), &mut out).is_ok());
    }
}

/// Money and tokens by the day, requests by the minute, parallel requests: as a key of a team has.
fn seven_limits() -> Vec<Charge> {
    let measures = [
        Measure::Cost,
        Measure::TotalTokens,
        Measure::Requests,
        Measure::Parallel,
        Measure::Cost,
        Measure::Cost,
        Measure::TotalTokens,
    ];
    let limit = |(at, measure)| {
        let window = match measure {
            Measure::Requests => {
                Window::Sliding(Rate::new(1 << 40, MINUTE_NS, 1 << 40).expect("a rate"))
            }
            Measure::Parallel => Window::Total,
            _ => Window::Calendar(Calendar::new(Period::Day, "UTC").expect("a calendar")),
        };
        let limit = Limit {
            name: format!("limit-{at}"),
            epoch: 0,
            measure,
            amount: 1 << 60,
            unit_pico: 1,
            window,
            at_cap: AtCap::Cut,
            notify: vec![50, 80, 100],
            instances: Instances::Given,
        };
        Charge::new(Arc::new(limit), String::new())
    };
    measures.into_iter().enumerate().map(limit).collect()
}

/// Money, tokens and steps of each of these runs.
fn limits_of(runs: &[&str]) -> Vec<Charge> {
    let of_one = seven_limits().into_iter().take(3).collect::<Vec<_>>();
    let each = runs.iter().flat_map(|run| {
        of_one.iter().map(|charge| Charge::new(charge.limit.clone(), (*run).to_owned()))
    });
    each.collect()
}

/// How many limits share a lock is chance, by the seed of their file: one file alone counts up to 15 % more than another.
const FILES: u64 = 40;

/// Holds and settles what a request may use, of a run below others where some are given, the nearest first.
fn admit(times: u64, runs: &[&str]) {
    for _ in 0..FILES {
        admit_in_one_file(times / FILES, runs);
    }
}

/// The clock is ours: counts must not depend on the day, and valgrind hides the page that the real one is read from.
fn admit_in_one_file(times: u64, runs: &[&str]) {
    let folder = std::env::temp_dir().join(format!("sluicegate-count-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let budgets = Budgets::open(&folder).expect("budgets").budgets;
    budgets.seeded().expect("to be seeded");
    let charges = [seven_limits(), limits_of(runs)].concat();
    let begin = |run: &str, parent: Option<&str>, now| {
        let name = RunName { tenant: "key", run };
        budgets.begin_run(name, parent, &RunCaps::default(), now).expect("counters").expect("room")
    };
    let start = Now { monotonic_ns: 0, unix_ns: A_DAY_NS };
    for pair in runs.windows(2) {
        if let [run, parent] = pair {
            begin(run, Some(parent), start);
        }
    }
    let demand = Demand {
        input_tokens: 100,
        output_tokens: 4096,
        least_output_tokens: 1,
        fixed_pico: 1_000_000,
        output_pico: 2_000_000,
    };
    let actual = Actual { requests: 1, input_tokens: 80, output_tokens: 30, cost_pico: 61_000_000 };
    for request in 0..times {
        let since_ns = request * 1_000_000;
        let now = Now { monotonic_ns: since_ns, unix_ns: A_DAY_NS + since_ns };
        if let Some(run) = runs.first() {
            assert_eq!(begin(run, None, now).above.len() + 1, runs.len());
        }
        let held = budgets.reserve(request.into(), charges.clone(), black_box(&demand), now);
        let held = held.expect("room");
        budgets.mark_sent(&held);
        assert!(budgets.settle(held, black_box(&actual), now).is_ok());
    }
    drop(budgets);
    let _ = std::fs::remove_dir_all(folder);
}

fn price(times: u64) {
    let book = Book::shipped();
    let schedule = book.resolve("anthropic", "claude-sonnet-4-5", Factor::ONE).expect("a price");
    let sheet = schedule.at(1_790_000_000).expect("a price of that day");
    let tokens = Tokens {
        input: 60_000,
        cached_input: 52_000,
        cache_write: 2_000,
        cache_write_1h: 500,
        output: 900,
        reasoning: 400,
        ..Tokens::default()
    };
    for _ in 0..times {
        black_box(sheet.cost(black_box(&tokens)));
    }
}
