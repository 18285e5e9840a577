//! What does translating cost per streamed event, each way? The same events as `stream_codec_python.py`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::dialect::Dialect;
use sluicegate::stream::{Options, Transcoder};

const OPENAI: &str = r#"{"id":"chatcmpl-BxjO7dxvaUs5fmoaDTPZ6bYXZzQzR","object":"chat.completion.chunk","created":1753583271,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_34a54ae93c","choices":[{"index":0,"delta":{"content":" Hello"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"kAj8z"}"#;
const ANTHROPIC: &str =
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" Hello"}}"#;

fn transcode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transcode/text_event");
    group.throughput(Throughput::Elements(1));
    for (from, to, event) in [
        (Dialect::OpenAiChat, Dialect::Anthropic, OPENAI),
        (Dialect::Anthropic, Dialect::OpenAiChat, ANTHROPIC),
    ] {
        let mut transcoder = Transcoder::new(from, to, Options::default());
        let mut out = Vec::with_capacity(1024);
        group.bench_function(format!("{}_to_{}", from.name(), to.name()), |bencher| {
            bencher.iter(|| {
                out.clear();
                transcoder.event("", black_box(event.as_bytes()), &mut out)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, transcode);
criterion_main!(benches);
