//! Agent runs: circles in conversations, names for runs, notes to models.

use proptest::prelude::*;
use serde_json::{Value, json};
use sluicegate::dialect::Dialect::{Anthropic, OpenAiChat};
use sluicegate::run::{circle, derived_run, fingerprint, with_note};

fn openai(turns: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut messages = vec![json!({"role": "user", "content": "find it"})];
    for (at, (tool, arguments, result)) in turns.iter().enumerate() {
        let id = format!("call_{at}");
        let call = json!({"id": id, "type": "function", "function": {"name": tool, "arguments": arguments}});
        messages.push(
            json!({"role": "assistant", "content": format!("try {at}"), "tool_calls": [call]}),
        );
        messages.push(json!({"role": "tool", "tool_call_id": id, "content": result}));
    }
    json!({"model": "m", "messages": messages}).to_string().into_bytes()
}

fn anthropic(turns: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut messages = vec![json!({"role": "user", "content": "find it"})];
    for (at, (tool, arguments, result)) in turns.iter().enumerate() {
        let id = format!("toolu_{at}");
        let input: Value = serde_json::from_str(arguments).unwrap_or_default();
        messages.push(json!({"role": "assistant", "content": [
            {"type": "text", "text": format!("try {at}")},
            {"type": "tool_use", "id": id, "name": tool, "input": input}]}));
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "content": [{"type": "text", "text": result}]}]}));
    }
    json!({"model": "m", "max_tokens": 9, "messages": messages}).to_string().into_bytes()
}

const A: (&str, &str, &str) = ("search", r#"{"q":"x","n":1}"#, "nothing");
/// The same call, written otherwise.
const A2: (&str, &str, &str) = ("search", r#"{ "n" : 1.0, "q" : "x" }"#, " nothing ");
const B: (&str, &str, &str) = ("read", r#"{"path":"/"}"#, "empty");
const C: (&str, &str, &str) = ("list", "{}", "[]");
/// The same call with another result: something new was heard.
const A_NEWS: (&str, &str, &str) = ("search", r#"{"q":"x","n":1}"#, "one");

#[test]
fn circles_are_found_at_the_end_of_a_conversation() {
    let table: &[(&[(&str, &str, &str)], Option<(&str, usize)>)] = &[
        (&[], None),
        (&[A], None),
        (&[A, A], None),
        (&[A, A, A], Some(("search", 3))),
        (&[A, A2, A], Some(("search", 3))),
        (&[B, A, A, A, A], Some(("search", 4))),
        (&[A, A, A, B], None),
        (&[A, A, A_NEWS], None),
        (&[A, A_NEWS, A], None),
        (&[A, B, A, B, A, B], Some(("search, read", 3))),
        (&[C, A, B, C, A, B, C, A, B], Some(("list, search, read", 3))),
        (&[A, B, A, B, A], None),
    ];
    for (turns, expected) in table {
        for (dialect, body) in [(OpenAiChat, openai(turns)), (Anthropic, anthropic(turns))] {
            let found = circle(dialect, &body, 3).map(|found| (found.tools, found.times));
            let expected = expected.map(|(tools, times)| (tools.to_owned(), times));
            assert_eq!(found, expected, "{turns:?} {dialect:?}");
        }
    }
}

#[test]
fn an_assistant_that_says_the_same_goes_round_too() {
    let said = |text: &str| json!({"role": "assistant", "content": text});
    let told = |text: &str| json!({"role": "user", "content": text});
    let body = |messages: Vec<Value>| json!({"messages": messages}).to_string().into_bytes();
    let same = body(vec![
        told("go on"),
        said("done"),
        told("go on"),
        said("done"),
        told("go on"),
        said("done"),
        told("go on"),
    ]);
    assert_eq!(
        circle(OpenAiChat, &same, 3).unwrap().to_string(),
        "the same answer, 3 times with nothing new"
    );
    let other = body(vec![
        told("a"),
        said("done"),
        told("b"),
        said("done"),
        told("c"),
        said("done"),
        told("d"),
    ]);
    assert_eq!(circle(OpenAiChat, &other, 3), None, "the user says something new");
}

#[test]
fn a_call_is_the_same_whatever_says_nothing_about_it() {
    let base = fingerprint(br#"{"model":"m","messages":[1]}"#);
    assert_eq!(fingerprint(br#"{"model":"m","stream":true,"messages":[1],"user":"u"}"#), base);
    for other in [r#"{"model":"n","messages":[1]}"#, r#"{"model":"m","messages":[2]}"#] {
        assert_ne!(fingerprint(other.as_bytes()), base);
    }
}

#[test]
fn a_run_has_one_name_over_all_its_steps() {
    let name = |body: &[u8], key| derived_run(OpenAiChat, body, key);
    let first = name(&openai(&[]), "k").unwrap();
    assert!(first.starts_with("auto-") && first.len() == 21);
    assert_eq!(name(&openai(&[A, B]), "k").as_ref(), Some(&first));
    assert_ne!(name(&openai(&[]), "other"), Some(first.clone()));
    let other = br#"{"messages":[{"role":"user","content":"something else"}]}"#;
    assert_ne!(name(other, "k"), Some(first));
    let goes_on = br#"{"previous_response_id":"resp_1","input":"a"}"#;
    let too = br#"{"previous_response_id":"resp_1","input":"b"}"#;
    assert!(name(goes_on, "k").is_some());
    assert_eq!(name(goes_on, "k"), name(too, "k"));
    for nothing in [r#"{"input":"a"}"#, r#"{"messages":[]}"#, "[]", "{"] {
        assert_eq!(name(nothing.as_bytes(), "k"), None, "{nothing}");
    }
}

#[test]
fn a_note_is_the_last_thing_that_the_user_says() {
    let last = |dialect, body: &[u8]| -> (usize, Value) {
        let noted = with_note(dialect, body, "stop \"it\"").unwrap();
        let noted: Value = serde_json::from_slice(&noted).unwrap();
        let messages = noted["messages"].as_array().unwrap();
        (messages.len(), messages.last().unwrap().clone())
    };
    let note = json!({"type": "text", "text": "stop \"it\""});
    assert_eq!(
        last(OpenAiChat, &openai(&[A])),
        (4, json!({"role": "user", "content": "stop \"it\""}))
    );
    let (count, message) = last(Anthropic, &anthropic(&[A]));
    assert_eq!((count, &message["content"][1]), (3, &note));
    let text = br#"{"messages":[{"role":"user","content":"hi"}],"max_tokens":1}"#;
    let (_, message) = last(Anthropic, text);
    assert_eq!(message["content"], json!([{"type": "text", "text": "hi"}, note]));
    let prefill =
        br#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"So"}]}"#;
    assert_eq!(last(Anthropic, prefill), (3, json!({"role": "user", "content": [note]})));
    assert_eq!(with_note(OpenAiChat, br#"{"messages":[]}"#, "n"), None);
}

proptest! {
    #[test]
    fn no_json_breaks_them(content in "[ -~]{0,40}", role in "(user|assistant|tool|x)", n in 0_usize..9) {
        let message = format!(r#"{{"role":"{role}","content":[{{"type":"tool_use","input":{}}}],"tool_calls":[{{"function":{{}}}}]}}"#, n);
        let odd = json!({"role": role, "content": content}).to_string();
        let body = format!(r#"{{"messages":[{}]}}"#, std::iter::repeat_n([message, odd].join(","), n).collect::<Vec<_>>().join(","));
        for dialect in [OpenAiChat, Anthropic] {
            let _ = circle(dialect, body.as_bytes(), 2);
            let _ = derived_run(dialect, body.as_bytes(), "k");
            if let Some(noted) = with_note(dialect, body.as_bytes(), &content) {
                prop_assert!(serde_json::from_slice::<Value>(&noted).is_ok());
            }
        }
    }

    #[test]
    fn no_bytes_break_them(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = fingerprint(&body);
        let _ = circle(OpenAiChat, &body, 2);
        let _ = with_note(Anthropic, &body, "n");
    }
}
