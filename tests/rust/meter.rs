//! The meter against hand-written streams of both dialects, and against recorded ones.

mod recorded;

use std::collections::BTreeMap;

use proptest::prelude::*;
use sluicegate::dialect::Dialect;
use sluicegate::error::Error;
use sluicegate::meter::{Meter, Sighting, TextCounter, diverges, is_same_model, read_answer};
use sluicegate::stream::{Counting, FinishReason, ServiceTier, Usage};
use sluicegate::tokens::Vocabulary::{Cl100kBase, O200kBase};
use sluicegate::tokens::{
    Asked, Exactness, Framing, StreamCounter, Vocabulary, framing_of, vocabulary_of,
};

/// Counts bytes, which makes every expectation plain.
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

fn openai() -> Meter<Bytes> {
    Meter::new(Dialect::OpenAiChat, Bytes::default())
}

fn anthropic() -> Meter<Bytes> {
    Meter::new(Dialect::Anthropic, Bytes::default())
}

fn see(meter: &mut Meter<Bytes>, data: &str) -> Sighting {
    meter.observe("", data.as_bytes()).unwrap()
}

fn delta(delta: &str) -> String {
    format!(
        r#"{{"id":"c","model":"m","choices":[{{"index":0,"delta":{delta},"finish_reason":null}}]}}"#
    )
}

fn usage(usage: &str) -> String {
    format!(r#"{{"id":"c","model":"m","choices":[],"usage":{usage}}}"#)
}

#[test]
fn only_what_a_client_waits_for_is_content() {
    let cases = [
        (r#"{"role":"assistant"}"#, false, 0),
        (r#"{"role":"assistant","content":""}"#, false, 0),
        (r#"{"content":null,"refusal":null,"tool_calls":null,"reasoning":null}"#, false, 0),
        ("{}", false, 0),
        ("[]", false, 0),
        (r#"{"content":"hi"}"#, true, 2),
        (r#"{"content":[{"type":"text","text":"hi"}]}"#, true, 2),
        (r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]}"#, true, 2),
        (
            r#"{"content":[{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]}]}"#,
            true,
            2,
        ),
        (r#"{"content":[]}"#, false, 0),
        (r#"{"content":"\ud83d\ude00"}"#, true, 4),
        (r#"{"reasoning_content":"hmm"}"#, true, 3),
        (
            r#"{"reasoning":"hmm","reasoning_details":[{"type":"reasoning.text","text":"hmm"}]}"#,
            true,
            3,
        ),
        (r#"{"reasoning_content":"hmm","reasoning":"hmm"}"#, true, 3),
        (r#"{"reasoning_details":[{"type":"reasoning.encrypted","data":"opaque"}]}"#, false, 0),
        (r#"{"refusal":"no"}"#, true, 2),
        (
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}"#,
            true,
            1,
        ),
        (r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#, true, 2),
        (
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":{"x":1}}}]}"#,
            true,
            8,
        ),
        (
            r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"","arguments":""}}]}"#,
            false,
            0,
        ),
        (r#"{"function_call":{"name":"f","arguments":"{}"}}"#, true, 3),
        (r#"{"audio":{"id":"a","data":"AAAA"}}"#, true, 0),
    ];
    for (piece, is_content, bytes) in cases {
        let mut meter = openai();
        let sighting = see(&mut meter, &delta(piece));
        assert_eq!(sighting.contains(Sighting::CONTENT), is_content, "{piece}");
        assert_eq!(meter.counted_output_tokens(), bytes, "{piece}");
    }
}

#[test]
fn anthropic_content_is_told_from_its_frame() {
    let mut meter = anthropic();
    let frame = [
        r#"{"type":"message_start","message":{"id":"msg_1","model":"claude","usage":{"input_tokens":3,"output_tokens":1}}}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"redacted_thinking","data":"x"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"what_comes_next","index":1}"#,
    ];
    for event in frame {
        assert_eq!(see(&mut meter, event), Sighting::NOTHING, "{event}");
    }
    let content = [
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
        r#"{"type":"content_block_delta","index":9,"delta":{"type":"text_delta","text":"hi"}}"#,
    ];
    for event in content {
        assert_eq!(see(&mut meter, event), Sighting::CONTENT, "{event}");
    }
    assert_eq!(meter.counted_output_tokens(), 1 + 2 + 10 + 2 + 2);
    assert_eq!(meter.response_id(), "msg_1");
    assert_eq!(meter.response_model(), "claude");
    assert_eq!(meter.usage(), Usage { input_tokens: Some(3), ..Usage::default() });
}

#[test]
fn openai_stream_from_first_to_last_event() {
    let mut meter = openai();
    assert_eq!(
        see(&mut meter, r#"{"id":"","model":"","choices":[],"prompt_filter_results":[]}"#),
        Sighting::NOTHING
    );
    assert_eq!(see(&mut meter, &delta(r#"{"content":"hi"}"#)), Sighting::CONTENT);
    let last =
        r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    assert_eq!(see(&mut meter, last), Sighting::FINISH);
    let count = usage(r#"{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}"#);
    assert_eq!(see(&mut meter, &count), Sighting::USAGE_ONLY);
    assert_eq!(see(&mut meter, "[DONE]"), Sighting::END);
    assert_eq!(see(&mut meter, &delta(r#"{"content":"late"}"#)), Sighting::NOTHING);
    assert_eq!(meter.counted_output_tokens(), 2);
    assert_eq!(meter.finish_reason(), Some(FinishReason::Stop));
    assert_eq!((meter.response_id(), meter.response_model()), ("c", "m"));
    assert_eq!(meter.usage().input_tokens, Some(5));
    assert!(meter.seen().contains(Sighting::CONTENT | Sighting::FINISH | Sighting::END));
}

#[test]
fn reported_counts_are_checked_field_by_field() {
    let fine = r#""prompt_tokens":10"#;
    let cases = [
        ("7", Some(7)),
        ("0", Some(0)),
        ("1000000000", Some(1_000_000_000)),
        ("1000000001", None),
        ("1000000000000000000", None),
        ("99999999999999999999999", None),
        ("1e12", None),
        ("-1", None),
        ("3.0", None),
        ("3.5", None),
        (r#""7""#, None),
        ("null", None),
        ("true", None),
        ("[7]", None),
        (r#"{"n":7}"#, None),
    ];
    for (value, expected) in cases {
        let mut meter = openai();
        see(&mut meter, &usage(&format!(r#"{{{fine},"completion_tokens":{value}}}"#)));
        assert_eq!(meter.usage().output_tokens, expected, "{value}");
        assert_eq!(meter.usage().input_tokens, Some(10), "{value}");
        // Nonsense never lowers what was known.
        see(&mut meter, &usage(r#"{"completion_tokens":8}"#));
        see(&mut meter, &usage(&format!(r#"{{"completion_tokens":{value}}}"#)));
        assert_eq!(meter.usage().output_tokens, expected.or(Some(8)), "{value}");

        let mut meter = anthropic();
        see(
            &mut meter,
            &format!(
                r#"{{"type":"message_delta","delta":{{}},"usage":{{"output_tokens":{value}}}}}"#
            ),
        );
        assert_eq!(meter.usage().output_tokens, expected, "{value}");
    }
    for whole in ["7", r#""many""#, "[]", "[1]"] {
        let mut meter = openai();
        assert_eq!(see(&mut meter, &usage(whole)), Sighting::USAGE_ONLY, "{whole}");
        assert!(meter.usage().is_empty(), "{whole}");
    }
}

/// `OpenAI` counts reasoning inside the completion, xAI beside it: its row says so, and its total whether a
/// proxy has added it already.
#[test]
fn reasoning_is_output_wherever_it_is_counted() {
    let details = r#""completion_tokens_details":{"reasoning_tokens":228}"#;
    let beside = Counting { reasoning_beside_output: true };
    let inside = Counting::default();
    for (counts, counting, output, reasoning) in [
        (r#""prompt_tokens":12,"completion_tokens":1,"total_tokens":241"#, inside, 1, None),
        (r#""prompt_tokens":12,"completion_tokens":1,"total_tokens":241"#, beside, 229, Some(228)),
        (
            r#""prompt_tokens":12,"completion_tokens":300,"total_tokens":312"#,
            beside,
            300,
            Some(228),
        ),
        (
            r#""prompt_tokens":12,"completion_tokens":300,"total_tokens":312"#,
            inside,
            300,
            Some(228),
        ),
        (r#""prompt_tokens":12,"completion_tokens":1"#, beside, 229, Some(228)),
        (r#""prompt_tokens":12,"completion_tokens":300"#, inside, 300, Some(228)),
        // more than its whole, and nothing says that it stands beside it
        (r#""prompt_tokens":12,"completion_tokens":1"#, inside, 1, None),
        (r#""prompt_tokens":12,"completion_tokens":1,"total_tokens":13"#, beside, 1, None),
        (r#""prompt_tokens":12,"completion_tokens":1,"total_tokens":-5"#, inside, 1, None),
    ] {
        let mut meter = openai().counting(counting);
        let event = usage(&format!("{{{counts},{details}}}"));
        see(&mut meter, &event);
        see(&mut meter, &event); // said twice, counted once
        assert_eq!(meter.usage().output_tokens, Some(output), "{counts}");
        assert_eq!(meter.usage().reasoning_tokens, reasoning, "{counts}");
    }
}

#[test]
fn a_count_that_cannot_be_true_is_noticed() {
    let say = |output, reasoning| Usage {
        output_tokens: Some(output),
        reasoning_tokens: reasoning,
        ..Usage::default()
    };
    for (usage, counted, exact, estimated) in [
        (say(1000, None), 1000, false, false),
        (say(1200, None), 1000, false, false),
        (say(1201, None), 1000, true, false),
        (say(3000, None), 1000, true, false),
        (say(3001, None), 1000, true, true),
        (say(799, None), 1000, true, false),
        (say(499, None), 1000, true, true),
        (say(60, None), 10, false, false), // no more than 50 tokens
        (say(61, None), 10, true, false),
        (say(160, None), 10, true, false), // no more than 150
        (say(161, None), 10, true, true),
        (say(51, None), 0, true, false),
        // hidden reasoning explains what was not seen, and no more
        (say(1000, Some(900)), 100, false, false),
        (say(1000, Some(900)), 1000, false, false),
        (say(1000, Some(500)), 100, true, true),
        (say(1_000_000_000, Some(1_000_000_000)), 5, false, false),
        (Usage::default(), 1000, false, false),
    ] {
        assert_eq!(diverges(&usage, counted, Exactness::Exact), exact, "{usage:?} {counted}");
        assert_eq!(
            diverges(&usage, counted, Exactness::Estimated),
            estimated,
            "{usage:?} {counted}"
        );
    }
}

#[test]
fn the_tier_of_service_is_read_where_the_host_names_it() {
    let openai_says = |tier: &str| {
        let mut meter = openai();
        see(
            &mut meter,
            &format!(
                r#"{{"choices":[],"service_tier":{tier},"usage":{{"prompt_tokens":1,"completion_tokens":1}}}}"#
            ),
        );
        meter.usage().service_tier
    };
    for (word, tier) in [
        ("\"priority\"", Some(ServiceTier::Priority)),
        ("\"flex\"", Some(ServiceTier::Flex)),
        ("\"default\"", None),
        ("null", None),
        ("{}", None),
    ] {
        assert_eq!(openai_says(word), tier, "{word}");
    }
    let anthropic_says = |fields: &str| {
        let mut meter = anthropic();
        see(
            &mut meter,
            &format!(
                r#"{{"type":"message_delta","delta":{{}},"usage":{{"output_tokens":3,{fields}}}}}"#
            ),
        );
        meter.usage().service_tier
    };
    assert_eq!(anthropic_says(r#""service_tier":"standard""#), None);
    assert_eq!(anthropic_says(r#""service_tier":"priority""#), None);
    assert_eq!(anthropic_says(r#""service_tier":"batch""#), Some(ServiceTier::Batch));
    assert_eq!(anthropic_says(r#""service_tier":7,"speed":"fast""#), Some(ServiceTier::Fast));
}

#[test]
fn audio_and_searches_are_told_apart() {
    let mut meter = openai();
    see(
        &mut meter,
        &usage(
            r#"{"prompt_tokens":50,"completion_tokens":20,
            "prompt_tokens_details":{"audio_tokens":30},"completion_tokens_details":{"audio_tokens":15}}"#
                .replace('\n', "")
                .as_str(),
        ),
    );
    let seen = meter.usage();
    assert_eq!((seen.audio_tokens, seen.output_audio_tokens), (Some(45), Some(15)));
    let mut meter = anthropic();
    see(
        &mut meter,
        r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":3,"server_tool_use":{"web_search_requests":2}}}"#,
    );
    assert_eq!(meter.usage().web_searches, Some(2));
}

#[test]
fn usage_means_the_same_in_every_dialect() {
    let some = Usage {
        input_tokens: Some(100),
        cached_input_tokens: Some(60),
        output_tokens: Some(20),
        reasoning_tokens: Some(5),
        ..Usage::default()
    };
    let cases = [
        (
            r#"{"prompt_tokens":100,"completion_tokens":20,"prompt_tokens_details":{"cached_tokens":60},"completion_tokens_details":{"reasoning_tokens":5}}"#,
            some,
        ),
        (
            r#"{"prompt_tokens":100,"completion_tokens":20,"prompt_cache_hit_tokens":60,"completion_tokens_details":{"reasoning_tokens":5}}"#,
            some,
        ),
        // Parts above their whole are absurd.
        (
            r#"{"prompt_tokens":100,"completion_tokens":20,"prompt_tokens_details":{"cached_tokens":101},"completion_tokens_details":{"reasoning_tokens":21}}"#,
            Usage { input_tokens: Some(100), output_tokens: Some(20), ..Usage::default() },
        ),
        (
            r#"{"prompt_tokens":100,"prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":30,"audio_tokens":4,"image_tokens":2},"completion_tokens_details":{"audio_tokens":3}}"#,
            Usage {
                input_tokens: Some(100),
                cached_input_tokens: Some(60),
                cache_write_tokens: Some(30),
                audio_tokens: Some(7),
                output_audio_tokens: Some(3),
                image_tokens: Some(2),
                ..Usage::default()
            },
        ),
    ];
    for (wire, expected) in cases {
        let mut meter = openai();
        see(&mut meter, &usage(wire));
        assert_eq!(meter.usage(), expected, "{wire}");
    }
    let mut meter = anthropic();
    see(
        &mut meter,
        r#"{"type":"message_start","message":{"id":"m","usage":{"input_tokens":10,"cache_read_input_tokens":60,"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"output_tokens":1}}}"#,
    );
    see(
        &mut meter,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#,
    );
    see(
        &mut meter,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":20,"output_tokens_details":{"thinking_tokens":5}}}"#,
    );
    let expected = Usage { cache_write_tokens: Some(30), cache_write_1h_tokens: Some(20), ..some };
    assert_eq!(meter.usage(), expected);
}

#[test]
fn usage_is_found_wherever_hosts_put_it() {
    let inside = r#"{"id":"c","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let groq = r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"x_groq":{"id":"r","usage":{"prompt_tokens":1,"completion_tokens":2}}}"#;
    for event in [inside, groq] {
        let mut meter = openai();
        let sighting = see(&mut meter, event);
        assert!(!sighting.contains(Sighting::USAGE_ONLY));
        assert!(sighting.contains(Sighting::FINISH));
        assert_eq!(meter.usage().output_tokens, Some(2), "{event}");
    }
    // On every chunk: cumulative, so the last one holds.
    let mut meter = openai();
    for output in [1, 2, 3] {
        see(&mut meter, &usage(&format!(r#"{{"prompt_tokens":4,"completion_tokens":{output}}}"#)));
    }
    assert_eq!(meter.usage().output_tokens, Some(3));
}

#[test]
#[allow(clippy::too_many_lines)] // a table
fn errors_inside_a_stream_are_seen_in_every_shape() {
    let cases = [
        (
            Dialect::OpenAiChat,
            "",
            r#"{"error":{"message":"busy","type":"server_error","code":"overloaded"}}"#,
            "busy",
            "server_error",
            "overloaded",
        ),
        (Dialect::OpenAiChat, "", r#"{"error":{"message":"busy","code":429}}"#, "busy", "", "429"),
        (Dialect::OpenAiChat, "", r#"{"error":"busy"}"#, "busy", "", ""),
        (
            Dialect::OpenAiChat,
            "",
            r#"{"object":"error","message":"busy","type":"BadRequestError","param":null,"code":400}"#,
            "busy",
            "BadRequestError",
            "400",
        ),
        (Dialect::OpenAiChat, "", r#"{"error_code":"BUSY","message":"busy"}"#, "busy", "", "BUSY"),
        (Dialect::OpenAiChat, "error", r#"{"message":"busy"}"#, "busy", "", ""),
        (
            Dialect::OpenAiChat,
            "",
            r#"{"id":"c","choices":[{"index":0,"delta":{"content":""},"finish_reason":null}],"error":{"code":400,"message":"busy"}}"#,
            "busy",
            "",
            "400",
        ),
        (
            Dialect::Anthropic,
            "error",
            r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#,
            "busy",
            "overloaded_error",
            "",
        ),
        (
            Dialect::Anthropic,
            "error",
            r#"{"error":{"type":"overloaded_error","message":"busy"}}"#,
            "busy",
            "overloaded_error",
            "",
        ),
        (Dialect::Anthropic, "", r#"{"error":{"message":"busy","code":529}}"#, "busy", "", "529"),
    ];
    for (dialect, name, data, message, kind, code) in cases {
        let mut meter = Meter::new(dialect, Bytes::default());
        let sighting = meter.observe(name, data.as_bytes()).unwrap();
        assert!(sighting.contains(Sighting::ERROR), "{data}");
        let error = meter.upstream_error().unwrap();
        assert_eq!(
            (error.message.as_str(), error.kind.as_str(), error.code.as_str()),
            (message, kind, code)
        );
        assert_eq!(error.raw, data);
        assert_eq!(meter.observe("", b"[DONE]"), Ok(Sighting::NOTHING), "an error is the end");
    }
    for fine in
        [r#"{"error":null,"choices":[]}"#, r#"{"choices":[],"error":{}}"#, r#"{"id":"c"}"#, "{}"]
    {
        assert_eq!(see(&mut openai(), fine), Sighting::NOTHING, "{fine}");
    }
}

#[test]
fn malformed_events_leave_the_meter_as_it_was() {
    let openai_cases: &[&[u8]] = &[
        b"{",
        b"hello",
        b"[]",
        b"1",
        b"\"x\"",
        b"null",
        b"[DONE",
        b"{}{}",
        b"{\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}",
        b"{\"x\":\"\xff\"}",
        br#"{"choices":[{"delta":5}]}"#,
        br#"{"choices":{}}"#,
        br#"{"choices":[{"delta":{"content":"\ud800"}}]}"#,
        br#"{"choices":[{"delta":{"content":"lost"}},{"delta":{"tool_calls":5}}]}"#,
        br#"{"choices":[{"delta":{"content":"lost"}},7]}"#,
        b"{\"choices\":[{\"delta\":{\"content\":\"\x00\"}}]}",
    ];
    let anthropic_cases: &[&[u8]] = &[
        b"{", b"[DONE]", b"{}", br#"{"choices":[]}"#,
        br#"{"type":"message_start"}"#,
        br#"{"type":"content_block_start","index":0}"#,
        br#"{"type":"content_block_delta","index":0}"#,
        br#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":5}}"#,
        br#"{"type":"content_block_delta","index":7,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
    ];
    let first = [
        (delta(r#"{"content":"hi"}"#), openai(), openai_cases),
        (
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#
                .to_owned(),
            anthropic(),
            anthropic_cases,
        ),
    ];
    for (fine, mut meter, cases) in first {
        see(&mut meter, &fine);
        for case in cases {
            let result = meter.observe("", case);
            assert!(
                matches!(result, Err(Error::MalformedEvent { .. })),
                "{}: {result:?}",
                String::from_utf8_lossy(case)
            );
            assert_eq!(meter.counted_output_tokens(), 2);
        }
        assert_eq!(see(&mut meter, &fine), Sighting::CONTENT);
        assert_eq!(meter.counted_output_tokens(), 4);
    }
}

#[test]
fn a_malformed_event_is_not_quoted_in_its_error() {
    let Err(error) = openai().observe("", br#"{"choices":"my secret"}"#) else { panic!() };
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn alternatives_are_counted_and_finished_apart() {
    let mut meter = openai();
    see(
        &mut meter,
        r#"{"choices":[{"index":0,"delta":{"content":"ab"}},{"index":1,"delta":{"content":"cde"}}]}"#,
    );
    see(&mut meter, r#"{"choices":[{"index":1,"delta":{},"finish_reason":"length"}]}"#);
    see(&mut meter, r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#);
    assert_eq!(meter.counted_output_tokens(), 5);
    assert_eq!(meter.finish_reasons(), [(1, FinishReason::Length), (0, FinishReason::Stop)]);
}

#[test]
fn whole_answers_are_read_with_their_errors_and_gaps() {
    let chat = br#"{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi","tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#;
    let answer = read_answer(Dialect::OpenAiChat, chat).unwrap();
    assert_eq!((answer.id.as_str(), answer.model.as_str(), answer.empty), ("c", "m", false));
    assert_eq!(answer.usage.input_tokens, Some(3));
    assert_eq!(answer.finish_reasons, [(0, FinishReason::ToolCalls)]);
    assert_eq!(answer.counted_output_tokens(Bytes(0), Framing::default()), 5, "hi, f, {{}}");
    let framing =
        Framing { answer: 100, text: 50, call: 1000, several_calls: 10_000, ..Framing::default() };
    assert_eq!(answer.counted_output_tokens(Bytes(0), framing), 1155);
    let bare = Framing { bare_calls: true, ..framing };
    assert_eq!(answer.counted_output_tokens(Bytes(0), bare), 4, "hi and the arguments");

    let messages = br#"{"id":"m","type":"message","model":"claude","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"hi"},{"type":"tool_use","id":"t","name":"f","input":{"x": 1}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":2}}"#;
    let answer = read_answer(Dialect::Anthropic, messages).unwrap();
    let counted = answer.counted_output_tokens(Bytes(0), Framing::default());
    assert_eq!(counted, 13, "hm, hi, f and the arguments");
    assert_eq!(answer.usage.output_tokens, Some(2));
    assert_eq!(answer.finish_reasons, [(0, FinishReason::ToolCalls)]);

    let embeddings = br#"{"object":"list","data":[{"embedding":[0.1]}],"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    let answer = read_answer(Dialect::OpenAiChat, embeddings).unwrap();
    assert_eq!(
        (answer.usage.input_tokens, answer.usage.output_tokens, answer.empty),
        (Some(8), None, false)
    );
    assert_eq!(answer.model, "e");
}

#[test]
fn whole_answers_that_are_none_say_so() {
    for (dialect, body) in [
        (Dialect::OpenAiChat, r#"{"error":{"message":"busy","type":"t"}}"#),
        (Dialect::Anthropic, r#"{"type":"error","error":{"message":"busy","type":"t"}}"#),
    ] {
        let answer = read_answer(dialect, body.as_bytes()).unwrap();
        assert_eq!(answer.error.unwrap().message, "busy");
        assert!(answer.empty);
    }
    for empty in ["{}", r#"{"choices":[]}"#, r#"{"content":[]}"#, r#"{"choices":null}"#] {
        assert!(read_answer(Dialect::OpenAiChat, empty.as_bytes()).unwrap().empty, "{empty}");
        assert!(read_answer(Dialect::Anthropic, empty.as_bytes()).unwrap().empty, "{empty}");
    }
    for (broken, offset) in [("", 0), ("{", 1), ("{}\n x", 4), ("<html>", 0), (r#"{"a":1"#, 6)] {
        let error = read_answer(Dialect::OpenAiChat, broken.as_bytes()).unwrap_err();
        let Error::InvalidJson { offset: found, .. } = error else { panic!("{broken}: {error}") };
        assert!(found.abs_diff(offset) <= 1, "{broken}: {found}");
    }
    for wrong in ["7", "[]", r#"{"choices":7}"#, r#""x""#] {
        let error = read_answer(Dialect::OpenAiChat, wrong.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::MalformedEvent { .. }), "{wrong}: {error}");
    }
}

#[test]
fn every_recorded_stream_is_read_to_its_end() {
    let (mut streams, mut events, mut unended) = (0, 0, Vec::new());
    for exchange in recorded::exchanges() {
        let (Some(dialect), Some(stream)) = (exchange.dialect(), exchange.events()) else {
            continue;
        };
        streams += 1;
        let mut meter = Meter::new(dialect, Bytes::default());
        for (name, data) in &stream {
            events += 1;
            let result = meter.observe(name, data.as_bytes());
            assert!(result.is_ok(), "{}: {result:?} {data}", exchange.id);
        }
        if !meter.seen().contains(Sighting::CONTENT | Sighting::FINISH | Sighting::END) {
            unended.push(format!(
                "{} {} {:?} {:?}",
                exchange.provider,
                exchange.id,
                meter.seen(),
                meter.upstream_error().map(|e| &e.message)
            ));
        }
        if meter.usage().is_empty() {
            unended.push(format!("{} {} no usage", exchange.provider, exchange.id));
        }
    }
    println!("{streams} streams, {events} events; without content, finish, terminator or usage:");
    for line in unended {
        println!("  {line}");
    }
}

#[test]
fn every_recorded_answer_is_read() {
    let mut answers = 0;
    for exchange in recorded::exchanges() {
        let (Some(dialect), None) = (exchange.dialect(), exchange.events()) else {
            continue;
        };
        match read_answer(dialect, exchange.body().as_bytes()) {
            Ok(answer) => {
                answers += 1;
                let gap = answer.empty
                    || answer.usage.input_tokens.is_none()
                    || answer.finish_reasons.is_empty();
                if gap {
                    println!("  {} {} {:.150}", exchange.provider, exchange.id, exchange.body());
                }
            }
            Err(error) => {
                println!("  {} {} {error} {:.60}", exchange.provider, exchange.id, exchange.body());
            }
        }
    }
    println!("{answers} answers");
}

/// How often honest hosts would be suspected: every recorded answer, streamed or whole.
#[test]
fn recorded_counts_raise_hardly_an_alarm() {
    let (mut all, mut suspected) = ([0_u32; 2], [0_u32; 2]);
    for exchange in recorded::exchanges() {
        let Some(dialect) = exchange.dialect() else { continue };
        let mut model = String::new();
        let (usage, counted, exactness) = if let Some(stream) = exchange.events() {
            let mut meter = Meter::new(dialect, StreamCounter::new(Vocabulary::O200kBase));
            for (name, data) in &stream {
                let _ = meter.observe(name, data.as_bytes());
            }
            meter.response_model().clone_into(&mut model);
            let (vocabulary, exactness) = vocabulary_of(&model);
            let mut meter = Meter::new(dialect, StreamCounter::new(vocabulary))
                .framed(framing_of(&model, exchange.asked()));
            for (name, data) in &stream {
                let _ = meter.observe(name, data.as_bytes());
            }
            (meter.usage(), meter.counted_output_tokens(), exactness)
        } else {
            let Ok(answer) = read_answer(dialect, exchange.body().as_bytes()) else { continue };
            model.clone_from(&answer.model);
            let (vocabulary, exactness) = vocabulary_of(&model);
            let counted = answer.counted_output_tokens(
                StreamCounter::new(vocabulary),
                framing_of(&answer.model, exchange.asked()),
            );
            (answer.usage, counted, exactness)
        };
        if usage.output_tokens.is_none() {
            continue;
        }
        let kind = usize::from(exactness == Exactness::Estimated);
        all[kind] += 1;
        if diverges(&usage, counted, exactness) {
            suspected[kind] += 1;
            println!(
                "{} {} {model}: {:?} of which reasoning {:?}, counted {counted}",
                exchange.provider, exchange.id, usage.output_tokens, usage.reasoning_tokens
            );
        }
    }
    println!("suspected {suspected:?} of {all:?} (exact vocabulary, another's)");
    for (all, suspected) in all.into_iter().zip(suspected) {
        assert!(suspected * 100 <= all * 5, "too many");
    }
}

proptest! {
    #[test]
    fn no_bytes_break_the_meter(name in ".{0,8}", data in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = openai().observe(&name, &data);
        let _ = anthropic().observe(&name, &data);
        let _ = read_answer(Dialect::OpenAiChat, &data);
        let _ = read_answer(Dialect::Anthropic, &data);
    }
}

#[test]
fn what_is_asked_for_changes_what_stands_around_an_answer() {
    let (text, call, none) = ((true, 0), (false, 1), Asked::default());
    let tools = Asked { tools: true, ..none };
    let forced = Asked { forced: true, ..tools };
    let schema = Asked { schema: true, ..none };
    for (model, asked, (has_text, calls), expected) in [
        ("gpt-4o", none, text, 0),
        ("gpt-4o", tools, text, 1),
        ("gpt-4o", tools, call, 7),
        ("gpt-4o", tools, (true, 1), 8),
        ("gpt-5", tools, (false, 2), 37),
        ("gpt-4o", forced, call, 0),
        ("gpt-4o", schema, text, 0),
        ("gpt-4o", Asked { tools: true, ..schema }, text, 5),
        ("openai/gpt-5-mini", none, text, 9),
        ("gpt-5-mini", forced, call, 16),
        ("gpt-5", schema, text, 12),
        ("gpt-5.4", tools, text, 3),
        ("o4-mini", schema, text, 21),
        ("claude-opus-5", forced, call, 0),
    ] {
        let framing = framing_of(model, asked);
        assert_eq!(framing.tokens(has_text, calls), expected, "{model} {asked:?}");
    }
}

/// As `OpenAI` reports it: 50 tokens, of two calls whose own texts and frames come to 40.
#[test]
fn several_calls_of_gpt_4o_are_counted_as_the_one_that_they_are() {
    let call = |at: u32, name: &str, arguments: [&str; 2]| {
        let [one, two] = arguments.map(|text| serde_json::to_string(text).unwrap());
        [
            format!(
                r#"{{"tool_calls":[{{"index":{at},"id":"c{at}","function":{{"name":"{name}","arguments":""}}}}]}}"#
            ),
            format!(r#"{{"tool_calls":[{{"index":{at},"function":{{"arguments":{one}}}}}]}}"#),
            format!(r#"{{"tool_calls":[{{"index":{at},"function":{{"arguments":{two}}}}}]}}"#),
        ]
    };
    let asked = Asked { tools: true, ..Asked::default() };
    let mut meter = Meter::new(Dialect::OpenAiChat, StreamCounter::new(O200kBase))
        .framed(framing_of("gpt-4o", asked));
    let mut counts = Vec::new();
    for piece in [
        call(0, "add", ["{\"a\": 2,", " \"b\": 3}"]),
        call(1, "multiply", ["{\"a\": 2, ", "\"b\": 3}"]),
    ]
    .concat()
    {
        meter.observe("", delta(&piece).as_bytes()).unwrap();
        let counted = meter.counted_output_tokens();
        assert!(meter.output_tokens_at_most() >= counted);
        counts.push(counted);
    }
    assert_eq!((counts[2], counts[5]), (20, 50));
}

/// Streams of one kind: how many, what they reported, what was counted while they flowed.
#[derive(Default)]
struct Group {
    reported: u64,
    counted: u64,
    /// Of each stream, in tokens.
    errors: Vec<i64>,
}

impl Group {
    fn add(&mut self, reported: u64, counted: u64) {
        self.reported += reported;
        self.counted += counted;
        self.errors.push(counted.cast_signed() - reported.cast_signed());
    }

    fn line(&mut self) -> String {
        self.errors.sort_unstable();
        let at = |percent: usize| self.errors[(self.errors.len() - 1) * percent / 100];
        format!(
            "{} streams, {} tokens reported, {} counted ({:+.2} %); errors in tokens: least {}, p10 {}, p50 {}, p90 {}, most {}; {} exact",
            self.errors.len(),
            self.reported,
            self.counted,
            percent(self.counted, self.reported),
            at(0),
            at(10),
            at(50),
            at(90),
            at(100),
            self.errors.iter().filter(|error| **error == 0).count(),
        )
    }
}

/// What one recorded stream reported, without what shows in no stream, and what was counted while it flowed.
fn counts(exchange: &recorded::Exchange) -> Option<(String, u64, u64)> {
    let (dialect, stream) = (exchange.dialect()?, exchange.events()?);
    let read = |vocabulary, framing| {
        let mut meter = Meter::new(dialect, StreamCounter::new(vocabulary)).framed(framing);
        for (name, data) in &stream {
            let _ = meter.observe(name, data.as_bytes());
        }
        meter
    };
    let model = read(O200kBase, Framing::default()).response_model().to_owned();
    let mut meter = read(vocabulary_of(&model).0, framing_of(&model, exchange.asked()));
    let counted = meter.counted_output_tokens();
    let reported = meter.usage().output_tokens?;
    // Hidden reasoning is taken out of what was reported; where it was shown, it was counted.
    let hidden = meter.usage().reasoning_tokens.unwrap_or(0);
    Some((model, if counted < hidden { reported - hidden } else { reported }, counted))
}

/// `OpenAI`'s own hosts count as their models write. Others that serve its vocabularies put in what they like: tools of
/// their own, estimates, a Responses call behind Chat Completions.
#[test]
fn live_counts_stay_within_one_percent_of_what_openai_reports() {
    let mut groups: BTreeMap<(bool, String), Group> = BTreeMap::default();
    let mut own = Group::default();
    for exchange in recorded::exchanges() {
        let Some((model, reported, counted)) = counts(&exchange) else { continue };
        let (vocabulary, exactness) = vocabulary_of(&model);
        let is_openais =
            exactness == Exactness::Exact && matches!(vocabulary, O200kBase | Cl100kBase);
        groups.entry((!is_openais, exchange.provider.clone())).or_default().add(reported, counted);
        if is_openais && matches!(exchange.provider.as_str(), "openai" | "azure") {
            own.add(reported, counted);
        }
    }
    if own.errors.is_empty() {
        return; // the corpus is not there, which was said
    }
    for ((is_another, provider), group) in &mut groups {
        let kind = if *is_another { "other vocabularies" } else { "OpenAI's vocabularies" };
        println!("{kind}: {provider}: {}", group.line());
    }
    println!("OpenAI and Azure together: {}", own.line());
    assert!(percent(own.counted, own.reported).abs() <= 1.0);
    let exact = own.errors.iter().filter(|error| error.abs() <= 1).count();
    assert!(exact * 10 >= own.errors.len() * 8, "four of five are right to a token");
}

#[allow(clippy::cast_precision_loss)]
fn percent(counted: u64, reported: u64) -> f64 {
    (counted as f64 / reported.max(1) as f64 - 1.0) * 100.0
}

#[test]
fn ac_08_dates_prefixes_and_orders_make_no_other_model() {
    let same = [
        ("gpt-4o", ""),
        ("gpt-4o", "GPT-4o"),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-3.5-turbo", "gpt-3.5-turbo-0125"),
        ("gpt-4-vision-preview", "gpt-4-1106-vision-preview"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku-20241022"),
        ("claude-sonnet-4-0", "claude-sonnet-4-20250514"),
        ("anthropic/claude-haiku-4.5", "anthropic/claude-4.5-haiku-20251001"),
        ("databricks-claude-3-7-sonnet", "us.anthropic.claude-3-7-sonnet-20250219-v1:0"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama3.1-8b"),
        ("compound-beta", "groq/compound"),
        ("fault-split-utf8@ref", "fault-split-utf8@ref"),
    ];
    for (asked, answered) in same {
        assert!(is_same_model(asked, answered), "{asked} {answered}");
    }
}

#[test]
fn ac_08_other_words_and_small_numbers_make_another_model() {
    let other = [
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4o-mini", "gpt-4o"),
        ("gpt-4o", "gpt-4o-mini-2024-07-18"),
        ("gpt-5", "gpt-5.4"),
        ("gpt-5", "gpt-5-4"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "Qwen2.5-VL-72B-Instruct"),
        ("deepseek-chat", "deepseek-v4-flash"),
        ("google/gemini-2.0-flash-exp:free", "x-ai/grok-4"),
        ("ok-5", "some-other-model"),
        ("\u{6a21}\u{578b}", "m"),
    ];
    for (asked, answered) in other {
        assert!(!is_same_model(asked, answered), "{asked} {answered}");
    }
}
