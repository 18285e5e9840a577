//! What does pricing a row cost, and what does finding a model's price?

use std::borrow::Cow;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sluicegate::drive::Snapshot;
use sluicegate::price::{Book, Factor, Reach, Tokens};

fn price(c: &mut Criterion) {
    let book = Book::shipped();
    let schedule = book.resolve("anthropic", "claude-sonnet-4-5", Factor::new("5", "10").unwrap());
    let sheet = schedule.unwrap().at(1_790_000_000).unwrap().clone();
    let tokens = Tokens {
        input: 60_000,
        cached_input: 52_000,
        cache_write: 2_000,
        cache_write_1h: 500,
        output: 900,
        reasoning: 400,
        ..Tokens::default()
    };
    c.bench_function("price/cost", |b| b.iter(|| sheet.cost(black_box(&tokens))));
    c.bench_function("price/cost_usd", |b| b.iter(|| sheet.cost_usd(black_box(&tokens))));
    let reach = Reach::text(60_000, 4096);
    c.bench_function("price/bound", |b| b.iter(|| sheet.bound_nano_of(black_box(&reach))));
    c.bench_function("price/resolve", |b| {
        b.iter(|| book.resolve("openai", black_box("gpt-5.5-2026-04-01"), Factor::ONE));
    });
    c.bench_function("price/provider_at", |b| {
        b.iter(|| book.provider_at(black_box("https://api.x.ai/v1")));
    });
    c.bench_function("price/open_book", |b| {
        b.iter(|| Book::parse(Cow::Borrowed(include_str!("../../rust/price/book.jsonl"))).unwrap());
    });
    c.bench_function("price/read_whole_book", |b| b.iter(|| book.check().unwrap()));
}

/// What the hot path pays for a `provider/model` name that was asked for before, and for an alias.
fn route(c: &mut Criterion) {
    let timeouts = r#"{"connect_s":5,"first_byte_s":60,"idle_s":60,"total_s":600}"#;
    let snapshot = Snapshot::from_json(
        format!(
            r#"{{"keys":[],"upstreams":[{{"provider":"openai","dialect":"openai",
            "base_url":"https://api.openai.com/v1","headers":[],"timeouts":{timeouts},
            "ask_usage":true,"drain":false}}],
            "models":{{"smart":{{"strategy":"fallback","targets":[{{"upstream":0,"model":"gpt-5.5","weight":1,"timeouts":{timeouts}}}]}}}},
            "commit_after_s":15,"max_event_bytes":1,"max_answer_bytes":1}}"#
        )
        .as_bytes(),
    )
    .unwrap();
    c.bench_function("price/route_named", |b| {
        b.iter(|| snapshot.route(black_box("openai/gpt-5.5")));
    });
    c.bench_function("price/route_alias", |b| b.iter(|| snapshot.route(black_box("smart"))));
}

criterion_group!(benches, price, route);
criterion_main!(benches);
