//! What does metering cost per streamed event?

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::dialect::Dialect;
use sluicegate::meter::{Meter, TextCounter};

const OPENAI: &str = r#"{"id":"chatcmpl-BxjO7dxvaUs5fmoaDTPZ6bYXZzQzR","object":"chat.completion.chunk","created":1753583271,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_34a54ae93c","choices":[{"index":0,"delta":{"content":" Hello"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"kAj8z"}"#;
const ANTHROPIC: &str =
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" Hello"}}"#;

/// Leaves tokenising out, which has a bench of its own.
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

fn observe(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("meter/text_event");
    group.throughput(Throughput::Elements(1));
    for (dialect, event) in [(Dialect::OpenAiChat, OPENAI), (Dialect::Anthropic, ANTHROPIC)] {
        let mut meter = Meter::new(dialect, Bytes::default());
        group.bench_function(dialect.name(), |bencher| {
            bencher.iter(|| meter.observe("", black_box(event.as_bytes())));
        });
    }
    group.finish();

    // Events that differ in more than their text are parsed in full, each of them.
    let mut group = criterion.benchmark_group("meter/text_event_of_new_shape");
    group.throughput(Throughput::Elements(2));
    for (dialect, event, id) in
        [(Dialect::OpenAiChat, OPENAI, "BxjO7"), (Dialect::Anthropic, ANTHROPIC, "\"index\":0")]
    {
        let mut meter = Meter::new(dialect, Bytes::default());
        let other = event.replace(id, &id.replace('0', "1").replace('7', "8"));
        group.bench_function(dialect.name(), |bencher| {
            bencher.iter(|| {
                let _ = meter.observe("", black_box(event.as_bytes()));
                meter.observe("", black_box(other.as_bytes()))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, observe);
criterion_main!(benches);
