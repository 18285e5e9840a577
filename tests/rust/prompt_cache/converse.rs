//! The same in Bedrock's Converse, whose marks are blocks of their own.

use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Value, json};
use sluicegate::dialect::Dialect;
use sluicegate::prompt_cache::{Owner, Prompt, Seen};

use super::{LONG, Vendor, is_read_as_it_grows, written};

const CLAUDE: &str = "us.anthropic.claude-sonnet-5";
const NOVA: &str = "amazon.nova-pro-v1:0";
const POINT: &str = r#",{"cachePoint":{"type":"default"}}"#;

fn sent_for(model: &str, body: &str, seen: &mut Seen, now: Instant) -> Option<String> {
    let owner = Owner { tenant: "t", provider: "aws", key: "", model };
    let prompt = Prompt::read(Dialect::Bedrock, body.as_bytes(), owner)?;
    let out = prompt.remember(seen, now)?.write(body.as_bytes());
    Some(String::from_utf8(out).unwrap())
}

/// The same as JSON.
fn marked(model: &str, body: &Value, seen: &mut Seen, now: Instant) -> Option<Value> {
    let out = sent_for(model, &body.to_string(), seen, now)?;
    Some(serde_json::from_str(&out).unwrap())
}

/// What goes out when the same has come before.
fn repeated(model: &str, body: &Value) -> Option<Value> {
    let (mut seen, now) = (Seen::default(), Instant::now());
    assert_eq!(marked(model, body, &mut seen, now), None);
    marked(model, body, &mut seen, now)
}

/// Blocks in the vendor's order, without marks, and which of them are marked.
fn blocks(body: &Value) -> (Vec<String>, Vec<usize>) {
    let (mut all, mut marks) = (Vec::new(), Vec::new());
    let mut add = |head: &str, list: &Value| {
        for block in list.as_array().into_iter().flatten() {
            if let Some(mark) = block.get("cachePoint") {
                assert_eq!(mark, &json!({"type": "default"}));
                marks.push(all.len() - 1);
            } else {
                all.push(format!("{head} {block}"));
            }
        }
    };
    add("tool", &body["toolConfig"]["tools"]);
    add("system", &body["system"]);
    for message in body["messages"].as_array().unwrap() {
        add(message["role"].as_str().unwrap(), &message["content"]);
    }
    (all, marks)
}

/// Which blocks are marked where the same has come before.
fn marks(model: &str, body: &Value) -> Vec<usize> {
    repeated(model, body).map_or(Vec::new(), |sent| blocks(&sent).1)
}

fn agent(turns: usize) -> Value {
    let schema = json!({"json": {"type": "object", "properties": {}}});
    let tool = |name| json!({"toolSpec": {"name": name, "description": "Looks. ".repeat(200), "inputSchema": schema}});
    let mut messages = vec![json!({"role": "user", "content": [{"text": "Mend the build."}]})];
    for turn in 0..turns {
        let id = format!("t_{turn}");
        messages.push(json!({"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "AAAA"}}},
            {"text": format!("Step {turn}.")},
            {"toolUse": {"toolUseId": id, "name": "read", "input": {"path": "a"}}},
        ]}));
        let result = json!({"toolUseId": id, "content": [{"text": "line\n".repeat(60)}]});
        messages.push(json!({"role": "user", "content": [{"toolResult": result}]}));
    }
    json!({
        "messages": messages,
        "system": [{"text": "You are careful. ".repeat(300)}],
        "inferenceConfig": {"maxTokens": 1024},
        "toolConfig": {"tools": [tool("read"), tool("write"), tool("run")]},
    })
}

#[test]
fn the_mark_moves_on_with_a_conversation_and_all_before_is_read() {
    is_read_as_it_grows(agent, blocks, |body, seen, now| marked(CLAUDE, body, seen, now));
}

#[test]
fn a_vendor_that_does_not_look_back_finds_what_it_has() {
    let (mut seen, mut vendor, now) = (Seen::default(), Vendor::looking_back(0), Instant::now());
    let mut before = 0;
    for turn in 0..40 {
        let body = agent(turn);
        let sent = marked(NOVA, &body, &mut seen, now);
        let (read, written) = vendor.answer(blocks(sent.as_ref().unwrap_or(&body)));
        if turn > 2 {
            assert_eq!((read, written), (before, 4), "turn {turn}");
        }
        before = read + written;
    }
}

#[test]
fn a_model_is_marked_where_it_takes_marks() {
    let long = "word ".repeat(LONG);
    let text = json!({"text": long});
    let user = |block: &Value| json!({"role": "user", "content": [text, block]});
    let of = |block: &Value| json!({"messages": [user(block)]});
    let image = json!({"image": {"format": "png", "source": {"bytes": "AAAA"}}});
    let result = json!({"toolResult": {"toolUseId": "t", "content": [{"text": "ok"}]}});
    let thought = json!({"reasoningContent": {"redactedContent": "AAAA"}});
    let unknown = json!({"hologram": {"text": "A"}});
    for (what, block, claude, nova) in [
        ("a text", json!({"text": "Go on."}), 1, 1),
        ("a picture", image, 1, 0),
        ("what a call gave", result, 1, 0),
        ("a thought", thought, 0, 0),
        ("an empty text", json!({"text": " \n\t"}), 0, 0),
        ("what nobody knows", unknown, 0, 0),
    ] {
        assert_eq!(marks(CLAUDE, &of(&block)), [claude], "{what}");
        assert_eq!(marks(NOVA, &of(&block)), [nova], "{what}");
    }
    let tools = json!({"toolConfig": {"tools": [{"toolSpec": {"name": "a", "description": long}}]}, "messages": []});
    assert_eq!(marks(CLAUDE, &tools), [0]);
    assert_eq!(marks(NOVA, &tools), Vec::<usize>::new());
    let system = json!({"system": [text], "messages": []});
    assert_eq!(marks(CLAUDE, &system), [0]);
    assert_eq!(marks(NOVA, &system), [0]);
    for model in ["meta.llama3-70b-instruct-v1:0", "anthropic.claude-3-haiku-20240307-v1:0", "m"] {
        assert_eq!(repeated(model, &system), None, "{model}");
    }
}

#[test]
fn of_novas_prompts_no_more_is_marked_than_it_keeps() {
    let part = |words: usize| json!({"text": "word ".repeat(words)});
    let body = json!({"messages": [
        {"role": "user", "content": [part(2000), part(2000), part(30_000), part(10)]},
    ]});
    assert_eq!(marks(NOVA, &body), [1]);
    assert_eq!(marks(CLAUDE, &body), [3]);
}

#[test]
fn what_changes_the_vendors_cache_makes_it_another_beginning() {
    for (path, value, wanted) in [
        ("/inferenceConfig", json!({"maxTokens": 7, "temperature": 0.5}), vec![2, 3, 4]),
        ("/requestMetadata", json!({"a": "b"}), vec![2, 3, 4]),
        ("/toolConfig/toolChoice", json!({"any": {}}), vec![2, 3]),
        ("/toolConfig/novelty", json!(true), vec![]),
        ("/additionalModelRequestFields", json!({"thinking": {"type": "adaptive"}}), vec![]),
        ("/guardrailConfig", json!({"guardrailIdentifier": "g"}), vec![]),
    ] {
        let (mut seen, now) = (Seen::default(), Instant::now());
        let mut body = agent(0);
        assert_eq!(marked(CLAUDE, &body, &mut seen, now), None);
        let (above, field) = path.rsplit_once('/').unwrap();
        body.pointer_mut(above).unwrap()[field] = value;
        let found = marked(CLAUDE, &body, &mut seen, now).map(|sent| blocks(&sent).1);
        assert_eq!(found.unwrap_or_default(), wanted, "{path}");
    }
}

#[test]
fn the_clients_own_marks_are_left_to_it() {
    let point = json!({"cachePoint": {"type": "default", "ttl": "1h"}});
    for place in ["/system", "/toolConfig/tools", "/messages/2/content"] {
        let mut body = agent(2);
        body.pointer_mut(place).unwrap().as_array_mut().unwrap().push(point.clone());
        assert_eq!(repeated(CLAUDE, &body), None, "{place}");
        let escaped = body.to_string().replace("\"cachePoint\"", "\"cache\\u0050oint\"");
        let (mut seen, now) = (Seen::default(), Instant::now());
        for _ in 0..2 {
            assert_eq!(sent_for(CLAUDE, &escaped, &mut seen, now), None, "{place}");
        }
    }
    let mut body = agent(2);
    body["system"][0]["text"] = json!("Say \"cachePoint\" and 'cachePoint'. ".repeat(300));
    assert!(repeated(CLAUDE, &body).is_some(), "a text that speaks of it is no mark");
}

#[test]
fn what_is_no_request_passes() {
    let filler = "x".repeat(9 * LONG);
    for text in [
        format!("{{\"system\":[{{\"text\":\"{filler}\"}}],\"messages\":"),
        format!("[\"{filler}\"]"),
        format!("{{\"messages\":[7,null,\"{filler}\"],\"system\":7,\"toolConfig\":[]}}"),
        format!(
            "{{\"messages\":[{{\"role\":\"user\",\"content\":[7,[],{{}}]}}],\"a\":\"{filler}\"}}"
        ),
        format!(
            "{{\"messages\":[{{\"role\":\"user\",\"content\":\"{filler}\"}}],\"toolConfig\":{{\"tools\":7}}}}"
        ),
        filler.clone(),
    ] {
        let (mut seen, now) = (Seen::default(), Instant::now());
        for _ in 0..2 {
            assert_eq!(sent_for(CLAUDE, &text, &mut seen, now), None);
        }
    }
}

fn block() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[ \n\ta-c\"\\\\{}\u{e9}\u{1F600}]{0,12}", Just("word ".repeat(LONG))];
    (text, 0..6).prop_map(|(text, kind)| match kind {
        0 => json!({"reasoningContent": {"reasoningText": {"text": text}}}),
        1 => json!({"toolUse": {"toolUseId": "t", "name": "n", "input": {"a": text}}}),
        2 => json!({"toolResult": {"toolUseId": "t", "content": [{"text": text}]}}),
        3 => json!({}),
        _ => json!({"text": text}),
    })
}

fn body() -> impl Strategy<Value = Value> {
    let list = || proptest::collection::vec(block(), 0..5);
    let role = prop_oneof![Just("user"), Just("assistant")];
    let messages = proptest::collection::vec((role, list()), 0..6);
    (list(), list(), messages).prop_map(|(tools, system, messages)| {
        let tool =
            |block: Value| json!({"toolSpec": {"name": "n", "description": block.to_string()}});
        let tools: Vec<Value> = tools.into_iter().map(tool).collect();
        let message = |(role, content)| json!({"role": role, "content": content});
        let messages: Vec<Value> = messages.into_iter().map(message).collect();
        json!({"messages": messages, "system": system, "toolConfig": {"tools": tools}})
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nothing_changes_but_four_marks_at_most(
        turns in proptest::collection::vec(body(), 1..4),
        is_pretty in any::<bool>(),
        is_nova in any::<bool>(),
    ) {
        let (mut seen, now) = (Seen::default(), Instant::now());
        let model = if is_nova { NOVA } else { CLAUDE };
        for body in turns.iter().chain(&turns) {
            let text = written(body, is_pretty);
            let Some(out) = sent_for(model, &text, &mut seen, now) else { continue };
            prop_assert_eq!(&out.replace(POINT, ""), &text);
            let (all, marks) = blocks(&serde_json::from_str(&out).unwrap());
            prop_assert!((1..=4).contains(&marks.len()));
            for mark in marks {
                let (_, block) = all[mark].split_once(' ').unwrap();
                prop_assert!(!block.starts_with(r#"{"reasoningContent"#), "{}", block);
                prop_assert!(!is_nova || block.starts_with(r#"{"text"#), "{}", block);
            }
        }
    }
}
