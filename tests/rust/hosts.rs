//! What hosts speak and no client: Cohere's chat and Ollama's, read whole and in pieces.

use serde_json::{Value, json};
use sluicegate::body::lower_ollama_max_tokens;
use sluicegate::dialect::Dialect;
use sluicegate::error::Error;
use sluicegate::meter::read_answer;
use sluicegate::price::Tokens;
use sluicegate::sse::Lines;
use sluicegate::stream::{Decoder, Delta, Options, Transcoder, UpstreamError};

/// Every delta of some events, in a short form.
fn streamed(dialect: Dialect, events: &[Value]) -> Vec<String> {
    let mut decoder = Decoder::new(dialect);
    let mut out = Vec::new();
    for event in events {
        let data = event.to_string();
        decoder.event("message", data.as_bytes(), |delta| out.push(short(delta))).unwrap();
    }
    out
}

fn whole(dialect: Dialect, body: &Value) -> Vec<String> {
    let mut out = Vec::new();
    let body = body.to_string();
    Decoder::new(dialect).whole(body.as_bytes(), |delta| out.push(short(delta))).unwrap();
    out
}

fn short(delta: &Delta<'_>) -> String {
    match delta {
        Delta::Start { id, model, created_s } => format!("start {id} {model} {created_s:?}"),
        Delta::Text { text, .. } => format!("text {text}"),
        Delta::Reasoning { text, .. } => format!("thought {text}"),
        Delta::ToolStart { tool, id, name, .. } => format!("call {tool} {id} {name}"),
        Delta::ToolArguments { tool, fragment, .. } => format!("arguments {tool} {fragment}"),
        Delta::Citation { raw } => format!("source {raw}"),
        Delta::Beside { field, raw, .. } => format!("{field} {raw}"),
        Delta::Finish { reason, .. } => format!("finish {}", reason.name()),
        Delta::Usage { usage, .. } => {
            format!("usage {:?} {:?}", usage.input_tokens, usage.output_tokens)
        }
        Delta::Error(UpstreamError { message, kind, code, .. }) => {
            format!("error {kind}|{code}|{message}")
        }
        Delta::BlockEnd => "end of block".to_owned(),
        Delta::End => "end".to_owned(),
        other => format!("{other:?}"),
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn line(message: &Value) -> Value {
    json!({"model": "m", "created_at": "1970-01-01T00:00:07.5Z", "message": message, "done": false})
}

fn last(fields: &Value) -> Value {
    let mut out = line(&json!({"role": "assistant", "content": ""}));
    out["done"] = json!(true);
    for (name, value) in fields.as_object().unwrap() {
        out[name] = value.clone();
    }
    out
}

const START: &str = "start  m Some(7)";

#[test]
fn what_stands_in_a_line_is_read() {
    let call = json!({"function": {"name": "f", "arguments": {"a": 1}}});
    let named = json!({"id": "c1", "function": {"index": 1, "name": "g", "arguments": {}}});
    for (lines, wanted) in [
        (vec![line(&json!({"content": "a"}))], vec!["text a"]),
        (vec![line(&json!({"content": "", "thinking": "a"}))], vec!["thought a"]),
        (vec![line(&json!({"content": "b", "thinking": "a"}))], vec!["thought a", "text b"]),
        (
            vec![line(&json!({"content": "", "tool_calls": [call, named]}))],
            vec!["call 0  f", r#"arguments 0 {"a":1}"#, "call 1 c1 g", "arguments 1 {}"],
        ),
        (
            vec![
                line(&json!({"tool_calls": [call]})),
                last(&json!({"done_reason": "stop", "prompt_eval_count": 9, "eval_count": 4})),
            ],
            vec![
                "call 0  f",
                r#"arguments 0 {"a":1}"#,
                "finish tool_calls",
                "usage Some(9) Some(4)",
                "end",
            ],
        ),
        (vec![last(&json!({"done_reason": "length"}))], vec!["finish length", "end"]),
        (vec![last(&json!({"done_reason": "a new one"}))], vec!["finish other", "end"]),
        // An older server; one that read its prompt from the cache.
        (vec![last(&json!({"eval_count": 4}))], vec!["finish stop", "usage None Some(4)", "end"]),
        (
            vec![line(&json!({"content": "a"})), json!({"error": "the model ran away"})],
            vec!["text a", "error ||the model ran away"],
        ),
    ] {
        let read = streamed(Dialect::Ollama, &lines);
        let (start, rest) = read.split_first().unwrap();
        assert_eq!((start.as_str(), rest), (START, &owned(&wanted)[..]), "{lines:?}");
    }
    let probabilities = json!({"content": "a", "role": "assistant"});
    let mut told = line(&probabilities);
    told["logprobs"] = json!([{"token": "a", "logprob": -0.5}]);
    assert_eq!(
        streamed(Dialect::Ollama, &[told])[2],
        r#"logprobs {"content":[{"logprob":-0.5,"token":"a"}]}"#
    );
}

#[test]
fn what_follows_the_last_line_is_dropped() {
    let after = line(&json!({"content": "late"}));
    let read = streamed(Dialect::Ollama, &[last(&json!({"done_reason": "stop"})), after]);
    assert_eq!(read, [START, "finish stop", "end"]);
}

#[test]
fn a_whole_answer_is_one_line_and_ends_with_its_body() {
    let mut body = last(&json!({"done_reason": "stop", "prompt_eval_count": 9, "eval_count": 4}));
    body["message"]["content"] = json!("a");
    assert_eq!(
        whole(Dialect::Ollama, &body),
        [START, "text a", "finish stop", "usage Some(9) Some(4)"]
    );
    assert_eq!(whole(Dialect::Ollama, &json!({"error": "no"})), ["error ||no"]);
    let bare = json!({"model": "m", "message": {}, "done": false}).to_string();
    assert!(read_answer(Dialect::Ollama, bare.as_bytes()).unwrap().empty);
}

#[test]
fn calls_without_an_id_get_one_that_stays() {
    let call = line(&json!({"tool_calls": [
        {"function": {"name": "f", "arguments": {}}}, {"function": {"name": "f", "arguments": {}}},
    ]}));
    let options = Options { request_id: "req".to_owned(), ..Options::default() };
    let ids = |to| {
        let mut transcoder = Transcoder::new(Dialect::Ollama, to, options.clone());
        let mut out = Vec::new();
        transcoder.event("", call.to_string().as_bytes(), &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let found = text.match_indices("\"id\":\"").map(|(at, key)| {
            let rest = &text[at + key.len()..];
            rest[..rest.find('"').unwrap()].to_owned()
        });
        found.filter(|id| id.contains("call") || id.contains("tool")).collect::<Vec<_>>()
    };
    for to in [Dialect::OpenAiChat, Dialect::Anthropic] {
        let made = ids(to);
        assert_eq!(made.len(), 2, "{made:?}");
        assert_ne!(made[0], made[1]);
        assert_eq!(made, ids(to));
    }
}

#[test]
fn a_bound_stands_in_the_options() {
    for (body, wanted) in [
        (json!({}), 5),
        (json!({"options": {}}), 5),
        (json!({"options": {"num_predict": 9, "seed": 1}}), 5),
        (json!({"options": {"num_predict": 3}}), 3),
        (json!({"options": {"num_predict": -1}}), 5),
    ] {
        let lowered = lower_ollama_max_tokens(body.to_string().as_bytes(), 5);
        let read: Value = serde_json::from_slice(&lowered).unwrap();
        assert_eq!(read["options"]["num_predict"], wanted, "{body}");
        assert_eq!(read["options"]["seed"], body["options"]["seed"]);
    }
}

fn lines(max: usize, pieces: &[&[u8]]) -> (Vec<(String, bool)>, Result<(), Error>) {
    let mut reader = Lines::new(max);
    let mut found = Vec::new();
    let mut take = |frame: sluicegate::sse::Frame<'_>| {
        let data = frame
            .event
            .map_or(String::new(), |event| String::from_utf8(event.data.to_vec()).unwrap());
        found.push((data, frame.complete));
    };
    let fed = pieces.iter().try_for_each(|piece| reader.feed(piece, &mut take));
    if fed.is_ok() {
        reader.finish(&mut take);
    }
    (found, fed)
}

#[test]
fn lines_are_read_whatever_ends_them() {
    let line = |text: &str, complete| (text.to_owned(), complete);
    for (wire, wanted) in [
        (&b"{\"a\":1}\n{\"b\":2}\n"[..], vec![line("{\"a\":1}", true), line("{\"b\":2}", true)]),
        (b"{}\r\n \r\n{}", vec![line("{}", true), line("", true), line("{}", false)]),
        (b"\xEF\xBB\xBF{}\n", vec![line("{}", true)]),
        (b"{\"a\":", vec![line("{\"a\":", false)]),
        (b"", vec![]),
    ] {
        for size in 1..=wire.len().max(1) {
            let pieces: Vec<&[u8]> = wire.chunks(size).collect();
            assert_eq!(lines(100, &pieces).0, wanted, "pieces of {size}");
        }
    }
}

#[test]
fn a_line_past_the_bound_is_an_error_for_any_cut() {
    let wire = b"{\"a\":1}\n{\"a\":12345}\n"; // 8 and 12 bytes
    for (max, fits) in [(7, 0), (8, 1), (11, 1), (12, 2)] {
        for size in 1..=wire.len() {
            let pieces: Vec<&[u8]> = wire.chunks(size).collect();
            let (found, fed) = lines(max, &pieces);
            assert_eq!(found.len(), fits, "at most {max} bytes, pieces of {size}");
            assert_eq!(fed.is_ok(), fits == 2);
        }
    }
    let endless: Vec<&[u8]> = vec![b"x"; 1000];
    assert!(lines(100, &endless).1.is_err(), "a line without an end");
}

fn event(kind: &str, message: &Value) -> Value {
    json!({"type": kind, "index": 0, "delta": {"message": message}})
}

fn first() -> Value {
    let message = json!({"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []});
    json!({"type": "message-start", "id": "i", "delta": {"message": message}})
}

fn over(reason: &str, more: &Value) -> Value {
    let mut delta = json!({"finish_reason": reason});
    for (name, value) in more.as_object().unwrap() {
        delta[name] = value.clone();
    }
    json!({"type": "message-end", "delta": delta})
}

#[test]
fn what_stands_in_an_event_is_read() {
    let text = |text: &str| event("content-delta", &json!({"content": {"text": text}}));
    let called =
        json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}});
    let more = |text: &str| {
        event("tool-call-delta", &json!({"tool_calls": {"function": {"arguments": text}}}))
    };
    let source = |source: Value| {
        event("citation-start", &json!({"citations": {"start": 0, "end": 1, "sources": [source]}}))
    };
    let page = r#"source {"type":"web_search_result_location","url":"https://h","title":"t","cited_text":"","encrypted_index":""}"#;
    let counts = json!({"usage": {
        "billed_units": {"input_tokens": 5, "output_tokens": 4},
        "tokens": {"input_tokens": 9, "output_tokens": 6},
        "cached_tokens": 8,
    }});
    for (events, wanted) in [
        (vec![text("a"), text("b")], vec!["text a", "text b"]),
        (vec![event("content-delta", &json!({"content": {"thinking": "a"}}))], vec!["thought a"]),
        (
            vec![
                event("content-start", &json!({"content": {"type": "text", "text": ""}})),
                json!({"type": "content-end", "index": 0}),
            ],
            vec!["end of block"],
        ),
        (vec![event("tool-plan-delta", &json!({"tool_plan": "a"}))], vec!["thought a"]),
        (
            vec![
                event("tool-call-start", &json!({"tool_calls": called})),
                more("{\"a\":"),
                more("1}"),
                json!({"type": "tool-call-end", "index": 0}),
                more("late"),
            ],
            vec!["call 0 c1 f", "arguments 0 {\"a\":", "arguments 0 1}", "end of block"],
        ),
        (
            vec![event("tool-call-start", &json!({"tool_calls": called})), more("null")],
            vec!["call 0 c1 f"],
        ),
        (
            vec![source(
                json!({"type": "document", "document": {"url": "https://h", "title": "t"}}),
            )],
            vec![page],
        ),
        (vec![source(json!({"id": "https://h", "tool_output": {"title": "t"}}))], vec![page]),
        (vec![source(json!({"id": "doc:0", "document": {"text": "a"}}))], vec![]),
        (vec![over("COMPLETE", &counts)], vec!["finish stop", "usage Some(9) Some(6)", "end"]),
        (vec![over("TOOL_CALL", &json!({}))], vec!["finish tool_calls", "end"]),
        (vec![over("MAX_TOKENS", &json!({}))], vec!["finish length", "end"]),
        (vec![over("STOP_SEQUENCE", &json!({}))], vec!["finish stop_sequence", "end"]),
        (
            vec![over("ERROR", &json!({"usage": {}, "error": "no", "error_type": "BAD"}))],
            vec!["error BAD|BAD|no"],
        ),
        (
            vec![over("TIMEOUT", &json!({}))],
            vec!["error TIMEOUT|TIMEOUT|the provider ended its answer with TIMEOUT"],
        ),
        (vec![json!({"id": "x", "message": "too many tokens"})], vec!["error ||too many tokens"]),
        (vec![json!({"type": "debug", "prompt": "p"}), json!({"type": "a new one"})], vec![]),
    ] {
        let events: Vec<Value> = std::iter::once(first()).chain(events).collect();
        let read = streamed(Dialect::Cohere, &events);
        let (start, rest) = read.split_first().unwrap();
        assert_eq!((start.as_str(), rest), ("start i  None", &owned(&wanted)[..]), "{events:?}");
    }
}

#[test]
fn the_word_behind_the_last_event_says_nothing() {
    let mut decoder = Decoder::new(Dialect::Cohere);
    let mut out = Vec::new();
    for data in ["[DONE]", &over("COMPLETE", &json!({})).to_string(), "[DONE]"] {
        decoder.event("message", data.as_bytes(), |delta| out.push(short(delta))).unwrap();
    }
    assert_eq!(out, ["start   None", "finish stop", "end"]);
}

#[test]
fn a_whole_answer_has_each_source_behind_its_own_text() {
    let source = |url: &str| json!([{"id": url}]);
    let body = json!({
        "id": "i",
        "message": {
            "role": "assistant",
            "tool_plan": "p",
            "content": [{"type": "thinking", "thinking": "a"}, {"type": "text", "text": "b"}],
            "citations": [{"sources": source("https://h"), "content_index": 1}, {"sources": source("doc")}],
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "null"}}],
        },
        "finish_reason": "TOOL_CALL",
        "usage": {"billed_units": {"input_tokens": 5, "output_tokens": 4}},
    });
    let read = whole(Dialect::Cohere, &body);
    let wanted = [
        "start i  None",
        "thought p",
        "thought a",
        "end of block",
        "text b",
        r#"source {"type":"web_search_result_location","url":"https://h","title":"","cited_text":"","encrypted_index":""}"#,
        "end of block",
        "call 0 c1 f",
        "end of block",
        "finish tool_calls",
        "usage Some(5) Some(4)",
    ];
    assert_eq!(read, wanted);
    let refused = json!({"id": "x", "message": "the model was removed"});
    assert_eq!(whole(Dialect::Cohere, &refused), ["error ||the model was removed"]);
}

#[test]
fn what_is_charged_is_what_is_billed() {
    let body = json!({
        "id": "i",
        "message": {"role": "assistant", "content": [{"type": "text", "text": "b"}]},
        "finish_reason": "COMPLETE",
        "usage": {
            "billed_units": {"input_tokens": 5, "output_tokens": 4},
            "tokens": {"input_tokens": 900, "output_tokens": 6, "reasoning_tokens": 5},
            "cached_tokens": 800,
        },
    });
    let body = body.to_string();
    let usage = read_answer(Dialect::Cohere, body.as_bytes()).unwrap().usage;
    assert_eq!((usage.input_tokens, usage.cached_input_tokens), (Some(900), Some(800)));
    assert_eq!((usage.output_tokens, usage.reasoning_tokens), (Some(6), Some(5)));
    let charged = Tokens::from(&usage);
    assert_eq!((charged.input, charged.cached_input, charged.output), (5, 0, 4));
}
