//! Agent runs: circles in conversations, names for runs, notes to models.

use proptest::prelude::*;
use serde_json::{Value, json};
use sluicegate::dialect::Dialect::{Anthropic, OpenAiChat};
use sluicegate::run::{
    Origin, Speaker, circle, derived_from, derived_name, fingerprint, origin, with_note,
};

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

fn responses(turns: &[(&str, &str, &str)]) -> Vec<u8> {
    let mut items = vec![json!({"role": "user", "content": "find it"})];
    for (at, (tool, arguments, result)) in turns.iter().enumerate() {
        let id = format!("call_{at}");
        items.push(json!({"type": "reasoning", "id": format!("rs_{at}"), "summary": []}));
        items.push(json!({"type": "message", "role": "assistant", "content": [
            {"type": "output_text", "text": format!("try {at}")}]}));
        items.push(
            json!({"type": "function_call", "call_id": id, "name": tool, "arguments": arguments}),
        );
        items.push(json!({"type": "function_call_output", "call_id": id, "output": result}));
    }
    json!({"model": "m", "input": items}).to_string().into_bytes()
}

/// Tools, arguments and results; what is repeated and how often.
type Case<'a> = (&'a [(&'a str, &'a str, &'a str)], Option<(&'a str, usize)>);

const A: (&str, &str, &str) = ("search", r#"{"q":"x","n":1}"#, "nothing");
/// The same call, written otherwise.
const A2: (&str, &str, &str) = ("search", r#"{ "n" : 1.0, "q" : "x" }"#, " nothing ");
const B: (&str, &str, &str) = ("read", r#"{"path":"/"}"#, "empty");
const C: (&str, &str, &str) = ("list", "{}", "[]");
/// The same call with another result: something new was heard.
const A_NEWS: (&str, &str, &str) = ("search", r#"{"q":"x","n":1}"#, "one");

#[test]
fn geminis_conversations_are_read_as_others_are() {
    let content = |role: &str, part: &str| format!(r#"{{"role":"{role}","parts":[{part}]}}"#);
    let call = content("model", r#"{"functionCall":{"name":"look","args":{"at":1.0}}}"#);
    let again = content(
        "model",
        r#"{"function_call":{"name":"look","args":{"at":1}},"thoughtSignature":"other"}"#,
    );
    let result = content("user", r#"{"functionResponse":{"name":"look","response":{"a":1}}}"#);
    let start = content("user", r#"{"text":"go"}"#);
    let body = |items: &[&String]| {
        let items: Vec<&str> = items.iter().map(|item| item.as_str()).collect();
        format!(r#"{{"contents":[{}]}}"#, items.join(",")).into_bytes()
    };
    let round = body(&[&start, &call, &result, &again, &result, &call, &result]);
    assert_eq!(circle(&round, 3).map(|found| (found.tools, found.times)), Some(("look".into(), 3)));
    let speaker = Speaker { key: "k", end_user: "" };
    assert_eq!(origin(&round, speaker), origin(&body(&[&start]), speaker));
    assert_ne!(origin(&round, speaker), origin(&body(&[&result]), speaker));
    let noted = with_note(sluicegate::dialect::Dialect::Gemini, &body(&[&start]), "stop").unwrap();
    let told = content("user", r#"{"text":"stop"}"#).replace(
        r#"{"role":"user","parts":[{"text":"stop"}]}"#,
        r#"{"parts":[{"text":"stop"}],"role":"user"}"#,
    );
    assert_eq!(
        String::from_utf8(noted).unwrap(),
        String::from_utf8(body(&[&start, &told])).unwrap()
    );
}

#[test]
fn circles_are_found_at_the_end_of_a_conversation() {
    let table: &[Case] = &[
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
        for (dialect, body) in [
            ("openai", openai(turns)),
            ("anthropic", anthropic(turns)),
            ("responses", responses(turns)),
        ] {
            let found = circle(&body, 3).map(|found| (found.tools, found.times));
            let expected = expected.map(|(tools, times)| (tools.to_owned(), times));
            assert_eq!(found, expected, "{turns:?} {dialect}");
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
    assert_eq!(circle(&same, 3).unwrap().to_string(), "the same answer, 3 times with nothing new");
    let other = body(vec![
        told("a"),
        said("done"),
        told("b"),
        said("done"),
        told("c"),
        said("done"),
        told("d"),
    ]);
    assert_eq!(circle(&other, 3), None, "the user says something new");
}

#[test]
fn fields_that_clients_fill_with_null_hide_no_call() {
    let call = json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let said = json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": [call],
        "function_call": null, "audio": null});
    let answered = json!({"role": "tool", "tool_call_id": "c", "content": "no"});
    let words = json!({"role": "assistant", "content": "hm", "tool_calls": null});
    let asked = json!({"role": "user", "content": "go on", "name": null});
    let body = |pair: [&Value; 2]| json!({"messages": ([pair, pair, pair].concat())}).to_string();
    let found = circle(body([&said, &answered]).as_bytes(), 3).unwrap();
    assert_eq!((found.tools.as_str(), found.times), ("f", 3));
    assert_eq!(circle(body([&words, &asked]).as_bytes(), 3).unwrap().times, 3);
}

#[test]
fn a_picture_is_news_as_words_are() {
    let step = |at: usize, data: &str| {
        [
            json!({"role": "assistant", "content": [
                {"type": "tool_use", "id": format!("t{at}"), "name": "click", "input": {"x": 1}}]}),
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": format!("t{at}"),
                "cache_control": if at == 2 { json!({"type": "ephemeral"}) } else { Value::Null },
                "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}]}]}),
        ]
    };
    let body = |data: [&str; 3]| {
        let steps: Vec<Value> =
            data.iter().enumerate().flat_map(|(at, data)| step(at, data)).collect();
        json!({"messages": steps}).to_string().into_bytes()
    };
    assert_eq!(circle(&body(["a", "b", "c"]), 3), None, "each shows something else");
    assert_eq!(circle(&body(["a", "a", "a"]), 3).unwrap().times, 3);
}

#[test]
fn calls_made_at_once_are_one_turn_in_any_dialect() {
    let pair = |at: usize| {
        let calls = ["f", "g"].map(|name| json!({"type": "function_call", "call_id": format!("{name}{at}"), "name": name, "arguments": "{}"}));
        let outputs = ["f", "g"].map(|name| json!({"type": "function_call_output", "call_id": format!("{name}{at}"), "output": "x"}));
        [calls, outputs].concat()
    };
    let body = json!({"input": ([pair(0), pair(1), pair(2)].concat())}).to_string();
    let found = circle(body.as_bytes(), 3).unwrap();
    assert_eq!((found.tools.as_str(), found.times), ("f, g", 3));
}

#[test]
fn a_call_is_the_same_whatever_says_nothing_about_it() {
    let base = fingerprint(br#"{"model":"m","messages":[{"content":"a b"}]}"#);
    for same in [
        r#"{"model":"m","stream":true,"messages":[{"content":"a b"}],"user":"u"}"#,
        r#"{"messages":[{"content":"a b"}],"model":"m"}"#,
        "{ \"model\" : \"m\",\n \"messages\" : [ { \"content\": \"a b\" } ] }",
    ] {
        assert_eq!(fingerprint(same.as_bytes()), base, "{same}");
    }
    for other in [
        r#"{"model":"n","messages":[{"content":"a b"}]}"#,
        r#"{"model":"m","messages":[{"content":"ab"}]}"#,
        r#"{"model":"m","messages":[{"content":"a  b"}]}"#,
        r#"{"model":"m","messages":[{"content":"a b"}],"temperature":1}"#,
    ] {
        assert_ne!(fingerprint(other.as_bytes()), base, "{other}");
    }
    let quoted = |text: &str| fingerprint(format!(r#"{{"m":"{text}"}}"#).as_bytes());
    assert_ne!(quoted(r#"\" a"#), quoted(r#"\"a"#), "white space behind a quote that ends nothing");
}

const ONE: Speaker<'_> = Speaker { key: "k", end_user: "" };

#[test]
fn a_run_has_one_name_over_all_its_steps() {
    for build in [openai, anthropic, responses] {
        let first = origin(&build(&[]), ONE).unwrap();
        assert_eq!(origin(&build(&[A, B]), ONE).as_ref(), Some(&first));
        for other in [Speaker { key: "other", ..ONE }, Speaker { end_user: "u", ..ONE }] {
            assert_ne!(origin(&build(&[]), other), Some(first.clone()), "{other:?}");
        }
        let Origin::Begins(conversation) = first else { panic!("{first:?}") };
        let name = derived_name(conversation);
        assert!(name.starts_with("auto-") && name.len() == 21);
        assert_eq!(derived_from(&name), Some(conversation));
    }
    for named in ["auto-", "auto-1", "auto-zzzzzzzzzzzzzzzz", "mine"] {
        assert_eq!(derived_from(named), None, "{named}");
    }
}

#[test]
fn what_a_conversation_began_with_is_its_name() {
    let of = |body: &str| origin(body.as_bytes(), ONE);
    let base = r#"{"system":"s","messages":[{"role":"user","content":"a"}]}"#;
    for same in [
        r#"{"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"a"}]}"#,
        r#"{"system":"s","messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":"b"}]}"#,
    ] {
        assert_eq!(of(same), of(base), "{same}");
    }
    for other in [
        r#"{"system":"t","messages":[{"role":"user","content":"a"}]}"#,
        r#"{"system":"s","messages":[{"role":"user","content":"b"}]}"#,
    ] {
        assert_ne!(of(other), of(base), "{other}");
    }
    assert_eq!(of(r#"{"input":"a","stream":true}"#), of(r#"{"input":"a"}"#));
    assert_ne!(of(r#"{"input":"a"}"#), of(r#"{"input":"b"}"#));
    for nothing in [r#"{"messages":[]}"#, "[]", "{", r#"{"input":[]}"#, r#"{"prompt":"a"}"#] {
        assert_eq!(of(nothing), None, "{nothing}");
    }
}

#[test]
fn a_request_goes_on_from_a_response_or_in_a_conversation() {
    let of = |body: &str| origin(body.as_bytes(), ONE);
    let goes_on = Some(Origin::GoesOn("resp_1".to_owned()));
    assert_eq!(of(r#"{"previous_response_id":"resp_1","input":"a"}"#), goes_on);
    assert_eq!(of(r#"{"input":[],"previous_response_id":"resp_1"}"#), goes_on);
    assert_eq!(of(r#"{"previous_response_id":null,"input":"a"}"#), of(r#"{"input":"a"}"#));
    let named = of(r#"{"conversation":"conv_1"}"#);
    assert!(matches!(named, Some(Origin::Begins(_))));
    assert_eq!(of(r#"{"conversation":{"id":"conv_1"}}"#), named);
    assert_ne!(of(r#"{"conversation":"conv_2"}"#), named);
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
    let said = json!([{"role": "user", "content": "hi"}, {"role": "user", "content": "n"}]);
    for body in [r#"{"input":"hi"}"#, r#"{"input":[{"role":"user","content":"hi"}]}"#] {
        let noted = with_note(OpenAiChat, body.as_bytes(), "n").unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&noted).unwrap()["input"], said, "{body}");
    }
}

#[test]
fn a_note_leaves_every_other_byte() {
    let body = br#"{ "messages" : [ {"content": [ {"big": 12345678901234567890.10, "b":1, "a" : 2} ] ,"role":"user"} ] , "z":0}"#;
    let noted = String::from_utf8(with_note(Anthropic, body, "n").unwrap()).unwrap();
    let block = r#",{"text":"n","type":"text"}"#;
    assert!(noted.contains(block), "{noted}");
    assert_eq!(noted.replace(block, "").as_bytes(), body);
    let noted = String::from_utf8(with_note(OpenAiChat, body, "n").unwrap()).unwrap();
    assert_eq!(noted.replace(r#",{"content":"n","role":"user"}"#, "").as_bytes(), body);
    let empty =
        with_note(Anthropic, br#"{"messages":[{"role":"user","content":[]}]}"#, "n").unwrap();
    let empty: Value = serde_json::from_slice(&empty).unwrap();
    assert_eq!(empty["messages"][0]["content"].as_array().unwrap().len(), 1);
}

proptest! {
    #[test]
    fn no_json_breaks_them(content in "[ -~]{0,40}", role in "(user|assistant|tool|x)", n in 0_usize..9) {
        let message = format!(r#"{{"role":"{role}","content":[{{"type":"tool_use","input":{n}}}],"tool_calls":[{{"function":{{}}}}]}}"#);
        let odd = json!({"role": role, "content": content}).to_string();
        let body = format!(r#"{{"messages":[{}]}}"#, std::iter::repeat_n([message, odd].join(","), n).collect::<Vec<_>>().join(","));
        for dialect in [OpenAiChat, Anthropic] {
            let _ = circle(body.as_bytes(), 2);
            let _ = origin(body.as_bytes(), ONE);
            if let Some(noted) = with_note(dialect, body.as_bytes(), &content) {
                prop_assert!(serde_json::from_slice::<Value>(&noted).is_ok());
            }
        }
    }

    #[test]
    fn no_bytes_break_them(body in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = fingerprint(&body);
        let _ = circle(&body, 2);
        let _ = origin(&body, ONE);
        let _ = with_note(Anthropic, &body, "n");
    }
}
