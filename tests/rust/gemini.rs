//! Gemini's dialect: its chunks read and written, its streams as arrays, its requests read and changed in place.

use proptest::prelude::*;
use serde_json::{Value, json};
use sluicegate::body::{for_each_text, lower_gemini_max_tokens, rename_gemini_model, scan};
use sluicegate::dialect::Dialect;
use sluicegate::sse::Items;
use sluicegate::stream::{
    Collected, Decoder, Delta, Encoder, FinishReason, Options, ServiceTier, StreamError, Usage,
};

/// Every delta of some chunks, in a short form.
fn deltas(chunks: &[Value]) -> Vec<String> {
    let mut decoder = Decoder::new(Dialect::Gemini);
    let mut out = Vec::new();
    for chunk in chunks {
        let data = chunk.to_string();
        decoder.event("message", data.as_bytes(), |delta| out.push(short(delta))).unwrap();
    }
    out
}

fn short(delta: &Delta<'_>) -> String {
    match delta {
        Delta::Start { id, model, .. } => format!("start {id} {model}"),
        Delta::Text { choice, text } => format!("text {choice} {text}"),
        Delta::Reasoning { choice, text } => format!("thought {choice} {text}"),
        Delta::Signature { signature, .. } => format!("signature {signature}"),
        Delta::ToolStart { choice, tool, id, name } => format!("call {choice} {tool} {id} {name}"),
        Delta::ToolArguments { tool, fragment, .. } => format!("arguments {tool} {fragment}"),
        Delta::Beside { field, raw, .. } => format!("{field} {raw}"),
        Delta::VendorBlock { raw, text } => format!("vendor {raw} {text}"),
        Delta::Finish { choice, reason, .. } => format!("finish {choice} {}", reason.name()),
        Delta::Usage { usage, .. } => {
            format!("usage {:?} {:?}", usage.input_tokens, usage.output_tokens)
        }
        Delta::Error(error) => format!("error {} {} {}", error.kind, error.code, error.message),
        other => format!("{other:?}"),
    }
}

fn parts(parts: &Value, finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}});
    if let Some(word) = finish {
        candidate["finishReason"] = json!(word);
    }
    json!({"candidates": [candidate]})
}

#[test]
fn what_stands_in_a_chunk_is_read() {
    let call = json!({"functionCall": {"name": "f", "args": {"a": 1}}, "thoughtSignature": "U0lH"});
    let blob = |kind| json!([{"inlineData": {"mimeType": kind, "data": "QQ=="}}]);
    for (chunk, wanted) in [
        (parts(&json!([{"text": "a"}]), None), vec!["text 0 a"]),
        (parts(&json!([{"text": "a", "thought": true}]), None), vec!["thought 0 a"]),
        (parts(&json!([{"text": ""}]), Some("STOP")), vec!["finish 0 stop"]),
        (parts(&json!([{"text": "a"}]), Some("MAX_TOKENS")), vec!["text 0 a", "finish 0 length"]),
        (parts(&json!([]), Some("SAFETY")), vec!["finish 0 content_filter"]),
        (parts(&json!([]), Some("MALFORMED_FUNCTION_CALL")), vec!["finish 0 error"]),
        (parts(&json!([]), Some("A_NEW_ONE")), vec!["finish 0 other"]),
        (json!({"candidates": [{"finishReason": 1}]}), vec!["finish 0 stop"]),
        (
            parts(&json!([call]), Some("STOP")),
            vec![
                "signature sgGeminiU0lH",
                "call 0 0  f",
                r#"arguments 0 {"a":1}"#,
                "finish 0 tool_calls",
            ],
        ),
        (
            parts(&json!([{"text": "a", "thoughtSignature": "U0lH"}]), None),
            vec!["text 0 a", "signature sgGeminiU0lH"],
        ),
        (
            parts(&blob("image/png"), None),
            vec![
                r#"images [{"type":"image_url","image_url":{"url":"data:image/png;base64,QQ=="}}]"#,
            ],
        ),
        (parts(&blob("audio/wav"), None), vec![r#"audio {"data":"QQ=="}"#]),
        (
            parts(&json!([{"executableCode": {"code": "1+1"}}]), None),
            vec![r#"vendor {"executableCode":{"code":"1+1"}} 1+1"#],
        ),
        (json!({"promptFeedback": {"blockReason": "SAFETY"}}), vec!["finish 0 content_filter"]),
        (
            json!({"candidates": [{"index": 1, "content": {"parts": [{"text": "b"}]}}]}),
            vec!["text 1 b"],
        ),
        (
            json!({"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}),
            vec!["error UNAVAILABLE 503 busy"],
        ),
    ] {
        let mut found = deltas(std::slice::from_ref(&chunk));
        found.retain(|delta| !delta.starts_with("start"));
        assert_eq!(found, wanted, "{chunk}");
    }
}

#[test]
fn a_call_that_comes_bit_by_bit_is_put_together() {
    let bit = |call: Value| parts(&json!([{"functionCall": call}]), None);
    let text = |path: &str, text: &str| {
        bit(json!({"partialArgs": [{"jsonPath": path, "stringValue": text}], "willContinue": true}))
    };
    let found = deltas(&[
        bit(json!({"name": "cook", "willContinue": true})),
        text("$.dish.steps[0]", "Boil "),
        text("$.dish.steps[0]", "water"),
        text("$.dish.steps[1]", "Serve"),
        bit(
            json!({"partialArgs": [{"jsonPath": "$['n']", "numberValue": 2}], "willContinue": true}),
        ),
        bit(json!({})),
        parts(&json!([]), Some("STOP")),
    ]);
    let arguments = r#"{"dish":{"steps":["Boil water","Serve"]},"n":2}"#;
    let wanted =
        ["start  ", "call 0 0  cook", &format!("arguments 0 {arguments}"), "finish 0 tool_calls"];
    assert_eq!(found, wanted);
}

#[test]
fn usage_has_thoughts_beside_the_candidates_and_tools_beside_the_prompt() {
    let usage = |metadata: Value| {
        let chunk = json!({"usageMetadata": metadata}).to_string();
        let mut found = Usage::default();
        let mut decoder = Decoder::new(Dialect::Gemini);
        let mut take = |delta: &Delta<'_>| {
            if let Delta::Usage { usage, .. } = delta {
                found = *usage;
            }
        };
        decoder.event("", chunk.as_bytes(), &mut take).unwrap();
        found
    };
    for (metadata, input, output, reasoning) in [
        (json!({"promptTokenCount": 5, "candidatesTokenCount": 7}), Some(5), Some(7), None),
        (
            json!({"promptTokenCount": 5, "candidatesTokenCount": 7, "thoughtsTokenCount": 2}),
            Some(5),
            Some(9),
            Some(2),
        ),
        (
            json!({"promptTokenCount": 5, "candidatesTokenCount": 7, "toolUsePromptTokenCount": 4}),
            Some(9),
            Some(7),
            None,
        ),
        // What is nothing is left out: the total tells.
        (json!({"promptTokenCount": 5, "totalTokenCount": 5}), Some(5), Some(0), None),
        (
            json!({"promptTokenCount": 5, "thoughtsTokenCount": 8, "totalTokenCount": 13}),
            Some(5),
            Some(8),
            Some(8),
        ),
        (json!({"promptTokenCount": 5}), Some(5), None, None),
        (json!({"promptTokenCount": 5, "totalTokenCount": 3}), Some(5), None, None),
        (json!({"promptTokenCount": -1, "candidatesTokenCount": 1.5}), None, None, None),
        (
            json!({"promptTokenCount": 5, "candidatesTokenCount": -1, "totalTokenCount": 9}),
            Some(5),
            None,
            None,
        ),
        (json!({"trafficType": "ON_DEMAND"}), None, None, None),
    ] {
        let found = usage(metadata.clone());
        let told = (found.input_tokens, found.output_tokens, found.reasoning_tokens);
        assert_eq!(told, (input, output, reasoning), "{metadata}");
    }
    let found = usage(json!({
        "promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 10,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 70}, {"modality": "AUDIO", "tokenCount": 30}],
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 4}],
        "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 20}],
        "serviceTier": "priority",
    }));
    let wanted = Usage {
        input_tokens: Some(100),
        cached_input_tokens: Some(60),
        output_tokens: Some(10),
        audio_tokens: Some(30),
        cached_audio_tokens: Some(20),
        image_tokens: Some(4),
        output_image_tokens: Some(4),
        service_tier: Some(ServiceTier::Priority),
        ..Usage::default()
    };
    assert_eq!(found, wanted);
}

fn written(as_array: bool, deltas: &[Delta<'_>]) -> String {
    let options = Options { as_array, request_id: "r".to_owned(), ..Options::default() };
    let mut encoder = Encoder::new(Dialect::Gemini, options);
    let mut out = Vec::new();
    for delta in deltas {
        encoder.delta(delta, &mut out);
    }
    String::from_utf8(out).unwrap()
}

fn answer() -> Vec<Delta<'static>> {
    let usage = Usage {
        input_tokens: Some(3),
        output_tokens: Some(9),
        reasoning_tokens: Some(4),
        ..Usage::default()
    };
    let start = |tool, name: &'static str| Delta::ToolStart {
        choice: 0,
        tool,
        id: "i".into(),
        name: name.into(),
    };
    let arguments = |tool, fragment: &'static str| Delta::ToolArguments {
        choice: 0,
        tool,
        fragment: fragment.into(),
    };
    vec![
        Delta::Start { id: "a".into(), model: "m".into(), created_s: None },
        Delta::Reasoning { choice: 0, text: "hm".into() },
        Delta::Signature { choice: 0, signature: "sgGeminiU0lH".into() },
        start(0, "f"),
        start(1, "g"),
        arguments(0, "{\"x\":"),
        arguments(1, "{}"),
        arguments(0, "\"}\"}"),
        Delta::Text { choice: 0, text: "bye".into() },
        Delta::Finish { choice: 0, reason: FinishReason::ToolCalls, stop_sequence: None },
        Delta::Usage { usage, alone: true },
        Delta::End,
    ]
}

/// The parts of an answer as a client that reads the chunks one after the other has them.
fn parts_of(chunks: &[Value]) -> Vec<Value> {
    let parts = chunks.iter().flat_map(|chunk| {
        chunk["candidates"][0]["content"]["parts"].as_array().cloned().unwrap_or_default()
    });
    parts.collect()
}

#[test]
fn both_forms_of_a_stream_say_the_same() {
    let events = written(false, &answer());
    let chunks: Vec<Value> = events
        .split_terminator("\n\n")
        .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
        .collect();
    let array: Vec<Value> = serde_json::from_str(&written(true, &answer())).unwrap();
    assert_eq!(array, chunks);
    let wanted = [
        json!({"text": "hm", "thought": true}),
        json!({"functionCall": {"id": "i", "name": "g", "args": {}}}),
        json!({
            "functionCall": {"id": "i", "name": "f", "args": {"x": "}"}},
            "thoughtSignature": "U0lH",
        }),
        json!({"text": "bye"}),
        json!({"text": ""}),
    ];
    assert_eq!(parts_of(&chunks), wanted);
    let last = chunks.last().unwrap();
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    let usage = json!({"promptTokenCount": 3, "candidatesTokenCount": 5, "thoughtsTokenCount": 4, "totalTokenCount": 12});
    assert_eq!(last["usageMetadata"], usage);
    assert!(chunks.iter().all(|chunk| chunk["modelVersion"] == "m" && chunk["responseId"] == "a"));
}

#[test]
fn another_vendors_signature_stays_with_its_thought() {
    let thought = [
        Delta::Reasoning { choice: 0, text: "hm".into() },
        Delta::Signature { choice: 0, signature: "QUJD".into() },
        Delta::Signature { choice: 0, signature: "not base64".into() },
    ];
    let events = written(false, &thought);
    assert!(events.contains(r#""thought":true,"thoughtSignature":"sgAnthroQUJD""#), "{events}");
    assert!(!events.contains("not base64"), "{events}");
    let mut whole = Collected::default();
    for delta in thought.iter().take(2) {
        whole.delta(delta);
    }
    let mut out = Vec::new();
    whole.write(Dialect::Gemini, &Options::default(), &mut out);
    let body: Value = serde_json::from_slice(&out).unwrap();
    let wanted = json!([{"text": "hm", "thought": true, "thoughtSignature": "sgAnthroQUJD"}]);
    assert_eq!(body["candidates"][0]["content"]["parts"], wanted);
}

#[test]
fn a_whole_answer_is_what_its_stream_was() {
    let mut whole = Collected::default();
    for delta in &answer() {
        whole.delta(delta);
    }
    let mut out = Vec::new();
    whole.write(Dialect::Gemini, &Options::default(), &mut out);
    let body: Value = serde_json::from_slice(&out).unwrap();
    let parts = body["candidates"][0]["content"]["parts"].as_array().unwrap();
    let signed = json!({"id": "i", "name": "f", "args": {"x": "}"}});
    assert_eq!(parts[1], json!({"functionCall": signed, "thoughtSignature": "U0lH"}));
    assert_eq!(parts.len(), 4);
    assert_eq!(body["usageMetadata"]["totalTokenCount"], 12);
}

#[test]
fn an_error_ends_both_forms() {
    let error = StreamError {
        message: "it broke",
        kind: "api_error",
        code: "upstream_truncated",
        origin: "upstream",
        request_id: "r",
    };
    for (as_array, has_content) in [(false, true), (true, true), (true, false)] {
        let options = Options { as_array, ..Options::default() };
        let mut encoder = Encoder::new(Dialect::Gemini, options);
        let mut out = Vec::new();
        if has_content {
            encoder.delta(&Delta::Text { choice: 0, text: "a".into() }, &mut out);
        }
        encoder.error(&error, &mut out);
        encoder.terminator(&mut out);
        let text = String::from_utf8(out).unwrap();
        let last: Value = if as_array {
            serde_json::from_str::<Vec<Value>>(&text).unwrap().pop().unwrap()
        } else {
            serde_json::from_str(text.trim().rsplit("data: ").next().unwrap()).unwrap()
        };
        let error = &last["error"];
        assert_eq!(error["code"], 502);
        assert_eq!(error["details"][0]["reason"], "upstream_truncated");
        assert_eq!(error["details"][0]["metadata"]["origin"], "upstream");
    }
}

/// Items, all the raw bytes, and whether the array ended.
type Found = (Vec<Vec<u8>>, Vec<u8>, bool);

/// What is found in a body fed in these pieces; None where it is no array of objects.
fn items(pieces: &[&[u8]]) -> Option<Found> {
    let mut reader = Items::new(1 << 20);
    let (mut found, mut raw) = (Vec::new(), Vec::new());
    for piece in pieces {
        let fed = reader.feed(piece, |frame| {
            raw.extend_from_slice(frame.raw);
            found.extend(frame.event.map(|event| event.data.into_owned()));
        });
        fed.ok()?;
    }
    let closed = reader.is_closed();
    reader.finish(|frame| raw.extend_from_slice(frame.raw));
    Some((found, raw, closed))
}

const ARRAY: &str =
    "\u{FEFF}[{\"a\": \"}]\\\"{[\"}\r\n,\n{\"b\":[1,{\"c\":\"\u{1F600}\"}]} ,{}\n]\r\n";

#[test]
fn items_are_found_at_every_cut() {
    let body = ARRAY.as_bytes();
    let whole = items(&[body]).unwrap();
    assert_eq!(whole.0.len(), 3);
    assert_eq!(whole.1, body);
    assert!(whole.2);
    for cut in 0..=body.len() {
        let (head, tail) = body.split_at(cut);
        assert_eq!(items(&[head, tail]).unwrap(), whole, "cut at {cut}");
    }
    let single: Vec<&[u8]> = body.chunks(1).collect();
    assert_eq!(items(&single).unwrap(), whole);
}

#[test]
fn what_is_no_array_of_objects_is_an_error() {
    for body in ["x", "{}", "[1]", "[\"a\"]", "[[]]", "[{}}"] {
        assert!(items(&[body.as_bytes()]).is_none(), "{body}");
    }
    let (found, _, closed) = items(&[b"[{\"a\":1},{\"b\""]).unwrap();
    assert_eq!((found.len(), closed), (1, false));
    let mut small = Items::new(8);
    assert!(small.feed(b"[{\"a\":\"123456789\"}]", |_| {}).is_err());
}

proptest! {
    #[test]
    fn an_array_loses_no_byte(texts in prop::collection::vec(".*", 0..6), cuts in prop::collection::vec(0_usize..400, 0..6)) {
        let body = json!(texts.iter().map(|text| json!({"text": text})).collect::<Vec<_>>()).to_string();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &body.as_bytes()[w[0]..w[1]]).collect();
        let (found, raw, closed) = items(&pieces).unwrap();
        prop_assert_eq!(raw, body.as_bytes());
        prop_assert!(closed);
        let read: Vec<String> = found.iter().map(|item| {
            serde_json::from_slice::<Value>(item).unwrap()["text"].as_str().unwrap().to_owned()
        }).collect();
        prop_assert_eq!(read, texts);
    }
}

#[test]
fn the_bounds_of_a_request_are_read_however_they_are_written() {
    for (config, tokens, n) in [
        (r#"{"maxOutputTokens":7}"#, Some(7), None),
        (r#"{"max_output_tokens":7,"candidate_count":2}"#, Some(7), Some(2)),
        (r#"{"maxOutputTokens":"7","candidateCount":"3"}"#, Some(7), Some(3)),
        (r#"{"maxOutputTokens":7.0}"#, Some(7), None),
        (r#"{"maxOutputTokens":1e3}"#, Some(1000), None),
        (r#"{"maxOutputTokens":null}"#, None, None),
        (r#"{"maxOutputTokens":5,"max_output_tokens":9}"#, Some(9), None),
        ("{}", None, None),
        ("null", None, None),
        ("[]", None, None),
    ] {
        for name in ["generationConfig", "generation_config"] {
            let body = format!(r#"{{"{name}":{config}}}"#);
            let found = scan(body.as_bytes()).unwrap();
            assert_eq!((found.max_tokens(), found.n()), (tokens, n), "{body}");
        }
    }
    for value in ["-1", "1.5", "\"x\"", "true", "1e16", "[]", "\"\""] {
        let body = format!(r#"{{"generationConfig":{{"maxOutputTokens":{value}}}}}"#);
        assert!(scan(body.as_bytes()).is_err(), "{body}");
    }
    let body = r#"{"contents":[{"role":"user","parts":[{"text":"four"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}},{"fileData":{"fileUri":"gs://x"}},{"thoughtSignature":"SSSS"}]}],"systemInstruction":{"parts":{"text":"two"}}}"#;
    let found = scan(body.as_bytes()).unwrap();
    assert_eq!((found.text_bytes(), found.media()), (7, 2));
    let mut texts = Vec::new();
    for_each_text(body.as_bytes(), |text| texts.push(text.to_owned()));
    assert_eq!(texts, ["four", "two"]);
}

#[test]
fn a_bound_is_lowered_where_it_stands() {
    for (body, wanted) in [
        ("{}", r#"{"generationConfig":{"maxOutputTokens":5}}"#),
        (r#"{"contents":[]}"#, r#"{"generationConfig":{"maxOutputTokens":5},"contents":[]}"#),
        (
            r#"{"generationConfig" : {"topK":1, "maxOutputTokens" : 9 }}"#,
            r#"{"generationConfig" : {"topK":1, "maxOutputTokens" : 5 }}"#,
        ),
        (
            r#"{"generation_config":{"max_output_tokens":"9"}}"#,
            r#"{"generation_config":{"max_output_tokens":5}}"#,
        ),
        (
            r#"{"generationConfig":{"maxOutputTokens":4}}"#,
            r#"{"generationConfig":{"maxOutputTokens":4}}"#,
        ),
        (
            r#"{"generationConfig":{"topK":1}}"#,
            r#"{"generationConfig":{"maxOutputTokens":5,"topK":1}}"#,
        ),
        (r#"{"generationConfig":null}"#, r#"{"generationConfig":{"maxOutputTokens":5}}"#),
    ] {
        let lowered = String::from_utf8(lower_gemini_max_tokens(body.as_bytes(), 5)).unwrap();
        assert_eq!(lowered, wanted, "{body}");
    }
}

#[test]
fn a_model_is_named_anew_wherever_it_is_named() {
    for (body, wanted) in [
        (r#"{"contents":[ ]}"#, r#"{"contents":[ ]}"#),
        (r#"{"model" : "models/a","x":1}"#, r#"{"model" : "models/n","x":1}"#),
        (
            r#"{"generateContentRequest":{"contents":[]}}"#,
            r#"{"generateContentRequest":{"model":"models/n","contents":[]}}"#,
        ),
        (
            r#"{"requests":[{"model":"models/a","content":{}}, {"content":{"model":1}}]}"#,
            r#"{"requests":[{"model":"models/n","content":{}},{"model":"models/n","content":{"model":1}}]}"#,
        ),
        (r#"{"requests":[1]}"#, r#"{"requests":[1]}"#),
    ] {
        let renamed = rename_gemini_model(body.as_bytes(), br#""models/n""#);
        assert_eq!(String::from_utf8(renamed).unwrap(), wanted, "{body}");
    }
}
