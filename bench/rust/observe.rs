//! What does counting add to a request, and how long does a scrape take?

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use sluicegate::observe::{
    Attempted, Exposition, Member, Metrics, ModelSeries, RequestEnd, render,
};

const CHAT: Member = Member { number: 0, name: "chat" };
const END: RequestEnd<'_> = RequestEnd {
    operation: CHAT,
    dialect: Member { number: 0, name: "openai" },
    outcome: "ok",
    client_status: 200,
};

/// All that one streamed request counts; the clocks are read for the ledger as well.
fn request(metrics: &Metrics, model: &ModelSeries) {
    let tokens = [1200, 300, 1000, 0, 0, 0, 0, 0];
    metrics.begin_request();
    metrics.overhead(black_box(Duration::from_micros(180)));
    metrics.attempt(
        model,
        &Attempted {
            operation: CHAT,
            outcome: "ok",
            has_tokens: true,
            tokens: black_box(tokens),
            cost_pico: black_box(1_234_567_890),
            duration: Some(Duration::from_millis(700)),
            first_chunk: Some(Duration::from_millis(90)),
            ..Attempted::default()
        },
    );
    metrics.end_request(black_box(&END), black_box(Duration::from_millis(700)));
}

fn observe(criterion: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("sluicegate-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let metrics = Metrics::open(&folder).unwrap();
    let mut group = criterion.benchmark_group("observe");
    let model = metrics.model("openai", "gpt-5-mini", true);
    group.bench_function("request", |bencher| bencher.iter(|| request(&metrics, &model)));
    for number in 0..80 {
        request(&metrics, &metrics.model("openai", &format!("model-{number}"), true));
    }
    let series = metrics.board().len();
    group.bench_function(format!("scrape/{series}_series"), |bencher| {
        bencher.iter(|| render(metrics.board(), Some(&folder), Exposition::Prometheus).len());
    });
    group.finish();
    drop(metrics);
    std::fs::remove_dir_all(&folder).unwrap();
}

criterion_group!(benches, observe);
criterion_main!(benches);
