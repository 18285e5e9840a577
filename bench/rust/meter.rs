//! What does metering cost per streamed event?

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::dialect::Dialect;
use sluicegate::meter::{Meter, TextCounter};

const OPENAI: &str = r#"{"id":"chatcmpl-BxjO7dxvaUs5fmoaDTPZ6bYXZzQzR","object":"chat.completion.chunk","created":1753583271,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_34a54ae93c","choices":[{"index":0,"delta":{"content":" Hello"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"kAj8z"}"#;
const ANTHROPIC: &str =
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" Hello"}}"#;

/// With the number that each event has of its own.
fn responses(number: u32) -> String {
    format!(
        r#"{{"type":"response.output_text.delta","sequence_number":{number},"item_id":"msg_68af4030592c81938ec0a5fbab4a3e9f05438e46b5f69a3b","output_index":0,"content_index":0,"delta":" Hello","logprobs":[],"obfuscation":"kAj8z"}}"#
    )
}

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
    let events: Vec<String> = (1000..2000).map(responses).collect();
    let mut meter = Meter::new(Dialect::OpenAiResponses, Bytes::default());
    let mut next = events.iter().cycle();
    group.bench_function(Dialect::OpenAiResponses.name(), |bencher| {
        bencher.iter(|| {
            let event = next.next().map_or(&b""[..], |event| event.as_bytes());
            meter.observe("", black_box(event))
        });
    });
    group.finish();

    // Events that differ in more than their text are parsed in full, each of them.
    let mut group = criterion.benchmark_group("meter/text_event_of_new_shape");
    group.throughput(Throughput::Elements(2));
    let numbered = responses(1000);
    for (dialect, event, id) in [
        (Dialect::OpenAiChat, OPENAI, "BxjO7"),
        (Dialect::Anthropic, ANTHROPIC, "\"index\":0"),
        (Dialect::OpenAiResponses, &numbered, "c81938ec0"),
    ] {
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
