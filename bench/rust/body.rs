//! What does checking a request whole cost, and changing one field of it?

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;
use sluicegate::body::{Edit, scan, splice};

/// An agent's request of about 32 KB: a system prompt, turns with tool calls and their results, 16 tools.
fn agent() -> Vec<u8> {
    let argument =
        json!({"type": "string", "description": "An argument of the tool, given as text. "});
    let properties: serde_json::Map<_, _> =
        (0..6).map(|at| (format!("arg_{at}"), argument.clone())).collect();
    let tools: Vec<_> = (0..16)
        .map(|at| {
            json!({"type": "function", "function": {
                "name": format!("tool_{at}"),
                "description": "Looks something up in the project and returns it. ".repeat(6),
                "parameters": {"type": "object", "properties": properties, "required": ["arg_0"]},
            }})
        })
        .collect();
    let mut messages =
        vec![json!({"role": "system", "content": "You are a careful coding agent. ".repeat(60)})];
    for at in 0..18 {
        let code = "x = compute(value)  # note\n".repeat(12);
        let arguments = "{\"arg_0\": \"src/main.py \\\"quoted\\\" \\n\"}";
        let call = json!({"id": format!("call_{at}"), "type": "function", "function": {"name": format!("tool_{at}"), "arguments": arguments}});
        messages.extend([
            json!({"role": "user", "content": format!("Step {at}: please read the file and change it.\n{code}")}),
            json!({"role": "assistant", "content": null, "tool_calls": [call]}),
            json!({"role": "tool", "tool_call_id": format!("call_{at}"), "content": "line of output\n".repeat(10)}),
        ]);
    }
    serde_json::to_vec(&json!({"model": "mock", "messages": messages, "tools": tools})).unwrap()
}

fn small() -> Vec<u8> {
    let content =
        "Tell me in two short sentences why a gateway that adds little delay matters to an agent.";
    serde_json::to_vec(&json!({"model": "mock", "messages": [{"role": "user", "content": content}], "stream": true}))
        .unwrap()
}

/// A prompt of one long text, and one with an image in it.
fn long(content: &serde_json::Value) -> Vec<u8> {
    serde_json::to_vec(
        &json!({"model": "mock", "messages": [{"role": "user", "content": content}]}),
    )
    .unwrap()
}

fn bodies() -> [(&'static str, Vec<u8>); 5] {
    let prose =
        "Agents make hundreds of model calls a task; every call costs money.\n".repeat(1000);
    let umlauts = "Größe, naïve, 模型, \u{1F600}. ".repeat(1000);
    [
        ("agent_32KB", agent()),
        (
            "agent_32KB_pretty",
            serde_json::to_vec_pretty(
                &serde_json::from_slice::<serde_json::Value>(&agent()).unwrap(),
            )
            .unwrap(),
        ),
        ("small", small()),
        ("prose", long(&json!(prose))),
        ("non_ascii", long(&json!(umlauts))),
    ]
}

fn body(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("body/scan");
    for (name, body) in bodies() {
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| scan(black_box(&body)).unwrap()));
    }
    let body = agent();
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("agent_32KB/serde_json_tree", |bencher| {
        bencher.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(&body)).unwrap());
    });
    group.bench_function("agent_32KB/simdutf8_alone", |bencher| {
        bencher.iter(|| simdutf8::compat::from_utf8(black_box(&body)).unwrap().len());
    });
    group.finish();

    let span = scan(&body).unwrap().model_span().unwrap();
    let edits = [
        Edit::replace(span, b"\"gpt-5-mini\"".to_vec()),
        Edit::insert("stream_options", b"{\"include_usage\":true}".to_vec()),
    ];
    criterion.bench_function("body/splice/agent_32KB", |bencher| {
        bencher.iter(|| splice(black_box(&body), black_box(&edits)));
    });
}

criterion_group!(benches, body);
criterion_main!(benches);
