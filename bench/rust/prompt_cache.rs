//! What does it cost to look where an agent's request repeats the one before, and to mark it?

use std::hint::black_box;
use std::time::Instant;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use sluicegate::dialect::Dialect;
use sluicegate::prompt_cache::{Owner, Prompt, Seen};

const OWNER: Owner<'static> =
    Owner { tenant: "team /core", provider: "anthropic", key: "", model: "claude-sonnet-5" };

/// The length of what goes out, as the gateway does it; 0 where the client's bytes pass.
fn marked(body: &[u8], seen: &mut Seen, now: Instant) -> usize {
    let marks =
        Prompt::read(Dialect::Anthropic, body, OWNER).and_then(|prompt| prompt.remember(seen, now));
    marks.map_or(0, |marks| marks.write(body).len())
}

/// An agent's request of about 32 KB.
fn agent(turns: usize) -> Vec<u8> {
    let argument = json!({"type": "string", "description": "An argument of the tool. "});
    let properties: serde_json::Map<String, Value> =
        (0..6).map(|at| (format!("arg_{at}"), argument.clone())).collect();
    let tool = |at: usize| {
        json!({
            "name": format!("tool_{at}"),
            "description": "Looks something up in the project and returns it. ".repeat(6),
            "input_schema": {"type": "object", "properties": properties},
        })
    };
    let turn = |at: usize| {
        let code = "x = compute(value)  # note\n".repeat(20);
        [
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": format!("t_{at}"), "content": code}]}),
            json!({"role": "assistant", "content": [{"type": "tool_use", "id": format!("t_{}", at + 1), "name": "tool_1", "input": {"arg_0": "a"}}]}),
        ]
    };
    let body = json!({
        "model": "claude-sonnet-5", "max_tokens": 1024, "stream": true,
        "tools": (0..16).map(tool).collect::<Vec<_>>(),
        "system": "You are a careful coding agent. ".repeat(60),
        "messages": (0..turns).flat_map(turn).collect::<Vec<_>>(),
    });
    serde_json::to_vec(&body).expect("a body")
}

fn prompt_cache(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("prompt_cache");
    let (before, body, now) = (agent(22), agent(23), Instant::now());
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("agent_32KB_goes_on", |bencher| {
        let before = || {
            let mut seen = Seen::default();
            marked(&before, &mut seen, now);
            seen
        };
        let mark = |seen: &mut Seen| {
            let length = marked(black_box(&body), seen, now);
            assert!(length > body.len(), "marks");
            length
        };
        bencher.iter_batched_ref(before, mark, BatchSize::SmallInput);
    });
    let small = br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Hello"}]}"#;
    group.throughput(Throughput::Bytes(small.len() as u64));
    group.bench_function("small", |bencher| {
        let mut seen = Seen::default();
        bencher.iter(|| marked(black_box(small), &mut seen, now));
    });
    group.finish();
}

criterion_group!(benches, prompt_cache);
criterion_main!(benches);
