//! Calls of tools that are no plain functions to the client, streamed and whole.

use serde_json::{Value, json};
use sluicegate::dialect::Dialect;
use sluicegate::stream::{Collected, Delta, Encoder, Options, ToolForm, ToolForms};

const TEXT: &str = "*** Begin\n\"\u{e9}\"";

fn form(function: &str, name: &str, namespace: Option<&str>, is_free_text: bool) -> ToolForm {
    let namespace = namespace.map(str::to_owned);
    ToolForm { function: function.to_owned(), name: name.to_owned(), namespace, is_free_text }
}

fn options() -> Options {
    let forms = vec![
        form("patch", "patch", None, true),
        form("crm__find", "find", Some("crm"), false),
        form("crm__note", "note", Some("crm"), true),
    ];
    Options {
        request_id: "req".to_owned(),
        tool_forms: ToolForms::new(forms),
        ..Options::default()
    }
}

/// An answer with these calls, each argument in pieces of `size` bytes.
fn deltas(calls: &[(&str, String)], size: usize, mut sink: impl FnMut(&Delta<'_>)) {
    sink(&Delta::Start { id: "a".into(), model: "m".into(), created_s: None });
    for (tool, (name, arguments)) in (0..).zip(calls) {
        let id = format!("c{tool}");
        sink(&Delta::ToolStart { choice: 0, tool, id: id.into(), name: (*name).into() });
        let chars: Vec<char> = arguments.chars().collect();
        for piece in chars.chunks(size) {
            let fragment = piece.iter().collect::<String>();
            sink(&Delta::ToolArguments { choice: 0, tool, fragment: fragment.into() });
        }
    }
}

fn events(written: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(written).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn streamed(dialect: Dialect, calls: &[(&str, String)], size: usize) -> Vec<Value> {
    let mut encoder = Encoder::new(dialect, options());
    let mut out = Vec::new();
    deltas(calls, size, |delta| encoder.delta(delta, &mut out));
    encoder.terminator(&mut out);
    events(&out)
}

fn whole(dialect: Dialect, calls: &[(&str, String)]) -> Value {
    let mut collected = Collected::default();
    deltas(calls, usize::MAX, |delta| collected.delta(delta));
    let mut out = Vec::new();
    collected.write(dialect, &options(), &mut out);
    serde_json::from_slice(&out).unwrap()
}

fn calls() -> Vec<(&'static str, String)> {
    vec![
        ("patch", json!({"input": TEXT}).to_string()),
        ("crm__find", r#"{"a":1}"#.to_owned()),
        ("crm__note", String::new()),
        ("other", String::new()),
    ]
}

#[test]
fn responses_have_items_of_their_own() {
    let wanted = [
        json!({"type": "custom_tool_call", "name": "patch", "input": TEXT, "call_id": "c0"}),
        json!({"type": "function_call", "name": "find", "namespace": "crm", "arguments": "{\"a\":1}", "call_id": "c1"}),
        json!({"type": "custom_tool_call", "name": "note", "namespace": "crm", "input": "", "call_id": "c2"}),
        json!({"type": "function_call", "name": "other", "arguments": "{}", "call_id": "c3"}),
    ];
    let body = whole(Dialect::OpenAiResponses, &calls());
    let mut outputs = vec![body["output"].clone()];
    for size in [1, 2, 5, 1000] {
        let events = streamed(Dialect::OpenAiResponses, &calls(), size);
        let said: String = events
            .iter()
            .filter(|event| event["type"] == "response.custom_tool_call_input.delta")
            .map(|event| event["delta"].as_str().unwrap())
            .collect();
        assert_eq!(said, TEXT, "pieces of {size}");
        outputs.push(events.last().unwrap()["response"]["output"].clone());
    }
    for output in outputs {
        for (item, wanted) in output.as_array().unwrap().iter().zip(&wanted) {
            let mut item = item.as_object().unwrap().clone();
            item.remove("status");
            let id = item.remove("id").unwrap();
            let prefix = if item["type"] == "function_call" { "fc_" } else { "ctc_" };
            assert!(id.as_str().unwrap().starts_with(prefix), "{id}");
            assert_eq!(&Value::Object(item), wanted);
        }
    }
}

#[test]
fn chat_has_calls_of_custom_tools() {
    let calls = calls();
    let calls = calls.get(..1).unwrap();
    let body = whole(Dialect::OpenAiChat, calls);
    let call = json!({"id": "c0", "type": "custom", "custom": {"name": "patch", "input": TEXT}});
    assert_eq!(body["choices"][0]["message"]["tool_calls"], json!([call]));
    for size in [1, 3, 1000] {
        let mut input = String::new();
        for event in streamed(Dialect::OpenAiChat, calls, size) {
            for call in event["choices"][0]["delta"]["tool_calls"].as_array().into_iter().flatten()
            {
                assert_eq!(call.get("function"), None);
                input.push_str(call["custom"]["input"].as_str().unwrap());
            }
        }
        assert_eq!(input, TEXT, "pieces of {size}");
    }
}
