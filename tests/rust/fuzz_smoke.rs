//! The fuzz targets' checks on random input, a bounded number of times, for compilers that cannot fuzz.

use proptest::prelude::*;

#[path = "../../fuzz/checks/body.rs"]
mod body;
#[path = "../../fuzz/checks/lines.rs"]
mod lines;
#[path = "../../fuzz/checks/messages.rs"]
mod messages;
#[path = "../../fuzz/checks/sse.rs"]
mod sse;
#[path = "../../fuzz/checks/stream.rs"]
mod stream;

/// Random bytes between pieces that the format is made of.
fn input(pieces: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        5 => prop::sample::select(pieces).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Lines of JSON in the shape of events, a field of which may be anything.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let value = prop::sample::select(
        &[
            "null",
            "0",
            "1",
            "-1",
            "1e400",
            "\"\"",
            "\"a\"",
            "\"\\u00e9\\n\"",
            "[]",
            "{}",
            "{\"a\":1}",
            "[{\"type\":\"text\",\"text\":\"b\"}]",
            "{\"text\":\"b\"}",
            "\"2026-01-01T00:00:00.5Z\"",
        ][..],
    );
    let event =
        (prop::sample::select(EVENTS), value).prop_map(|(event, value)| event.replace('?', value));
    prop::collection::vec(event, 0..12).prop_map(|events| events.join("\n").into_bytes())
}

const EVENTS: &[&str] = &[
    r#"{"id":?,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":?}}]}"#,
    r#"{"choices":[{"index":?,"delta":{"reasoning_content":?},"finish_reason":null}]}"#,
    r#"{"choices":[{"delta":{"content":"plain"}}]}"#,
    r#"{"choices":[{"delta":{"content":"other"}}]}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":?,"id":?,"function":{"name":?,"arguments":?}}]}}]}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"x\":"}}]}}]}"#,
    r#"{"choices":[{"delta":{"audio":?,"annotations":?,"refusal":?},"logprobs":?}]}"#,
    r#"{"choices":[{"message":{"content":?},"finish_reason":"stop"}],"usage":?}"#,
    r#"{"choices":[],"usage":{"prompt_tokens":?,"completion_tokens":?}}"#,
    r#"{"error":?}"#,
    r#"{"type":"message_start","message":{"id":?,"usage":?,"content":?}}"#,
    r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":?,"citations":?}}"#,
    r#"{"type":"content_block_start","index":?,"content_block":{"type":"tool_use","id":?,"name":?,"input":?}}"#,
    r#"{"type":"content_block_start","index":1,"content_block":{"type":"odd","a":?}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"plain"}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":?}}"#,
    r#"{"type":"content_block_delta","index":1,"delta":{"type":"odd_delta","b":?}}"#,
    r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"url":?}}}"#,
    r#"{"type":"content_block_stop","index":?}"#,
    r#"{"type":"message_delta","delta":{"stop_reason":?},"usage":?}"#,
    r#"{"type":"message","content":[{"type":"text","text":?}],"usage":?}"#,
    r#"{"type":"message_stop"}"#,
    r#"{"type":"message-start","id":?,"delta":{"message":{"content":[],"tool_calls":?,"tool_plan":?}}}"#,
    r#"{"type":"content-start","index":?,"delta":{"message":{"content":?}}}"#,
    r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"plain"}}}}"#,
    r#"{"type":"content-delta","index":0,"delta":{"message":{"content":{"thinking":?}}}}"#,
    r#"{"type":"tool-plan-delta","delta":{"message":{"tool_plan":?}}}"#,
    r#"{"type":"tool-call-start","index":?,"delta":{"message":{"tool_calls":{"id":?,"function":{"name":?,"arguments":?}}}}}"#,
    r#"{"type":"tool-call-delta","index":0,"delta":{"message":{"tool_calls":{"function":{"arguments":?}}}}}"#,
    r#"{"type":"citation-start","delta":{"message":{"citations":{"sources":[{"id":?,"document":?}]}}}}"#,
    r#"{"type":"message-end","delta":{"finish_reason":?,"usage":{"tokens":?},"error":?}}"#,
    r#"{"id":?,"message":{"content":?,"tool_plan":?},"finish_reason":"COMPLETE","usage":?}"#,
    r#"{"message":?}"#,
    r#"{"model":"m","created_at":?,"message":{"role":"assistant","content":"plain"},"done":false}"#,
    r#"{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"content":"other"},"done":false}"#,
    r#"{"message":{"content":"","thinking":?,"tool_calls":?},"done":?}"#,
    r#"{"message":{"tool_calls":[{"id":?,"function":{"name":?,"arguments":?}}]},"logprobs":?}"#,
    r#"{"message":{"content":?},"done":true,"done_reason":?,"prompt_eval_count":?,"eval_count":?}"#,
    "[DONE]",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn streams(size in any::<u8>(), wire in input(&[
        b"\n", b"\r", b"\r\n", b"data", b"data:", b"data: x", b"event: e", b"id: 1", b"id:\0", b"retry: 1", b":", b" ", b"\xEF\xBB\xBF",
    ])) {
        let wire = [&[size][..], &wire].concat();
        sse::check(&wire);
        lines::check(&wire);
    }

    #[test]
    fn bodies(body in input(&[
        b"{", b"}", b"[", b"]", b"\"", b",", b":", b"{\"a\":1", b"\"model\":", b"\"messages\":", b"\"x\"", b"\\", b"\\u00e9", b"\\ud83d\\ude00",
        b"1", b"-", b"0.5", b"e9", b"true", b"null", b" ", b"\n", b"\xC3\xA9", b"stream", b"}}",
    ]), closed in any::<bool>()) {
        let body = if closed { [b"{\"k\":[", &body[..], b"]}"].concat() } else { body };
        body::check(&body);
    }

    #[test]
    fn answers(from in any::<u8>(), events in answer()) {
        stream::check(&[&[from][..], &events].concat());
    }

    #[test]
    fn noise(noise in prop::collection::vec(any::<u8>(), 0..200)) {
        messages::check(&noise);
        lines::check(&noise);
        sse::check(&noise);
        body::check(&noise);
        stream::check(&noise);
    }
}
