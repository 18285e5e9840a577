//! What an answer with vectors costs: a hundred of 1,536 numbers, read, passed on as numbers, and as base64.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::dialect::Dialect;
use sluicegate::embed::{Wanted, take};

/// As Cohere writes it, with numbers of the usual length.
fn answer() -> Vec<u8> {
    let number = |at: u32| f64::from(at.wrapping_mul(2_654_435_761) % 200_001) / 1e6 - 0.1;
    let vector = |text: u32| {
        let numbers = (0..1536).map(|at| format!("{:.8}", number(text * 1536 + at)));
        format!("[{}]", numbers.collect::<Vec<_>>().join(","))
    };
    let vectors = (0..100).map(vector).collect::<Vec<_>>().join(",");
    format!(
        r#"{{"embeddings":{{"float":[{vectors}]}},"meta":{{"billed_units":{{"input_tokens":9}}}}}}"#
    )
    .into_bytes()
}

fn embed(c: &mut Criterion) {
    let body = answer();
    let texts = vec!["x"; 100];
    let asked = |format: &str| {
        let request = serde_json::json!({"input": texts, "encoding_format": format}).to_string();
        Wanted::by(Dialect::OpenAiChat, None, request.as_bytes())
    };
    let mut group = c.benchmark_group("embed");
    group.throughput(Throughput::Bytes(body.len() as u64)).sample_size(20);
    for (name, wanted) in
        [("own", None), ("floats", Some(asked("float"))), ("base64", Some(asked("base64")))]
    {
        group.bench_function(name, |b| {
            b.iter(|| black_box(take(black_box(&body), wanted.as_ref(), 0)).map(|t| t.count));
        });
    }
    group.finish();
}

criterion_group!(benches, embed);
criterion_main!(benches);
