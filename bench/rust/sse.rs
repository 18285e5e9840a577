//! What does reading a stream cost per byte, whole and in the pieces that a socket gives?

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::sse::Parser;

/// A chat completion of 2,000 chunks, shaped like a recorded one (about 330 bytes an event).
fn chat() -> Vec<u8> {
    let mut wire = String::new();
    for at in 0..2000 {
        write!(
            wire,
            "data: {{\"id\":\"chatcmpl-BxjO7dxvaUs5fmoaDTPZ6bYXZzQzR\",\"object\":\"chat.completion.chunk\",\"created\":1753583271,\"model\":\"gpt-4o-mini-2024-07-18\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_34a54ae93c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{at}\"}},\"logprobs\":null,\"finish_reason\":null}}],\"usage\":null}}\n\n"
        )
        .unwrap();
    }
    wire.push_str("data: [DONE]\n\n");
    wire.into_bytes()
}

/// An Anthropic message: named events of about 130 bytes, half a stream's events with the shortest of data.
fn messages() -> Vec<u8> {
    let mut wire = String::new();
    for at in 0..4000 {
        write!(
            wire,
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\" w{at}\"}}}}\n\n"
        )
        .unwrap();
    }
    wire.into_bytes()
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sse/parse");
    let crlf = String::from_utf8(chat()).unwrap().replace('\n', "\r\n").into_bytes();
    for (name, wire) in [("chat", chat()), ("chat_crlf", crlf), ("messages", messages())] {
        group.throughput(Throughput::Bytes(wire.len() as u64));
        for (cut, size) in
            [("whole", wire.len()), ("16KiB", 16 << 10), ("1400B", 1400), ("100B", 100)]
        {
            group.bench_function(format!("{name}/{cut}"), |bencher| {
                bencher.iter(|| {
                    let mut parser = Parser::new(1 << 20);
                    let mut bytes = 0;
                    for piece in black_box(&wire).chunks(size) {
                        let fed = parser.feed(piece, |frame| {
                            bytes += frame.event.as_ref().map_or(0, |event| event.data.len());
                        });
                        fed.unwrap();
                    }
                    bytes
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, parse);
criterion_main!(benches);
