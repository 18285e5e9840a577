//! `OpenAI` Responses: tables by hand, then every recorded stream, cut at every event and through every dialect.

mod recorded;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use sluicegate::dialect::Dialect;
use sluicegate::meter::read_answer;
use sluicegate::stream::{
    Collected, Decoder, Delta, Encoder, FinishReason, Options, StreamError, Trail, Transcoder,
    Usage,
};

const RESPONSES: Dialect = Dialect::OpenAiResponses;

type Events = Vec<(String, String)>;

fn options() -> Options {
    let echo = vec![("tool_choice".to_owned(), r#""required""#.to_owned())];
    Options {
        include_usage: true,
        request_id: "req".to_owned(),
        created_s: 7,
        echo,
        ..Options::default()
    }
}

/// What a client has in hand.
#[derive(Debug, Default, PartialEq, Clone)]
struct Message {
    id: String,
    text: String,
    reasoning: String,
    sealed: Vec<String>,
    tools: BTreeMap<u32, (String, String, String)>,
    finish: Option<FinishReason>,
    usage: Usage,
    error: Option<(String, String)>,
    sources: usize,
    ended: bool,
}

impl Message {
    fn fold(&mut self, delta: &Delta<'_>) {
        match delta {
            Delta::Start { id, .. } => id.as_ref().clone_into(&mut self.id),
            Delta::Text { text, .. } | Delta::Refusal { text, .. } => self.text.push_str(text),
            Delta::Reasoning { text, .. } => self.reasoning.push_str(text),
            Delta::Signature { signature: sealed, .. }
            | Delta::RedactedReasoning { data: sealed, .. } => self.sealed.push(sealed.to_string()),
            Delta::ToolStart { tool, id, name, .. } => {
                let call = (id.to_string(), name.to_string(), String::new());
                assert_eq!(self.tools.insert(*tool, call), None);
            }
            Delta::ToolArguments { tool, fragment, .. } => {
                self.tools.get_mut(tool).unwrap().2.push_str(fragment);
            }
            Delta::Citation { .. } => self.sources += 1,
            Delta::Finish { reason, .. } => self.finish = Some(*reason),
            Delta::Usage { usage, .. } => self.usage = *usage,
            Delta::Error(error) => self.error = Some((error.message.clone(), error.code.clone())),
            Delta::End => self.ended = true,
            _ => {}
        }
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

fn read_whole(body: &str) -> Message {
    let mut message = Message::default();
    Decoder::new(RESPONSES).whole(body.as_bytes(), |delta| message.fold(delta)).unwrap();
    message
}

fn split(out: &[u8]) -> Events {
    recorded::split(std::str::from_utf8(out).unwrap())
}

/// The last event, after a check of what the protocol demands of all: numbers that count up, names that are types, items
/// and parts that begin, grow and end in their order, and a last event that repeats what the others told.
fn check_grammar(events: &[(String, String)]) -> Value {
    let mut open: BTreeMap<u64, String> = BTreeMap::new();
    let mut done: BTreeMap<u64, Value> = BTreeMap::new();
    let mut text = String::new();
    for (number, (name, data)) in events.iter().enumerate() {
        let event: Value = serde_json::from_str(data).unwrap();
        assert_eq!(event["type"], name.as_str());
        assert_eq!(event["sequence_number"], number, "{data}");
        let index = event["output_index"].as_u64();
        match name.as_str() {
            "response.created" | "response.in_progress" => {
                assert_eq!(event["response"]["status"], "in_progress");
            }
            "response.output_item.added" => {
                let id = event["item"]["id"].as_str().unwrap().to_owned();
                assert_eq!(open.insert(index.unwrap(), id), None);
            }
            "response.output_item.done" => {
                assert_eq!(open.remove(&index.unwrap()).unwrap(), event["item"]["id"]);
                done.insert(index.unwrap(), event["item"].clone());
            }
            "response.completed" | "response.incomplete" => {
                assert!(open.is_empty());
                let items: Vec<Value> = done.values().cloned().collect();
                assert_eq!(event["response"]["output"], json!(items));
                assert_eq!(event["response"]["status"], name.strip_prefix("response.").unwrap());
            }
            _ => {
                assert_eq!(event["item_id"], open[&index.unwrap()].as_str(), "{data}");
                if name == "response.output_text.delta" {
                    text.push_str(event["delta"].as_str().unwrap());
                }
                if name == "response.output_text.done" {
                    assert_eq!(event["text"], std::mem::take(&mut text));
                }
            }
        }
    }
    serde_json::from_str(&events.last().unwrap().1).unwrap()
}

fn recorded_streams() -> impl Iterator<Item = (recorded::Exchange, Events)> {
    let all = recorded::exchanges().into_iter();
    all.filter(|exchange| exchange.endpoint == "responses").filter_map(|exchange| {
        let events = exchange.events()?;
        // Some recordings hold the streams of a whole loop.
        let end = events.iter().position(|(_, data)| {
            let event: Value = serde_json::from_str(data).unwrap_or_default();
            let kind = event["type"].as_str().unwrap_or_default();
            ["response.completed", "response.incomplete", "response.failed"].contains(&kind)
        })?;
        let events = events.into_iter().take(end + 1).collect();
        Some((exchange, events))
    })
}

#[test]
fn ways_to_end() {
    let response = |more: Value| {
        let mut response = json!({"id": "resp_1", "model": "m", "output": []});
        response.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        response
    };
    let length = json!({"incomplete_details": {"reason": "max_output_tokens"}});
    let filter = json!({"incomplete_details": {"reason": "content_filter"}});
    let failed = json!({"error": {"code": "server_error", "message": "no"}});
    let error = || Some(("no".to_owned(), "server_error".to_owned()));
    let cases = [
        ("response.completed", json!({}), Some(FinishReason::Stop), None),
        ("response.incomplete", length, Some(FinishReason::Length), None),
        ("response.incomplete", filter, Some(FinishReason::ContentFilter), None),
        ("response.incomplete", json!({}), Some(FinishReason::Length), None),
        ("response.failed", failed, None, error()),
    ];
    for (kind, more, finish, error) in cases {
        let event = json!({"type": kind, "response": response(more)}).to_string();
        let message = read(RESPONSES, &[(String::new(), event)]);
        assert_eq!((message.finish, message.error.clone()), (finish, error), "{kind}");
        assert_eq!(message.ended, message.error.is_none(), "{kind}");
    }
    let cancelled = json!({"type": "response.cancelled", "response": response(json!({}))});
    let message = read(RESPONSES, &[(String::new(), cancelled.to_string())]);
    assert!(message.error.unwrap().0.contains("response.cancelled"));
}

#[test]
fn errors_inside_a_stream_in_both_forms() {
    for event in [
        r#"{"type":"error","code":"rate_limit_exceeded","message":"busy","param":null}"#,
        r#"{"type":"error","error":{"type":"tokens","code":"rate_limit_exceeded","message":"busy"}}"#,
    ] {
        let message = read(RESPONSES, &[("error".to_owned(), event.to_owned())]);
        let said = message.error.as_ref().map(|(message, code)| (&**message, &**code));
        assert_eq!(said, Some(("busy", "rate_limit_exceeded")));
    }
}

#[test]
fn our_error_reads_as_one_in_both_forms() {
    let error = StreamError {
        message: "it \"broke\"",
        kind: "api_error",
        code: "upstream_reset",
        origin: "upstream",
        request_id: "r",
    };
    let mut out = Vec::new();
    let mut encoder = Encoder::new(RESPONSES, options());
    encoder.error(&error, &mut out);
    encoder.terminator(&mut out);
    let events = split(&out);
    let [(name, data)] = events.as_slice() else { panic!("{events:?}") };
    let event: Value = serde_json::from_str(data).unwrap();
    assert_eq!(name, "error");
    for place in [&event, &event["error"]] {
        assert_eq!(place["message"], error.message);
        assert_eq!(place["code"], error.code);
    }
    assert_eq!(event["error"]["request_id"], "r");
}

#[test]
fn hosts_that_tell_less() {
    let begun = r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f","arguments":""}}"#;
    let ended = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"c","name":"f","arguments":"{\"a\":1}"}}"#;
    let call = BTreeMap::from([(0, ("c".to_owned(), "f".to_owned(), r#"{"a":1}"#.to_owned()))]);
    let unnamed = |events: &[&str]| -> Events {
        events.iter().map(|data| (String::new(), (*data).to_owned())).collect()
    };
    for events in [unnamed(&[begun, ended]), unnamed(&[ended]), unnamed(&[begun, ended, ended])] {
        assert_eq!(read(RESPONSES, &events).tools, call);
    }
    let whole = r#"{"type":"response.completed","response":{"id":"r","output":[{"type":"message","content":[{"type":"output_text","text":"hi"}]}]}}"#;
    assert_eq!(read(RESPONSES, &unnamed(&[whole])).text, "hi", "no event told it before");
    let odd = r#"{"type":"response.output_text.delta","output_index":0,"delta":"a"}"#;
    let done = unnamed(&[odd, whole, "[DONE]", odd]);
    assert_eq!(read(RESPONSES, &done).text, "a", "told once, and nothing behind the end");
}

#[test]
fn a_malformed_event_leaves_the_decoder_as_it_was() {
    let mut decoder = Decoder::new(RESPONSES);
    for event in [
        "{",
        "[]",
        r#"{"sequence_number":1}"#,
        r#"{"type":"response.output_text.delta","delta":{}}"#,
        r#"{"type":"response.output_text.delta"}"#,
        r#"{"type":"response.function_call_arguments.delta","delta":"{}","output_index":3}"#,
        r#"{"type":"response.completed"}"#,
        r#"{"type":"response.output_item.added"}"#,
    ] {
        let result = decoder.event("", event.as_bytes(), |_| panic!("{event}"));
        assert!(result.is_err(), "{event}");
    }
    let mut text = String::new();
    let good = br#"{"type":"response.output_text.delta","delta":"a"}"#;
    decoder.event("", good, |delta| text.push_str(delta.output_text().unwrap_or(""))).unwrap();
    assert_eq!(text, "a");
}

#[test]
fn usage_and_searches_are_read() {
    let body = json!({
        "id": "r", "model": "m", "status": "completed", "service_tier": "flex",
        "output": [{"type": "web_search_call", "id": "ws"}, {"type": "web_search_call", "id": "w2"}],
        "usage": {
            "input_tokens": 9,
            "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 4},
        },
    });
    let body = body.to_string();
    let answer = read_answer(RESPONSES, body.as_bytes()).unwrap();
    let usage = answer.usage;
    assert_eq!((usage.input_tokens, usage.cached_input_tokens), (Some(9), Some(2)));
    assert_eq!((usage.cache_write_tokens, usage.reasoning_tokens), (Some(3), Some(4)));
    assert_eq!((usage.output_tokens, usage.web_searches), (Some(5), Some(2)));
    assert!(usage.service_tier.is_some() && !answer.empty);
    assert!(read_answer(RESPONSES, br#"{"choices":[]}"#).unwrap().empty, "another dialect's");
    assert!(read_answer(RESPONSES, br#"{"error":{"message":"no"}}"#).unwrap().error.is_some());
}

#[test]
fn recorded_streams_tell_what_they_repeat() {
    let mut seen = 0;
    for (exchange, events) in recorded_streams() {
        let message = read(RESPONSES, &events);
        let last: Value = serde_json::from_str(&events.last().unwrap().1).unwrap();
        let whole = read_whole(&last["response"].to_string());
        assert_eq!(message.text, whole.text, "{}", exchange.id);
        assert_eq!(message.tools, whole.tools, "{}", exchange.id);
        assert_eq!(message.finish, whole.finish, "{}", exchange.id);
        assert_eq!(message.usage.output_tokens, whole.usage.output_tokens, "{}", exchange.id);
        seen += 1;
    }
    println!("{seen} recorded streams tell what they repeat");
}

#[test]
fn recorded_streams_survive_every_dialect() {
    let (mut all, mut kept) = (0, 0);
    for (exchange, events) in recorded_streams() {
        let direct = read(RESPONSES, &events);
        if direct.error.is_some() {
            continue;
        }
        for through in [Dialect::OpenAiChat, Dialect::Anthropic, RESPONSES] {
            let mut there = Transcoder::new(RESPONSES, through, options());
            let mut out = Vec::new();
            for (name, data) in &events {
                there.event(name, data.as_bytes(), &mut out).unwrap();
            }
            let mut back = Transcoder::new(through, RESPONSES, options());
            let mut again = Vec::new();
            for (name, data) in split(&out) {
                back.event(&name, data.as_bytes(), &mut again).unwrap();
            }
            let events = split(&again);
            let last = check_grammar(&events);
            assert_eq!(last["response"]["tool_choice"], "required", "what the request said");
            let mut read = read(RESPONSES, &events);
            // A thought that is streamed has its id before what seals it comes.
            assert_eq!(read.sealed.len(), direct.sealed.len());
            read.sealed.clone_from(&direct.sealed);
            // Ids of other dialects' making differ, and a call without arguments has some.
            read.id.clone_from(&direct.id);
            let mut wanted = direct.clone();
            wanted.usage.web_searches = None;
            wanted.usage.service_tier = None;
            read.usage.cache_write_tokens = wanted.usage.cache_write_tokens;
            read.usage.cached_input_tokens = wanted.usage.cached_input_tokens;
            read.usage.reasoning_tokens = wanted.usage.reasoning_tokens;
            for (_, _, arguments) in wanted.tools.values_mut() {
                if arguments.is_empty() {
                    "{}".clone_into(arguments);
                }
            }
            all += 1;
            if read == wanted {
                kept += 1;
            } else {
                let (id, through) = (&exchange.id, through.name());
                println!("{id} through {through}\n  {wanted:?}\n  {read:?}");
            }
        }
    }
    println!("{kept} of {all} came back");
    assert!(f64::from(kept) >= 0.99 * f64::from(all));
}

#[test]
fn a_recorded_stream_ends_well_wherever_it_is_cut() {
    let mut cuts = 0;
    for (exchange, events) in recorded_streams() {
        for at in 1..events.len() {
            let given = &events[..at];
            let (mut decoder, mut trail) = (Decoder::new(RESPONSES), Trail::of(RESPONSES));
            let mut told = Message::default();
            for (name, data) in given {
                trail.block(name, data.as_bytes());
                decoder
                    .event(name, data.as_bytes(), |delta| {
                        trail.delta(delta);
                        told.fold(delta);
                    })
                    .unwrap();
            }
            if told.error.is_some() {
                continue;
            }
            let mut out = Vec::new();
            let mut encoder = Encoder::resume(RESPONSES, options(), &trail);
            let reason = FinishReason::Length;
            encoder.delta(&Delta::Finish { choice: 0, reason, stop_sequence: None }, &mut out);
            let usage = Usage { output_tokens: Some(5), ..Usage::default() };
            encoder.settle(usage, None);
            encoder.terminator(&mut out);
            let whole: Events = given.iter().cloned().chain(split(&out)).collect();
            let message = read(RESPONSES, &whole);
            assert_eq!(message.text, told.text, "{} at {at}", exchange.id);
            assert_eq!(message.tools, told.tools, "{} at {at}", exchange.id);
            assert_eq!(message.finish, Some(reason));
            assert_eq!(message.usage.output_tokens, Some(5));
            let last: Value = serde_json::from_str(&whole.last().unwrap().1).unwrap();
            let repeated = read_whole(&last["response"].to_string());
            assert_eq!(repeated.text, told.text, "{} at {at}: the repetition", exchange.id);
            assert_eq!(repeated.id, told.id);
            cuts += 1;
        }
    }
    println!("{cuts} cuts");
}

/// Deltas as other dialects' decoders may hand them out.
fn deltas() -> impl Strategy<Value = Vec<Delta<'static>>> {
    let word = "[a-zA-Z \"\\\\\n\u{e9}\u{1f600}\u{2028}]{1,6}";
    let piece = prop_oneof![
        4 => word.prop_map(|text| Delta::Text { choice: 0, text: text.into() }),
        1 => word.prop_map(|text| Delta::Refusal { choice: 0, text: text.into() }),
        2 => word.prop_map(|text| Delta::Reasoning { choice: 0, text: text.into() }),
        1 => word.prop_map(|signature| Delta::Signature { choice: 0, signature: signature.into() }),
        1 => word.prop_map(|data| Delta::RedactedReasoning { choice: 0, data: data.into() }),
        1 => Just(Delta::BlockEnd),
        1 => Just(Delta::Citation { raw: r#"{"url":"http://a","title":"t"}"# }),
        2 => Just(Delta::ToolStart { choice: 0, tool: 0, id: "c".into(), name: "f".into() }),
        2 => word.prop_map(|text| Delta::ToolArguments { choice: 0, tool: 0, fragment: text.into() }),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| {
        let (mut out, mut tools) = (Vec::new(), 0);
        for mut piece in pieces {
            match &mut piece {
                Delta::ToolStart { tool, .. } => {
                    *tool = tools;
                    tools += 1;
                }
                Delta::ToolArguments { tool, .. } if tools > 0 => *tool = tools - 1,
                Delta::ToolArguments { .. } => continue,
                // A signature is of what was thought before it.
                Delta::Signature { .. } => {
                    out.push(Delta::Reasoning { choice: 0, text: "hm".into() });
                }
                _ => {}
            }
            out.push(piece);
        }
        out
    })
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_again(deltas in deltas(), cut in any::<bool>()) {
        let mut encoder = Encoder::new(RESPONSES, options());
        let (mut out, mut wanted) = (Vec::new(), Message::default());
        let mut collected = Collected::default();
        let reason = if cut { FinishReason::Length } else { FinishReason::Stop };
        let last = [Delta::Finish { choice: 0, reason, stop_sequence: None }, Delta::End];
        for delta in deltas.iter().chain(&last) {
            encoder.delta(delta, &mut out);
            wanted.fold(delta);
            collected.delta(delta);
        }
        let events = split(&out);
        let response = check_grammar(&events)["response"].clone();
        let message = read(RESPONSES, &events);
        prop_assert_eq!(&message.text, &wanted.text);
        prop_assert_eq!(&message.sealed, &wanted.sealed);
        prop_assert_eq!(message.tools.len(), wanted.tools.len());
        prop_assert_eq!(&message.reasoning, &wanted.reasoning);
        let mut whole = Vec::new();
        collected.write(RESPONSES, &options(), &mut whole);
        let whole: Value = serde_json::from_slice(&whole).unwrap();
        prop_assert_eq!(&whole["status"], &response["status"]);
        let repeated = read_whole(&whole.to_string());
        prop_assert_eq!(&repeated.text, &wanted.text);
        prop_assert_eq!(&repeated.sealed, &wanted.sealed);
        prop_assert_eq!(repeated.tools.len(), wanted.tools.len());
    }
}
