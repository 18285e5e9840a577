//! Marks for a vendor's prompt cache: where they go, and that nothing else changes.

#[path = "prompt_cache/converse.rs"]
mod converse;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};
use sluicegate::dialect::Dialect;
use sluicegate::prompt_cache::{Owner, Prompt, Seen};

const OWNER: Owner<'static> =
    Owner { tenant: "team /core", provider: "anthropic", key: "", model: "claude-sonnet-5" };
const MARK: &str = r#","cache_control":{"type":"ephemeral"}"#;
const BEFORE_TEXT: &str = r#"[{"type":"text","text":"#;
/// Bytes of text that are long enough for the model above.
const LONG: usize = 4096;

/// What goes out where something was marked, as the gateway does it.
fn with_breakpoints(
    body: &[u8],
    owner: Owner<'_>,
    seen: &mut Seen,
    now: Instant,
) -> Option<Vec<u8>> {
    let marks = Prompt::read(Dialect::Anthropic, body, owner)?.remember(seen, now)?;
    Some(marks.write(body))
}

fn bytes(body: &Value) -> Vec<u8> {
    serde_json::to_vec(body).unwrap()
}

/// What goes out, as JSON, where something was marked.
fn marked(body: &Value, seen: &mut Seen, now: Instant) -> Option<Value> {
    let out = with_breakpoints(&bytes(body), OWNER, seen, now)?;
    Some(serde_json::from_slice(&out).unwrap())
}

/// What goes out when the same has come before.
fn repeated(body: &Value) -> Option<Value> {
    let (mut seen, now) = (Seen::default(), Instant::now());
    assert_eq!(marked(body, &mut seen, now), None);
    marked(body, &mut seen, now)
}

fn written(body: &Value, is_pretty: bool) -> String {
    if is_pretty { serde_json::to_string_pretty(body).unwrap() } else { body.to_string() }
}

/// Blocks in the vendor's order, without marks, and which of them are marked.
fn blocks(body: &Value) -> (Vec<String>, Vec<usize>) {
    let (mut all, mut marks) = (Vec::new(), Vec::new());
    let mut add = |head: &str, block: &Value| {
        let mut block = match block {
            Value::String(text) => json!({"type": "text", "text": text}),
            other => other.clone(),
        };
        let mark = block.as_object_mut().unwrap().remove("cache_control");
        if let Some(mark) = mark {
            assert_eq!(mark, json!({"type": "ephemeral"}));
            marks.push(all.len());
        }
        all.push(format!("{head} {block}"));
    };
    let mut content = |head: &str, content: &Value| match content {
        Value::Array(blocks) => blocks.iter().for_each(|block| add(head, block)),
        Value::Null => {}
        text => add(head, text),
    };
    content("tool", &body["tools"]);
    content("system", &body["system"]);
    for message in body["messages"].as_array().unwrap() {
        content(message["role"].as_str().unwrap(), &message["content"]);
    }
    (all, marks)
}

/// The vendor's cache: what marks wrote, found again so many blocks before a mark.
struct Vendor {
    kept: HashSet<Vec<String>>,
    looks_back: usize,
}

impl Vendor {
    fn looking_back(looks_back: usize) -> Self {
        Self { kept: HashSet::new(), looks_back }
    }

    /// Blocks that were read from it, and that were written to it.
    fn answer(&mut self, (all, marks): (Vec<String>, Vec<usize>)) -> (usize, usize) {
        let ends =
            marks.iter().flat_map(|mark| (mark.saturating_sub(self.looks_back)..=*mark).rev());
        let mut hits = ends.filter(|end| self.kept.contains(&all[..=*end]));
        let read = hits.by_ref().map(|end| end + 1).max().unwrap_or(0);
        let written = marks.last().map_or(0, |end| end + 1).saturating_sub(read);
        self.kept.extend(marks.iter().map(|end| all[..=*end].to_vec()));
        (read, written)
    }
}

fn agent(turns: usize) -> Value {
    let tool = |name| json!({"name": name, "description": "Looks. ".repeat(200), "input_schema": {"type": "object"}});
    let mut messages = vec![json!({"role": "user", "content": "Mend the build."})];
    for turn in 0..turns {
        let id = format!("toolu_{turn}");
        messages.push(json!({"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "AAAA"},
            {"type": "text", "text": format!("Step {turn}.")},
            {"type": "tool_use", "id": id, "name": "read", "input": {"path": "a"}},
        ]}));
        let result = "line\n".repeat(60);
        messages.push(json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": id, "content": [{"type": "text", "text": result}]},
        ]}));
    }
    json!({
        "model": "claude-sonnet-5", "max_tokens": 1024, "stream": true,
        "tools": [tool("read"), tool("write"), tool("run")],
        "system": "You are careful. ".repeat(300),
        "messages": messages,
    })
}

/// An agent's conversation of forty turns, sent in this way: all that came before is read, from the third turn on.
fn is_read_as_it_grows(
    agent: fn(usize) -> Value,
    blocks: fn(&Value) -> (Vec<String>, Vec<usize>),
    sent: fn(&Value, &mut Seen, Instant) -> Option<Value>,
) {
    let (mut seen, mut vendor, now) = (Seen::default(), Vendor::looking_back(19), Instant::now());
    let mut before = 0;
    for turn in 0..40_u32 {
        let body = agent(turn as usize);
        let now = now + Duration::from_secs(20) * turn;
        let sent = sent(&body, &mut seen, now);
        let (all, _) = blocks(&body);
        let (read, written) = vendor.answer(blocks(sent.as_ref().unwrap_or(&body)));
        match turn {
            0 => assert_eq!((read, written), (0, 0), "nothing has come before"),
            1 => assert_eq!((read, written), (0, all.len()), "it goes on, and is written"),
            _ => assert_eq!((read, written), (before, all.len() - before), "turn {turn}"),
        }
        before = all.len();
    }
}

#[test]
fn the_mark_moves_on_with_a_conversation_and_all_before_is_read() {
    is_read_as_it_grows(agent, blocks, marked);
}

#[test]
fn a_turn_longer_than_the_vendor_looks_back_is_read_all_the_same() {
    let (mut seen, mut vendor, now) = (Seen::default(), Vendor::looking_back(19), Instant::now());
    let mut before = 0;
    for turn in [0, 30, 60, 90] {
        let body = agent(turn);
        let sent = marked(&body, &mut seen, now);
        let (read, _) = vendor.answer(blocks(sent.as_ref().unwrap_or(&body)));
        if turn > 30 {
            assert_eq!(read, before);
        }
        before = blocks(&body).0.len();
    }
}

#[test]
fn what_is_asked_about_a_text_that_repeats_is_not_written() {
    let (mut seen, now) = (Seen::default(), Instant::now());
    let ask = |question: &str| {
        let document = json!({"type": "text", "text": "Once upon a time. ".repeat(LONG)});
        let content = json!([document, {"type": "text", "text": question}]);
        json!({"model": "m", "messages": [{"role": "user", "content": content}]})
    };
    assert_eq!(marked(&ask("Who?"), &mut seen, now), None);
    for question in ["When?", "Where?"] {
        let sent = marked(&ask(question), &mut seen, now).unwrap();
        assert_eq!(blocks(&sent).1, [0], "{question}");
    }
}

#[test]
fn other_conversations_share_the_tools_and_the_systems_words_alone() {
    let (mut seen, now) = (Seen::default(), Instant::now());
    assert_eq!(marked(&agent(3), &mut seen, now), None);
    let mut other = agent(2);
    other["messages"][0]["content"] = json!("Write the docs.");
    let sent = marked(&other, &mut seen, now).unwrap();
    assert_eq!(blocks(&sent).1, [2, 3], "the last tool, and the system's words");
    assert_eq!(sent["system"][0]["text"], other["system"]);
    let mut dated = agent(2);
    dated["system"] = json!("Today is another day. ".repeat(300));
    assert_eq!(blocks(&marked(&dated, &mut seen, now).unwrap()).1, [2], "the last tool");
}

#[test]
fn nothing_is_marked_for_another_owner_or_after_the_caches_life() {
    let others = [
        Owner { tenant: "team /other", ..OWNER },
        Owner { provider: "mine", ..OWNER },
        Owner { key: "second", ..OWNER },
        Owner { model: "claude-sonnet-4-6", ..OWNER },
    ];
    let (body, now) = (bytes(&agent(1)), Instant::now());
    let mut seen = Seen::default();
    assert!(with_breakpoints(&body, OWNER, &mut seen, now).is_none());
    for other in others {
        assert!(with_breakpoints(&body, other, &mut seen, now).is_none(), "{other:?}");
    }
    let late = now + Duration::from_mins(5);
    assert!(with_breakpoints(&body, OWNER, &mut seen, late).is_none());
    assert!(with_breakpoints(&body, OWNER, &mut seen, late).is_some());
}

#[test]
fn what_changes_the_vendors_cache_makes_it_another_beginning() {
    for (field, value, marks) in [
        ("temperature", json!(0.5), vec![2, 3, 4]),
        ("max_tokens", json!(7), vec![2, 3, 4]),
        ("metadata", json!({"user_id": "x"}), vec![2, 3, 4]),
        ("thinking", json!({"type": "disabled"}), vec![2, 3]),
        ("tool_choice", json!({"type": "any"}), vec![2, 3]),
        ("a_field_that_nobody_knows", json!(true), vec![]),
    ] {
        let (mut seen, now) = (Seen::default(), Instant::now());
        let mut body = agent(0);
        assert_eq!(marked(&body, &mut seen, now), None);
        body[field] = value;
        let sent = marked(&body, &mut seen, now);
        assert_eq!(sent.map_or(Vec::new(), |sent| blocks(&sent).1), marks, "{field}");
    }
}

#[test]
fn the_clients_own_marks_are_left_to_it() {
    let places: [fn(&mut Value); 6] = [
        |body| body["cache_control"] = json!({"type": "ephemeral"}),
        |body| body["tools"][0]["cache_control"] = json!({"type": "ephemeral", "ttl": "1h"}),
        |body| body["system"] = json!([{"type": "text", "text": "Hi.", "cache_control": null}]),
        |body| body["messages"][1]["content"][1]["cache_control"] = json!({"type": "ephemeral"}),
        |body| {
            let result = &mut body["messages"][2]["content"][0]["content"][0];
            result["cache_control"] = json!({"type": "ephemeral"});
        },
        |body| body["tools"][1]["input_schema"]["properties"] = json!({"cache_control": {}}),
    ];
    for (at, mark) in places.iter().enumerate() {
        let mut body = agent(2);
        mark(&mut body);
        for text in [bytes(&body), escaped(&body)] {
            let (mut seen, now) = (Seen::default(), Instant::now());
            for _ in 0..3 {
                assert!(with_breakpoints(&text, OWNER, &mut seen, now).is_none(), "place {at}");
            }
        }
    }
    let mut body = agent(2);
    body["system"] = json!("Say \"cache_control\" and 'cache_control'. ".repeat(300));
    assert!(repeated(&body).is_some(), "a text that speaks of it is no mark");
}

/// The same with the name of the mark written in another way.
fn escaped(body: &Value) -> Vec<u8> {
    body.to_string().replace("\"cache_control\"", "\"cache\\u005fcontrol\"").into_bytes()
}

#[test]
fn only_what_the_vendor_lets_be_marked_is() {
    let long = "word ".repeat(LONG);
    let user = |content: Value| json!({"role": "user", "content": content});
    for (what, body, marks) in [
        (
            "a tool for later",
            json!({"tools": [{"name": "a", "description": long}, {"name": "b", "defer_loading": true}], "messages": []}),
            vec![0],
        ),
        (
            "a tool that says it is not for later",
            json!({"tools": [{"name": "a", "description": long, "defer_loading": false}], "messages": []}),
            vec![0],
        ),
        (
            "empty texts",
            json!({"system": [{"type": "text", "text": long}, {"type": "text", "text": " \n\t"}], "messages": [user(json!(""))]}),
            vec![0],
        ),
        (
            "thoughts",
            json!({"messages": [user(json!(long)), {"role": "assistant", "content": [{"type": "redacted_thinking", "data": "AAAA"}]}]}),
            vec![0],
        ),
        (
            "kinds that nobody knows",
            json!({"messages": [user(json!([{"type": "text", "text": long}, {"type": "hologram", "data": "AAAA"}]))]}),
            vec![0],
        ),
        (
            "the system's words between messages",
            json!({"messages": [user(json!(long)), {"role": "system", "content": "Stop soon."}]}),
            vec![0],
        ),
    ] {
        let sent = repeated(&body).unwrap_or_else(|| panic!("{what}"));
        assert_eq!(blocks(&sent).1, marks, "{what}");
    }
}

#[test]
fn what_is_too_short_or_no_request_passes() {
    let short = json!({"messages": [{"role": "user", "content": "word ".repeat(LONG / 5 - 40)}]});
    assert_eq!(repeated(&short), None);
    let image =
        json!({"type": "image", "source": {"type": "base64", "data": "A".repeat(9 * LONG)}});
    assert_eq!(repeated(&json!({"messages": [{"role": "user", "content": [image]}]})), None);
    let filler = "x".repeat(9 * LONG);
    for text in [
        format!("{{\"system\":\"{filler}\",\"messages\":"),
        format!("[\"{filler}\"]"),
        format!("{{\"messages\":[7,null,\"{filler}\"],\"system\":7,\"tools\":{{}}}}"),
        format!(
            "{{\"messages\":[{{\"role\":\"user\",\"content\":[7,[],{{}}]}}],\"a\":\"{filler}\"}}"
        ),
        filler.clone(),
    ] {
        let (mut seen, now) = (Seen::default(), Instant::now());
        for _ in 0..2 {
            assert!(with_breakpoints(text.as_bytes(), OWNER, &mut seen, now).is_none());
        }
    }
}

#[test]
fn a_request_of_very_many_blocks_passes() {
    let message = json!({"role": "user", "content": "."});
    let body = json!({"system": "x".repeat(9 * LONG), "messages": vec![message; 20_000]});
    assert!(repeated(&body).is_none());
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ \n\ta-c\"\\\\{}\u{e9}\u{1F600}]{0,12}", Just("word ".repeat(LONG))]
}

fn block() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => text().prop_map(|text| json!({"type": "text", "text": text})),
        1 => text().prop_map(|text| json!({"text": text, "type": "text"})),
        1 => text().prop_map(|text| json!({"type": "thinking", "thinking": text, "signature": ""})),
        1 => text().prop_map(|text| json!({"type": "tool_result", "tool_use_id": "t", "content": text})),
        1 => text().prop_map(|text| json!({"type": "tool_use", "id": "t", "name": "n", "input": {"a": text}})),
        1 => Just(json!({"type": "image", "source": {"type": "url", "url": "u"}})),
        1 => Just(json!({})),
    ]
}

fn content() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::from),
        proptest::collection::vec(block(), 0..5).prop_map(Value::from),
    ]
}

fn body() -> impl Strategy<Value = Value> {
    let tool = (text(), any::<Option<bool>>()).prop_map(|(text, defer)| {
        let mut tool = json!({"name": "n", "description": text, "input_schema": {}});
        if let Some(defer) = defer {
            tool["defer_loading"] = json!(defer);
        }
        tool
    });
    let tools = proptest::option::of(proptest::collection::vec(tool, 0..4));
    let role = prop_oneof![Just("user"), Just("assistant"), Just("system")];
    let messages = proptest::collection::vec((role, content()), 0..7);
    (tools, proptest::option::of(content()), messages).prop_map(|(tools, system, messages)| {
        let message = |(role, content)| json!({"role": role, "content": content});
        let messages: Vec<Value> = messages.into_iter().map(message).collect();
        let mut body = json!({"model": "m", "messages": messages, "max_tokens": 7});
        if let Some(tools) = tools {
            body["tools"] = tools.into();
        }
        if let Some(system) = system {
            body["system"] = system;
        }
        body
    })
}

/// Whether one is the other with marks put in, and nothing else: each mark may have made a text a block.
fn is_with_marks(out: &str, body: &str) -> bool {
    if out == body {
        return true;
    }
    let Some(at) = out.rfind(MARK) else { return false };
    let behind = &out[at + MARK.len()..];
    if is_with_marks(&format!("{}{behind}", &out[..at]), body) {
        return true;
    }
    let (Some(begin), Some(behind)) = (out[..at].rfind(BEFORE_TEXT), behind.strip_prefix("}]"))
    else {
        return false;
    };
    let text = &out[begin + BEFORE_TEXT.len()..at];
    is_with_marks(&format!("{}{text}{behind}", &out[..begin]), body)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_changes_but_four_marks_at_most(
        turns in proptest::collection::vec(body(), 1..4),
        is_pretty in any::<bool>(),
    ) {
        let (mut seen, now) = (Seen::default(), Instant::now());
        for body in turns.iter().chain(&turns) {
            let text = written(body, is_pretty);
            let Some(out) = with_breakpoints(text.as_bytes(), OWNER, &mut seen, now) else {
                continue;
            };
            let out = String::from_utf8(out).unwrap();
            prop_assert!(is_with_marks(&out, &text), "{out}");
            let sent: Value = serde_json::from_str(&out).unwrap();
            let (all, marks) = blocks(&sent);
            prop_assert_eq!(&all, &blocks(body).0);
            prop_assert!((1..=4).contains(&marks.len()));
            for mark in marks {
                prop_assert!(!all[mark].contains("\"type\":\"thinking\""));
                prop_assert!(!all[mark].contains("\"defer_loading\":true"));
                prop_assert!(!all[mark].starts_with("system {}"), "{}", all[mark]);
            }
            prop_assert_eq!(out.matches("cache_control").count(), blocks(&sent).1.len());
        }
    }

    #[test]
    fn any_bytes_are_taken(noise in proptest::collection::vec(any::<u8>(), 0..64), at in 0..LONG) {
        let mut bytes = bytes(&agent(1));
        let at = at.min(bytes.len());
        bytes.splice(at..at, noise);
        let (mut seen, now) = (Seen::default(), Instant::now());
        for _ in 0..2 {
            let _ = with_breakpoints(&bytes, OWNER, &mut seen, now);
        }
    }
}
