//! What does translating a stream cost, for each pair of dialects?
//!
//! One answer in each dialect's own events: a hundred pieces of text, then a tool call with twenty
//! pieces of arguments. Throughput is in events of the upstream, so that its inverse is CPU an event.
//! `stream_codec_python.py` has the first of them in Python.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::dialect::Dialect;
use sluicegate::stream::{Options, Transcoder};

const TEXTS: usize = 100;
const ARGUMENTS: usize = 20;
const CLIENTS: [Dialect; 4] =
    [Dialect::OpenAiChat, Dialect::Anthropic, Dialect::Gemini, Dialect::OpenAiResponses];

/// An event's name, if the dialect has such, and its data.
type Event = (&'static str, String);

fn events(dialect: Dialect) -> Vec<Event> {
    match dialect {
        // The older completions are read as chunks of a chat.
        Dialect::OpenAiChat | Dialect::OpenAiCompletions => openai_chat(),
        Dialect::Anthropic => anthropic(),
        Dialect::Gemini => gemini(),
        Dialect::OpenAiResponses => openai_responses(),
        Dialect::Bedrock => bedrock(),
        Dialect::Cohere => cohere(),
        Dialect::Ollama => ollama(),
    }
}

/// `before`, text, `between`, arguments, `after`: what the dialects have in common.
fn answer(
    before: &[(&'static str, &str)],
    text: (&'static str, &str),
    between: &[(&'static str, &str)],
    arguments: (&'static str, &str),
    after: &[(&'static str, &str)],
) -> Vec<Event> {
    let owned = |&(name, data): &(&'static str, &str)| (name, data.to_owned());
    let mut all: Vec<Event> = before.iter().map(owned).collect();
    all.extend(std::iter::repeat_n(owned(&text), TEXTS));
    all.extend(between.iter().map(owned));
    all.extend(std::iter::repeat_n(owned(&arguments), ARGUMENTS));
    all.extend(after.iter().map(owned));
    all
}

fn openai_chat() -> Vec<Event> {
    let chunk = |delta: &str, finish: &str, usage: &str| {
        format!(
            r#"{{"id":"chatcmpl-BxjO7dxvaUs5fmoaDTPZ6bYXZzQzR","object":"chat.completion.chunk","created":1753583271,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_34a54ae93c","choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}],"usage":{usage},"obfuscation":"kAj8z"}}"#
        )
    };
    let call = r#"{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"search","arguments":""}}]}"#;
    answer(
        &[("", &chunk(r#"{"role":"assistant","content":"","refusal":null}"#, "null", "null"))],
        ("", &chunk(r#"{"content":" Hello"}"#, "null", "null")),
        &[("", &chunk(call, "null", "null"))],
        (
            "",
            &chunk(
                r#"{"tool_calls":[{"index":0,"function":{"arguments":"1,2,"}}]}"#,
                "null",
                "null",
            ),
        ),
        &[
            ("", &chunk("{}", r#""tool_calls""#, "null")),
            (
                "",
                r#"{"id":"chatcmpl-BxjO7dxvaUs5fmoaDTPZ6bYXZzQzR","object":"chat.completion.chunk","created":1753583271,"model":"gpt-4o-mini-2024-07-18","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":120,"total_tokens":130}}"#,
            ),
        ],
    )
}

fn anthropic() -> Vec<Event> {
    answer(
        &[
            (
                "message_start",
                r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":10,"output_tokens":1}}}"#,
            ),
            (
                "content_block_start",
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            ),
        ],
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" Hello"}}"#,
        ),
        &[
            ("content_block_stop", r#"{"type":"content_block_stop","index":0}"#),
            (
                "content_block_start",
                r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1","name":"search","input":{}}}"#,
            ),
        ],
        (
            "content_block_delta",
            r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"1,2,"}}"#,
        ),
        &[
            ("content_block_stop", r#"{"type":"content_block_stop","index":1}"#),
            (
                "message_delta",
                r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"output_tokens":120}}"#,
            ),
            ("message_stop", r#"{"type":"message_stop"}"#),
        ],
    )
}

/// Has no pieces of arguments: a call comes whole, in one event.
fn gemini() -> Vec<Event> {
    let chunk = |part: &str, finish: &str| {
        format!(
            r#"{{"candidates":[{{"content":{{"parts":[{part}],"role":"model"}},"index":0{finish}}}],"usageMetadata":{{"promptTokenCount":10,"candidatesTokenCount":20,"totalTokenCount":30}},"modelVersion":"gemini-2.5-flash","responseId":"x"}}"#
        )
    };
    let mut all = vec![("", chunk(r#"{"text":" Hello"}"#, "")); TEXTS];
    let arguments = "1,2,".repeat(ARGUMENTS);
    let call =
        format!(r#"{{"functionCall":{{"name":"search","args":{{"list":[{arguments}3]}}}}}}"#);
    all.push(("", chunk(&call, r#","finishReason":"STOP""#)));
    all
}

fn openai_responses() -> Vec<Event> {
    let (message, call) = (
        r#"{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}"#,
        r#"{"id":"fc_1","type":"function_call","status":"in_progress","call_id":"call_1","name":"search","arguments":""}"#,
    );
    let added = |index: usize, item: &str| {
        format!(
            r#"{{"type":"response.output_item.added","sequence_number":1,"output_index":{index},"item":{item}}}"#
        )
    };
    let response = |status: &str, usage: &str| {
        format!(
            r#"{{"type":"response.{status}","sequence_number":0,"response":{{"id":"resp_1","object":"response","created_at":1753583271,"status":"{status}","model":"gpt-4o-mini","output":[],"usage":{usage}}}}}"#
        )
    };
    let usage = r#"{"input_tokens":10,"output_tokens":120,"total_tokens":130}"#;
    answer(
        &[
            ("response.created", &response("in_progress", "null")),
            ("response.output_item.added", &added(0, message)),
        ],
        (
            "response.output_text.delta",
            r#"{"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_1","output_index":0,"content_index":0,"delta":" Hello","logprobs":[],"obfuscation":"kAj8z"}"#,
        ),
        &[("response.output_item.added", &added(1, call))],
        (
            "response.function_call_arguments.delta",
            r#"{"type":"response.function_call_arguments.delta","sequence_number":9,"item_id":"fc_1","output_index":1,"delta":"1,2,"}"#,
        ),
        &[("response.completed", &response("completed", usage))],
    )
}

fn bedrock() -> Vec<Event> {
    answer(
        &[("messageStart", r#"{"role":"assistant"}"#)],
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"text":" Hello"},"p":"abcdefghijklmn"}"#,
        ),
        &[
            ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
            (
                "contentBlockStart",
                r#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"tooluse_1","name":"search"}}}"#,
            ),
        ],
        (
            "contentBlockDelta",
            r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"1,2,"}},"p":"abcdefghijklmn"}"#,
        ),
        &[
            ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
            ("messageStop", r#"{"stopReason":"tool_use"}"#),
            (
                "metadata",
                r#"{"usage":{"inputTokens":10,"outputTokens":120,"totalTokens":130},"metrics":{"latencyMs":10}}"#,
            ),
        ],
    )
}

fn cohere() -> Vec<Event> {
    answer(
        &[
            (
                "message-start",
                r#"{"id":"i","type":"message-start","delta":{"message":{"role":"assistant","content":[],"tool_plan":"","tool_calls":[],"citations":[]}}}"#,
            ),
            (
                "content-start",
                r#"{"type":"content-start","index":0,"delta":{"message":{"content":{"type":"text","text":""}}}}"#,
            ),
        ],
        (
            "content-delta",
            r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":" Hello"}}}}"#,
        ),
        &[
            ("content-end", r#"{"type":"content-end","index":0}"#),
            (
                "tool-call-start",
                r#"{"type":"tool-call-start","index":0,"delta":{"message":{"tool_calls":{"id":"search_1","type":"function","function":{"name":"search","arguments":""}}}}}"#,
            ),
        ],
        (
            "tool-call-delta",
            r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":"1,2,"}}}}}"#,
        ),
        &[
            ("tool-call-end", r#"{"type":"tool-call-end","index":0}"#),
            (
                "message-end",
                r#"{"type":"message-end","delta":{"finish_reason":"TOOL_CALL","usage":{"billed_units":{"input_tokens":10,"output_tokens":120},"tokens":{"input_tokens":210,"output_tokens":140}}}}"#,
            ),
        ],
    )
}

/// Its calls come whole, so that there are as many of them as the others have pieces.
fn ollama() -> Vec<Event> {
    let line = |message: &str, end: &str| {
        format!(
            r#"{{"model":"qwen3:14b","created_at":"2025-06-09T17:58:57.192416Z","message":{{"role":"assistant",{message}}},{end}}}"#
        )
    };
    let call =
        r#""content":"","tool_calls":[{"function":{"name":"search","arguments":{"q":"1,2,"}}}]"#;
    let end = r#""done_reason":"stop","done":true,"total_duration":746459542,"prompt_eval_count":10,"eval_count":120"#;
    answer(
        &[],
        ("", &line(r#""content":" Hello""#, r#""done":false"#)),
        &[],
        ("", &line(call, r#""done":false"#)),
        &[("", &line(r#""content":"""#, end))],
    )
}

fn translate(from: Dialect, to: Dialect, events: &[Event], out: &mut Vec<u8>) {
    let mut transcoder = Transcoder::new(from, to, Options::default());
    for (name, data) in events {
        transcoder.event(name, black_box(data.as_bytes()), out).expect("an event of its dialect");
    }
    transcoder.finish(out);
}

fn transcode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("transcode");
    for from in [CLIENTS.as_slice(), &[Dialect::Bedrock, Dialect::Cohere, Dialect::Ollama]].concat()
    {
        let events = events(from);
        group.throughput(Throughput::Elements(events.len() as u64));
        for to in CLIENTS.into_iter().filter(|&to| to != from) {
            let mut out = Vec::with_capacity(256 << 10);
            group.bench_function(format!("{}_to_{}", from.name(), to.name()), |bencher| {
                bencher.iter(|| {
                    out.clear();
                    translate(from, to, &events, &mut out);
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, transcode);
criterion_main!(benches);
