//! What an answer with vectors costs: a hundred of 1,536 numbers, read, passed on as numbers, and as base64; and what
//! keeping it text by text does.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::cache::KeyMaker;
use sluicegate::dialect::Dialect;
use sluicegate::embed::{Items, Wanted, take};

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

/// A request for a hundred texts, of which half is kept.
fn items(c: &mut Criterion) {
    let texts: Vec<String> =
        (0..100).map(|at| format!("{at} some words of a text ").repeat(20)).collect();
    let read = |texts: &[String]| {
        let body = serde_json::json!({"model": "m", "input": texts}).to_string().into();
        Items::read(Dialect::OpenAiChat, None, &body, &KeyMaker::new("bench")).expect("texts")
    };
    let answer_to = |count: usize| -> Bytes {
        let vector =
            serde_json::json!((0..1536).map(|at| f64::from(at) / 1e7 - 0.1).collect::<Vec<_>>());
        let item =
            |at| serde_json::json!({"object": "embedding", "index": at, "embedding": vector});
        let data: Vec<_> = (0..count).map(item).collect();
        let usage = serde_json::json!({"prompt_tokens": count, "total_tokens": count});
        serde_json::json!({"object": "list", "data": data, "usage": usage}).to_string().into()
    };
    let first = read(&texts[..50]).with(Vec::new());
    let known = first.whole(Some(&answer_to(50)), |_| 1).expect("vectors").fresh;
    let kept = || known.iter().map(|(_, kept)| Some(kept.clone().into())).collect();
    let mut group = c.benchmark_group("embed/items");
    group.sample_size(20);
    group.bench_function("keys_of_100", |b| b.iter(|| black_box(read(&texts).keys().len())));
    let (gathering, answer) = (read(&texts).with(kept()), answer_to(50));
    group.throughput(Throughput::Bytes(2 * answer.len() as u64));
    group.bench_function("half_of_100", |b| {
        b.iter(|| black_box(gathering.whole(Some(&answer), |_| 1).expect("vectors").body.len()));
    });
    group.finish();
}

criterion_group!(benches, embed, items);
criterion_main!(benches);
