//! The stream codecs: tables by hand, then every recorded stream through every pair of dialects.

mod recorded;

use proptest::prelude::*;
use sluicegate::dialect::Dialect;
use sluicegate::stream::{
    Collected, Decoder, Delta, Encoder, FinishReason, Options, StreamError, Transcoder,
    UpstreamError, Usage,
};

const BOTH: [Dialect; 2] = [Dialect::OpenAiChat, Dialect::Anthropic];

fn options() -> Options {
    Options {
        include_usage: true,
        request_id: "req".to_owned(),
        created_s: 7,
        ..Options::default()
    }
}

/// What a client has in hand after a stream.
#[derive(Debug, Default, PartialEq, Clone)]
struct Message {
    text: String,
    reasoning: String,
    signatures: Vec<String>,
    redacted: Vec<String>,
    tools: Vec<(String, String, String)>,
    finish: Option<FinishReason>,
    usage: Usage,
    error: Option<(String, String)>,
    ended: bool,
}

impl Message {
    fn fold(&mut self, delta: &Delta<'_>) {
        match delta {
            // One dialect has no refusal text, so it counts as text here.
            Delta::Text { choice: 0, text } | Delta::Refusal { choice: 0, text } => {
                self.text.push_str(text);
            }
            Delta::Reasoning { choice: 0, text } => self.reasoning.push_str(text),
            Delta::Signature { signature, .. } => self.signatures.push(signature.to_string()),
            Delta::RedactedReasoning { data, .. } => self.redacted.push(data.to_string()),
            Delta::ToolStart { choice: 0, tool, id, name } => {
                assert_eq!(*tool as usize, self.tools.len(), "tools are numbered in order");
                self.tools.push((id.to_string(), name.to_string(), String::new()));
            }
            Delta::ToolArguments { choice: 0, tool, fragment } => {
                self.tools[*tool as usize].2.push_str(fragment);
            }
            Delta::Finish { choice: 0, reason, .. } => self.finish = Some(*reason),
            Delta::Usage { usage, .. } => self.usage = *usage,
            Delta::Error(error) => self.error = Some((error.message.clone(), error.kind.clone())),
            Delta::End => self.ended = true,
            _ => {}
        }
    }

    /// This message as far as both dialects can say it.
    fn common(mut self) -> Self {
        self.finish = self.finish.map(|reason| match reason {
            FinishReason::StopSequence
            | FinishReason::Pause
            | FinishReason::Other
            | FinishReason::Error => FinishReason::Stop,
            FinishReason::ContextWindow => FinishReason::Length,
            reason => reason,
        });
        for (id, _, arguments) in &mut self.tools {
            if arguments.is_empty() {
                "{}".clone_into(arguments);
            }
            // One that we made up differs by dialect.
            if id.contains("_req_") {
                id.clear();
            }
        }
        // A call is a call, whatever word the host ended with; and every client is told a reason.
        if self.error.is_none() && matches!(self.finish, None | Some(FinishReason::Stop)) {
            let called = !self.tools.is_empty();
            self.finish = Some(if called { FinishReason::ToolCalls } else { FinishReason::Stop });
        }
        self.usage.audio_tokens = None;
        self.usage.output_audio_tokens = None;
        self.usage.output_image_tokens = None;
        self.usage.web_searches = None;
        self.usage.billed_input_tokens = None;
        self.usage.billed_output_tokens = None;
        self.usage.service_tier = None;
        self.usage.image_tokens = None;
        let usage = &mut self.usage;
        if usage.input_tokens.is_none() {
            usage.input_tokens = Some(0);
        }
        usage.output_tokens = usage.output_tokens.or(Some(0));
        if let Some((_, kind)) = &mut self.error
            && kind.is_empty()
        {
            "api_error".clone_into(kind);
        }
        self
    }
}

fn read(dialect: Dialect, events: &[(String, String)]) -> Message {
    let mut message = Message::default();
    let mut decoder = Decoder::new(dialect);
    for (name, data) in events {
        decoder.event(name, data.as_bytes(), |delta| message.fold(delta)).unwrap();
    }
    message
}

fn translate(from: Dialect, to: Dialect, events: &[(String, String)]) -> Vec<(String, String)> {
    let mut transcoder = Transcoder::new(from, to, options());
    let mut out = Vec::new();
    for (name, data) in events {
        transcoder.event(name, data.as_bytes(), &mut out).unwrap();
    }
    split(&out)
}

fn split(out: &[u8]) -> Vec<(String, String)> {
    recorded::split(std::str::from_utf8(out).unwrap())
}

fn unnamed(events: &[&str]) -> Vec<(String, String)> {
    events.iter().map(|data| (String::new(), (*data).to_owned())).collect()
}

/// The order that Anthropic's protocol demands; returns how many blocks there were.
fn check_anthropic_grammar(events: &[(String, String)]) -> usize {
    let (mut open, mut blocks, mut stage) = (Vec::new(), 0, "before");
    for (name, data) in events {
        let event: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(event["type"], name.as_str());
        match name.as_str() {
            "message_start" => assert_eq!(std::mem::replace(&mut stage, "content"), "before"),
            "content_block_start" => {
                assert_eq!(event["index"], blocks, "blocks are numbered in order");
                open.push(blocks);
                blocks += 1;
                assert_eq!(stage, "content");
            }
            "content_block_delta" => {
                assert!(event["index"].as_u64().is_some_and(|at| open.contains(&at)), "{data}");
            }
            "content_block_stop" => {
                let at =
                    open.iter().position(|block| event["index"] == *block).expect("an open block");
                open.remove(at);
            }
            "message_delta" => {
                assert!(open.is_empty());
                assert_eq!(std::mem::replace(&mut stage, "delta"), "content");
            }
            "message_stop" => assert_eq!(std::mem::replace(&mut stage, "stop"), "delta"),
            "error" => stage = "error",
            other => panic!("{other}"),
        }
    }
    usize::try_from(blocks).unwrap()
}

/// Name of the case, fragments, and the (id, name, arguments) of each call.
type Case<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a str, &'a str)]);

#[test]
fn tool_fragments_find_their_call_on_odd_hosts() {
    let call = |body: &str| format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{body}]}}}}]}}"#);
    let cases: &[Case<'_>] = &[
        (
            "one after another",
            &[
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":""}}"#,
                r#"{"index":0,"function":{"arguments":"{}"}}"#,
                r#"{"index":1,"id":"b","function":{"name":"g","arguments":"{"}}"#,
                r#"{"index":1,"function":{"arguments":"}"}}"#,
            ],
            &[("a", "f", "{}"), ("b", "g", "{}")],
        ),
        (
            "interleaved",
            &[
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}"#,
                r#"{"index":1,"id":"b","function":{"name":"g","arguments":"{"}}"#,
                r#"{"index":0,"function":{"arguments":":1}"}},{"index":1,"function":{"arguments":"}"}}"#,
            ],
            &[("a", "f", r#"{"x":1}"#), ("b", "g", "{}")],
        ),
        (
            "whole, no index",
            &[
                r#"{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","function":{"name":"f","arguments":"{}"}}"#,
            ],
            &[("a", "f", "{}"), ("b", "f", "{}")],
        ),
        (
            "whole, neither index nor id",
            &[
                r#"{"function":{"name":"f","arguments":"{}"}},{"function":{"name":"f","arguments":"[]"}}"#,
            ],
            &[("", "f", "{}"), ("", "f", "[]")],
        ),
        (
            "whole, all under index 0",
            &[
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}"#,
                r#"{"index":0,"id":"b","function":{"name":"f","arguments":"{}"}}"#,
            ],
            &[("a", "f", "{}"), ("b", "f", "{}")],
        ),
        (
            "new id and name in each fragment",
            &[
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{"}}"#,
                r#"{"index":0,"id":"b","function":{"name":"f","arguments":"\"x\":1"}}"#,
                r#"{"index":0,"id":"c","function":{"name":"f","arguments":"}"}}"#,
            ],
            &[("a", "f", r#"{"x":1}"#)],
        ),
        (
            "empty and null names and ids later",
            &[
                r#"{"index":0,"id":"a","function":{"name":"f","arguments":null}}"#,
                r#"{"index":0,"id":"","function":{"name":"","arguments":"{"}}"#,
                r#"{"index":0,"id":null,"function":{"name":null,"arguments":"}"}}"#,
            ],
            &[("a", "f", "{}")],
        ),
        (
            "id ahead of the name",
            &[
                r#"{"index":0,"id":"a"}"#,
                r#"{"index":0,"function":{"name":"f"}}"#,
                r#"{"index":0,"function":{"arguments":"{}"}}"#,
            ],
            &[("a", "f", "{}")],
        ),
        (
            "arguments as an object",
            &[r#"{"index":0,"id":"a","function":{"name":"f","arguments":{"x": 1}}}"#],
            &[("a", "f", r#"{"x": 1}"#)],
        ),
        (
            "free text input",
            &[r#"{"index":0,"id":"a","type":"custom","custom":{"name":"f","input":"ls"}}"#],
            &[("a", "f", "ls")],
        ),
    ];
    for (case, fragments, expected) in cases {
        let events: Vec<_> = fragments.iter().map(|body| (String::new(), call(body))).collect();
        let tools = read(Dialect::OpenAiChat, &events).tools;
        let tools: Vec<_> = tools
            .iter()
            .map(|(id, name, arguments)| (id.as_str(), name.as_str(), arguments.as_str()))
            .collect();
        assert_eq!(tools, *expected, "{case}");
    }
}

#[test]
fn interleaved_tool_calls_keep_to_their_blocks() {
    let events = unnamed(&[
        r#"{"id":"c","model":"m","choices":[{"delta":{"content":"so"}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"index":1,"function":{"arguments":"}"}}]}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
        "[DONE]",
    ]);
    let translated = translate(Dialect::OpenAiChat, Dialect::Anthropic, &events);
    assert_eq!(check_anthropic_grammar(&translated), 3);
    assert_eq!(
        read(Dialect::Anthropic, &translated).tools,
        read(Dialect::OpenAiChat, &events).tools
    );
}

#[test]
fn whole_calls_are_closed_before_the_next_begins() {
    let events = unnamed(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
        "[DONE]",
    ]);
    let names: Vec<_> = translate(Dialect::OpenAiChat, Dialect::Anthropic, &events)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let block = ["content_block_start", "content_block_delta", "content_block_stop"];
    assert_eq!(names[..7], [&["message_start"][..], &block, &block].concat());
}

#[test]
fn usage_after_the_finish_reaches_anthropic_clients() {
    let events = unnamed(&[
        r#"{"id":"c","model":"m","choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}"#,
        r#"{"id":"c","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":3,"cache_write_tokens":2}}}"#,
        "[DONE]",
    ]);
    let translated = translate(Dialect::OpenAiChat, Dialect::Anthropic, &events);
    let data: serde_json::Value =
        serde_json::from_str(&translated[translated.len() - 2].1).unwrap();
    assert_eq!(
        data["delta"],
        serde_json::json!({"stop_reason": "end_turn", "stop_sequence": null})
    );
    assert_eq!(
        data["usage"],
        serde_json::json!({"input_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 4})
    );
}

#[test]
fn openai_usage_goes_out_only_where_it_was_asked_for() {
    let usage = Usage {
        input_tokens: Some(3),
        output_tokens: Some(2),
        reasoning_tokens: Some(1),
        ..Usage::default()
    };
    for include_usage in [false, true] {
        let mut encoder = Encoder::new(Dialect::OpenAiChat, Options { include_usage, ..options() });
        let mut out = Vec::new();
        encoder
            .delta(&Delta::Start { id: "c".into(), model: "m".into(), created_s: None }, &mut out);
        encoder.delta(
            &Delta::Finish { choice: 0, reason: FinishReason::Stop, stop_sequence: None },
            &mut out,
        );
        encoder.settle(usage, Some("0.0000012"));
        encoder.terminator(&mut out);
        encoder.terminator(&mut out);
        let events = split(&out);
        assert_eq!(events.len(), 3 + usize::from(include_usage));
        assert_eq!(events.last().unwrap().1, "[DONE]");
        if include_usage {
            assert!(events[0].1.ends_with(r#","usage":null}"#));
            let chunk: serde_json::Value = serde_json::from_str(&events[2].1).unwrap();
            assert_eq!(chunk["choices"], serde_json::json!([]));
            assert_eq!(chunk["created"], 7);
            assert_eq!(chunk["usage"]["total_tokens"], 5);
            assert_eq!(chunk["usage"]["completion_tokens_details"]["reasoning_tokens"], 1);
            assert_eq!(chunk["usage"]["cost_usd"], 0.000_001_2);
        }
    }
}

#[test]
fn errors_end_a_stream_in_the_clients_dialect() {
    let error = StreamError {
        message: "it \"broke\"",
        kind: "api_error",
        code: "upstream_reset",
        origin: "upstream",
        request_id: "r",
    };
    let expected = [
        (
            "",
            r#"{"error":{"message":"it \"broke\"","type":"api_error","param":null,"code":"upstream_reset","origin":"upstream","request_id":"r"}}"#,
        ),
        (
            "error",
            r#"{"type":"error","error":{"type":"api_error","message":"it \"broke\"","code":"upstream_reset","origin":"upstream"},"request_id":"r"}"#,
        ),
    ];
    for (dialect, (name, data)) in BOTH.into_iter().zip(expected) {
        let mut encoder = Encoder::new(dialect, options());
        let mut out = Vec::new();
        encoder.error(&error, &mut out);
        encoder.terminator(&mut out);
        encoder.error(&error, &mut out);
        assert_eq!(
            split(&out),
            [(name.to_owned(), data.to_owned())],
            "no terminator after an error"
        );
        let read = read(dialect, &split(&out));
        assert_eq!(read.error, Some((error.message.to_owned(), error.kind.to_owned())));
    }
}

#[test]
fn upstream_errors_are_translated() {
    let openai = unnamed(&[
        r#"{"error":{"message":"busy","type":"server_error","code":"overloaded"}}"#,
        "[DONE]",
    ]);
    let anthropic =
        unnamed(&[r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#]);
    for (from, to, events) in [(BOTH[0], BOTH[1], &openai), (BOTH[1], BOTH[0], &anthropic)] {
        let translated = translate(from, to, events);
        assert_eq!(translated.len(), 1);
        assert_eq!(read(to, &translated).error, read(from, events).error);
    }
}

#[test]
fn web_sources_become_annotations_of_the_last_chunk() {
    let events = unnamed(&[
        r#"{"type":"message_start","message":{"id":"m","model":"c","usage":{"input_tokens":1}}}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"https://a","title":"A"}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"type":"char_location","document_index":0}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    let translated = translate(Dialect::Anthropic, Dialect::OpenAiChat, &events);
    let last: serde_json::Value =
        serde_json::from_str(&translated[translated.len() - 3].1).unwrap();
    let annotations = &last["choices"][0]["delta"]["annotations"];
    assert_eq!(annotations.as_array().unwrap().len(), 1);
    assert_eq!(annotations[0]["url_citation"]["url"], "https://a");
}

#[test]
fn a_whole_answer_can_go_out_as_a_stream() {
    let chat = br#"{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}"#;
    for to in BOTH {
        let mut out = Vec::new();
        let mut transcoder = Transcoder::new(Dialect::OpenAiChat, to, options());
        transcoder.whole(chat, &mut out).unwrap();
        let counted = Usage { input_tokens: Some(3), output_tokens: Some(2), ..Usage::default() };
        transcoder.settle(counted, Some("0.000007"));
        transcoder.finish(&mut out);
        assert!(String::from_utf8_lossy(&out).contains(r#""cost_usd":0.000007"#));
        let message = read(to, &split(&out));
        assert_eq!(
            (message.text.as_str(), message.ended, message.finish),
            ("hi", true, Some(FinishReason::Stop))
        );
        assert_eq!(message.usage.output_tokens, Some(2));
    }
}

/// A whole answer in another dialect.
fn rewritten(from: Dialect, to: Dialect, body: &serde_json::Value) -> String {
    let mut answer = Collected::default();
    Decoder::new(from).whole(body.to_string().as_bytes(), |delta| answer.delta(delta)).unwrap();
    let mut out = Vec::new();
    answer.write(to, &options(), &mut out);
    String::from_utf8(out).unwrap()
}

/// Input comes bit by bit behind a block's start, which has an empty one; what breaks off is no JSON, and stays out.
#[test]
fn what_a_model_writes_to_its_vendors_tool_is_in_a_whole_answer() {
    let block = |input: &str| {
        format!(r#"{{"id":"s","input":{input},"name":"web_search","type":"server_tool_use"}}"#)
    };
    for (pieces, input) in [
        (vec![r#"{"query":"#, r#" "a\nb"}"#], r#"{"query": "a\nb"}"#),
        (vec![r#"{"n":1234567890123456789012}"#], r#"{"n":1234567890123456789012}"#),
        (vec!["", "{}"], "{}"),
        (vec![], "{}"),
        (vec![r#"{"query":"#], "{}"),
    ] {
        let (mut reader, mut answer) = (Decoder::new(Dialect::Anthropic), Collected::default());
        let mut event = |name: &str, fields: String| {
            let data = format!(r#"{{"type":"{name}",{fields}}}"#);
            reader.event(name, data.as_bytes(), |delta| answer.delta(delta)).unwrap();
        };
        event("content_block_start", format!(r#""index":0,"content_block":{}"#, block("{}")));
        for piece in pieces {
            let piece = serde_json::json!({"type": "input_json_delta", "partial_json": piece});
            event("content_block_delta", format!(r#""index":0,"delta":{piece}"#));
        }
        event("content_block_stop", r#""index":0"#.to_owned());
        let mut out = Vec::new();
        answer.write(Dialect::Anthropic, &options(), &mut out);
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains(&format!(r#""content":[{}]"#, block(input))), "{out}");
    }
}

#[test]
fn what_the_upstream_left_unnamed_gets_an_id_in_a_whole_answer() {
    let call = serde_json::json!({"function": {"name": "f", "arguments": "{}"}});
    let message = serde_json::json!({"tool_calls": [call, call]});
    let body = serde_json::json!({"choices": [{"index": 0, "message": message}]});
    let read = |to| -> serde_json::Value {
        serde_json::from_str(&rewritten(Dialect::OpenAiChat, to, &body)).unwrap()
    };
    let chat = read(Dialect::OpenAiChat);
    assert_eq!(chat["id"], "chatcmpl-req");
    let calls = &chat["choices"][0]["message"]["tool_calls"];
    assert_eq!(
        (&calls[0]["id"], &calls[1]["id"]),
        (&"call_req_0_0".into(), &"call_req_0_1".into())
    );
    let message = read(Dialect::Anthropic);
    assert_eq!(message["id"], "msg_req");
    let blocks = &message["content"];
    assert_eq!(
        (&blocks[0]["id"], &blocks[1]["id"]),
        (&"toolu_req_0".into(), &"toolu_req_1".into())
    );
}

#[test]
fn an_answer_stops_for_the_same_reason_whole_and_streamed() {
    let call = serde_json::json!([{"id": "c", "function": {"name": "f", "arguments": "{}"}}]);
    for (message, stop_reason) in [
        (serde_json::json!({"content": "a"}), "end_turn"),
        (serde_json::json!({"refusal": "no"}), "refusal"),
        (serde_json::json!({"tool_calls": call}), "tool_use"),
    ] {
        let choice = serde_json::json!({"index": 0, "message": message, "finish_reason": "stop"});
        let body = serde_json::json!({"id": "i", "choices": [choice]});
        let expected = format!(r#""stop_reason":"{stop_reason}""#);
        let whole = rewritten(Dialect::OpenAiChat, Dialect::Anthropic, &body);
        assert!(whole.contains(&expected), "{whole}");
        let mut out = Vec::new();
        let mut transcoder = Transcoder::new(Dialect::OpenAiChat, Dialect::Anthropic, options());
        transcoder.whole(body.to_string().as_bytes(), &mut out).unwrap();
        transcoder.finish(&mut out);
        let streamed = String::from_utf8(out).unwrap();
        assert!(streamed.contains(&expected), "{streamed}");
    }
}

#[test]
fn arguments_stay_as_the_model_wrote_them() {
    let arguments = r#"{"b":12345678901234567890123,"a":1.10}"#;
    let call = serde_json::json!({"id": "c", "function": {"name": "f", "arguments": arguments}});
    let body = serde_json::json!({"choices": [{"index": 0, "message": {"tool_calls": [call]}}]});
    let written = rewritten(Dialect::OpenAiChat, Dialect::Anthropic, &body);
    assert!(written.contains(&format!(r#""input":{arguments}"#)), "{written}");
}

#[test]
fn what_a_vendor_wrote_over_several_lines_stays_one_event() {
    let events = unnamed(&[
        "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\n \"type\":\"web_search_tool_result\",\r\n \"content\":[]}}",
    ]);
    let translated = translate(Dialect::Anthropic, Dialect::Anthropic, &events);
    assert_eq!(check_anthropic_grammar(&translated), 1);
}

/// Whether translation keeps what both dialects can say; the reason if not.
fn compare(from: Dialect, to: Dialect, events: &[(String, String)]) -> Result<(), String> {
    let direct = read(from, events);
    let mut translated = translate(from, to, events);
    if to == Dialect::Anthropic {
        check_anthropic_grammar(&translated);
    }
    if !direct.ended && direct.error.is_none() {
        // A recording without a terminator: end it as the relay would after a finish reason.
        let mut transcoder = Transcoder::new(from, to, options());
        let mut out = Vec::new();
        for (name, data) in events {
            transcoder.event(name, data.as_bytes(), &mut out).unwrap();
        }
        transcoder.finish(&mut out);
        translated = split(&out);
    }
    let there = read(to, &translated).common();
    let mut here = direct.common();
    here.ended = here.error.is_none();
    if to == Dialect::Anthropic {
        // The end, where this dialect puts finish and usage, never comes after an error.
        if here.error.is_some() {
            (here.finish, here.usage) = (there.finish, there.usage);
        }
    } else if here.error.is_some() {
        here.usage = there.usage;
    }
    let refused = here.finish == Some(FinishReason::Stop)
        && there.finish == Some(FinishReason::ContentFilter);
    if refused {
        here.finish = there.finish;
    }
    if here == there {
        Ok(())
    } else {
        Err(format!("\n  direct     {here:?}\n  translated {there:?}"))
    }
}

#[test]
fn recorded_streams_survive_translation() {
    let (mut all, mut kept) = ([0_u32; 4], [0_u32; 4]);
    for exchange in recorded::exchanges() {
        let (Some(from), Some(events)) = (exchange.dialect(), exchange.events()) else {
            continue;
        };
        for to in BOTH {
            let pair =
                2 * usize::from(from == Dialect::Anthropic) + usize::from(to == Dialect::Anthropic);
            all[pair] += 1;
            match compare(from, to, &events) {
                Ok(()) => kept[pair] += 1,
                Err(reason) => println!(
                    "{} {} {} -> {}{reason:.600}",
                    exchange.provider,
                    exchange.id,
                    from.name(),
                    to.name()
                ),
            }
        }
    }
    println!(
        "openai->openai, openai->anthropic, anthropic->openai, anthropic->anthropic: {kept:?} of {all:?}"
    );
    for (all, kept) in all.into_iter().zip(kept) {
        assert!(f64::from(kept) >= 0.99 * f64::from(all));
    }
}

/// Deltas as a decoder may hand them out, in an order that models produce.
fn deltas() -> impl Strategy<Value = Vec<Delta<'static>>> {
    let word = "[a-zA-Z \"\\\\\n\u{e9}\u{1f600}\u{2028}]{1,6}";
    let piece = prop_oneof![
        4 => word.prop_map(|text| vec![Delta::Text { choice: 0, text: text.into() }]),
        2 => word.prop_map(|text| vec![Delta::Reasoning { choice: 0, text: text.into() }]),
        1 => (word, word).prop_map(|(text, signature)| vec![
            Delta::Reasoning { choice: 0, text: text.into() },
            Delta::Signature { choice: 0, signature: signature.into() },
        ]),
        1 => word.prop_map(|data| vec![Delta::RedactedReasoning { choice: 0, data: data.into() }]),
        2 => (word, proptest::collection::vec(word, 1..3)).prop_map(|(name, fragments)| {
            let mut call = vec![Delta::ToolStart { choice: 0, tool: 0, id: "id".into(), name: name.into() }];
            let fragments = ["{".to_owned()].into_iter().chain(fragments).chain(["}".to_owned()]);
            call.extend(fragments.map(|fragment| Delta::ToolArguments { choice: 0, tool: 0, fragment: fragment.into() }));
            call
        }),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| {
        let (mut deltas, mut tools) =
            (vec![Delta::Start { id: "i".into(), model: "m".into(), created_s: None }], 0);
        for mut piece in pieces.into_iter().flatten() {
            match &mut piece {
                Delta::ToolStart { tool, id, .. } => {
                    *tool = tools;
                    *id = format!("id{tools}").into();
                    tools += 1;
                }
                Delta::ToolArguments { tool, .. } => *tool = tools - 1,
                _ => {}
            }
            deltas.push(piece);
        }
        let reason = if tools > 0 { FinishReason::ToolCalls } else { FinishReason::Stop };
        deltas.push(Delta::Finish { choice: 0, reason, stop_sequence: None });
        deltas.push(Delta::End);
        deltas
    })
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_again(deltas in deltas()) {
        let mut expected = Message::default();
        for delta in &deltas {
            expected.fold(delta);
        }
        for dialect in BOTH {
            let mut encoder = Encoder::new(dialect, options());
            let mut out = Vec::new();
            for delta in &deltas {
                encoder.delta(delta, &mut out);
            }
            let events = split(&out);
            if dialect == Dialect::Anthropic {
                check_anthropic_grammar(&events);
            }
            prop_assert_eq!(read(dialect, &events).common(), expected.clone().common());
        }
    }

    #[test]
    fn same_dialect_encoding_gives_the_same_deltas(deltas in deltas()) {
        // The pieces one by one, not only what they join to.
        for dialect in BOTH {
            let mut encoder = Encoder::new(dialect, options());
            let mut out = Vec::new();
            for delta in &deltas {
                encoder.delta(delta, &mut out);
            }
            let mut decoder = Decoder::new(dialect);
            let mut again: Vec<String> = Vec::new();
            for (name, data) in split(&out) {
                decoder.event(&name, data.as_bytes(), |delta| {
                    if !matches!(delta, Delta::BlockEnd | Delta::Usage { .. } | Delta::Start { .. }) {
                        again.push(format!("{delta:?}"));
                    }
                }).unwrap();
            }
            let expected: Vec<String> = deltas.iter().skip(1).map(|delta| format!("{delta:?}")).collect();
            prop_assert_eq!(again, expected);
        }
    }
}

#[test]
fn upstream_errors_without_words_get_some() {
    let error = UpstreamError::default();
    assert!(!StreamError::from_upstream(&error, "r").message.is_empty());
}

/// An event of another shape, so that nothing can be read by the shape of the one before.
fn spoiler(dialect: Dialect) -> &'static [u8] {
    match dialect {
        Dialect::OpenAiChat => br#"{"choices":[{"index":99,"delta":{"content":"spoiler"}}]}"#,
        Dialect::Gemini => br#"{"candidates":[{"index":99,"content":{"parts":[{"text":"spoiler"}]}}]}"#,
        Dialect::Anthropic => br#"{"type":"content_block_delta","index":99,"delta":{"type":"text_delta","text":"spoiler"}}"#,
        Dialect::OpenAiResponses => br#"{"type":"response.output_text.delta","output_index":99,"delta":"spoiler"}"#,
        Dialect::OpenAiCompletions => br#"{"choices":[{"index":99,"text":"spoiler"}]}"#,
        Dialect::Bedrock => br#"{"contentBlockIndex":99,"delta":{"text":"spoiler"}}"#,
        Dialect::Cohere => br#"{"type":"content-delta","index":99,"delta":{"message":{"content":{"text":"spoiler"}}}}"#,
        Dialect::Ollama => br#"{"model":"spoiler","message":{"content":"spoiler"},"done":false}"#,
    }
}

#[test]
fn recorded_events_read_the_same_by_shape_and_in_full() {
    for exchange in recorded::exchanges() {
        let (Some(dialect), Some(events)) = (exchange.dialect(), exchange.events()) else {
            continue;
        };
        let (mut by_shape, mut in_full) = (Decoder::new(dialect), Decoder::new(dialect));
        in_full.event("", br#"{"id":"","choices":[{"delta":{}}],"type":"ping"}"#, |_| {}).unwrap();
        for (name, data) in &events {
            let (mut one, mut other) = (Vec::new(), Vec::new());
            by_shape
                .event(name, data.as_bytes(), |delta| {
                    one.push(format!("{delta:?}"));
                })
                .unwrap();
            in_full.event("", spoiler(dialect), |_| {}).unwrap();
            in_full
                .event(name, data.as_bytes(), |delta| {
                    other.push(format!("{delta:?}"));
                })
                .unwrap();
            one.retain(|delta| !delta.starts_with("Start"));
            other.retain(|delta| !delta.starts_with("Start"));
            assert_eq!(one, other, "{} {data}", exchange.id);
        }
    }
}

#[test]
fn a_shape_holds_only_for_what_differs_in_its_text() {
    let plain = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}],"obfuscation":"xyz"}"#;
    let cases = [
        (plain.replace("\"a\"", "\"b\""), Some("b")),
        (plain.replace("xyz", ""), Some("a")),
        (plain.replace("xyz", "\u{e9}"), Some("a")),
        (plain.replace("\"a\"", "\"\""), Some("")),
        (plain.replace("\"a\"", r#""\"\n""#), Some("\"\n")),
        (plain.replace("\"a\"", r#""b","refusal":"c""#), Some("bc")),
        (plain.replace("\"a\"", "\"b\"}},{\"delta\":{\"content\":\"c\""), Some("bc")),
        (plain.replace("\"a\"", "null"), Some("")),
        (plain.replace("\"xyz\"", "\"xyz\",\"usage\":{}"), Some("a")),
        (plain.replace("\"xyz\"}", "\"xyz\""), None),
        (plain.replace("\"xyz\"}", "\"xyz\"}}"), None),
        (plain.replace("\"xyz\"}", "\"x\\q\"}"), None),
        (plain.replace("\"a\"", "\"\t\""), None),
    ];
    for (event, expected) in cases {
        let mut decoder = Decoder::new(Dialect::OpenAiChat);
        decoder.event("", plain.as_bytes(), |_| {}).unwrap();
        let mut message = Message::default();
        let result = decoder.event("", event.as_bytes(), |delta| message.fold(delta));
        assert_eq!(result.ok().map(|()| message.text.as_str()), expected, "{event}");
    }
}

proptest! {
    #[test]
    fn any_text_reads_the_same_by_shape(texts in proptest::collection::vec(any::<String>(), 1..6)) {
        let shapes = [
            (Dialect::OpenAiChat, r#"{"choices":[{"delta":{"content":"#, r#"}}],"obfuscation":"abc"}"#),
            (Dialect::OpenAiChat, r#"{"choices":[{"delta":{"reasoning_content":"#, "}}]}"),
            (Dialect::Anthropic, r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"#, "}}"),
        ];
        for (dialect, head, tail) in shapes {
            let mut decoder = Decoder::new(dialect);
            let mut joined = String::new();
            for text in &texts {
                let event = format!("{head}{}{tail}", serde_json::to_string(text).unwrap());
                decoder.event("", event.as_bytes(), |delta| joined.push_str(delta.output_text().unwrap_or(""))).unwrap();
            }
            prop_assert_eq!(joined, texts.concat());
        }
    }
}

#[test]
fn a_whole_answer_and_its_stream_stop_for_the_same_reason_under_the_same_call_ids() {
    let call = r#""tool_calls":[{"type":"function","function":{"name":"f","arguments":"{}"}}]"#;
    for (message, finish, stop_reason, calls) in [
        (r#""content":"hi""#, "stop", "end_turn", 0),
        (r#""content":null,"refusal":"no""#, "stop", "refusal", 0),
        (call, "stop", "tool_use", 1),
        (call, "some_new_word", "tool_use", 1),
        (call, "length", "max_tokens", 1),
    ] {
        let body = format!(
            r#"{{"id":"c","model":"m","choices":[{{"index":0,"message":{{"role":"assistant",{message}}},"finish_reason":"{finish}"}}]}}"#
        );
        let (from, to) = (Dialect::OpenAiChat, Dialect::Anthropic);
        let mut whole = Vec::new();
        let mut answer = Collected::default();
        Decoder::new(from).whole(body.as_bytes(), |delta| answer.delta(delta)).unwrap();
        answer.write(to, &options(), &mut whole);
        let mut stream = Vec::new();
        let mut transcoder = Transcoder::new(from, to, options());
        transcoder.whole(body.as_bytes(), &mut stream).unwrap();
        transcoder.finish(&mut stream);
        for out in [&whole, &stream] {
            let out = std::str::from_utf8(out).unwrap();
            assert!(out.contains(&format!(r#""stop_reason":"{stop_reason}""#)), "{out}");
            assert_eq!(out.matches(r#""id":"toolu_req_0""#).count(), calls, "{out}");
        }
    }
}
