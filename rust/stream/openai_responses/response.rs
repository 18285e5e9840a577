//! The response object around an output: what the request asked, or what the upstream had said.

use serde_json::value::RawValue;

use super::items::Status;
use super::usage::write_usage;
use crate::body;
use crate::stream::text::{write_compact, write_json, write_number};
use crate::stream::{Options, Usage};

/// What a response repeats of its request, with what stands there where the request said nothing.
/// Source: <https://platform.openai.com/docs/api-reference/responses/object>.
const ECHOED: [(&str, &str); 18] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("max_tool_calls", "null"),
    ("metadata", "{}"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("prompt_cache_key", "null"),
    ("reasoning", "{\"effort\":null,\"summary\":null}"),
    ("safety_identifier", "null"),
    ("service_tier", "\"default\""),
    ("temperature", "1.0"),
    ("text", "{\"format\":{\"type\":\"text\"}}"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("top_logprobs", "0"),
    ("top_p", "1.0"),
    ("truncation", "\"disabled\""),
    ("user", "null"),
];

/// The fields of a request that its response repeats, as name and JSON.
pub fn echo(request: &[u8]) -> Vec<(String, String)> {
    let mut echoed = Vec::new();
    body::for_each_top_level(request, |key, value| {
        let is_echoed = ECHOED.iter().any(|(known, _)| *known == key);
        if is_echoed && value != b"null" {
            echoed.push((key.to_owned(), String::from_utf8_lossy(value).into_owned()));
        }
    });
    echoed
}

/// The fields that change while a response grows.
pub(super) struct Growing<'a> {
    pub status: Status,
    pub incomplete: Option<&'a str>,
    /// Entries of a JSON list, in order.
    pub output: &'a [Vec<u8>],
    /// Only at the end.
    pub usage: Option<(&'a Usage, Option<&'a str>)>,
}

/// The rest of a response.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    /// As name and JSON, in order.
    fields: Vec<(String, String)>,
}

/// Set by [`Growing`]; the rest is the frame's.
const GROWING: [&str; 4] = ["status", "incomplete_details", "output", "usage"];

impl Frame {
    /// A response of the gateway's own.
    pub(super) fn new(id: &str, model: &str, created_s: Option<u64>, options: &Options) -> Self {
        let mut fields = Vec::with_capacity(ECHOED.len() + 8);
        let mut add = |name: &str, raw: String| fields.push((name.to_owned(), raw));
        add("id", json(&answer_id(id, options)));
        add("object", json("response"));
        add("created_at", created_s.unwrap_or(options.created_s).to_string());
        add("background", "false".to_owned());
        add("error", "null".to_owned());
        add("model", json(options.model.as_deref().unwrap_or(model)));
        add("store", options.is_kept.to_string());
        for (name, default) in ECHOED {
            let said = options.echo.iter().find(|(known, _)| known == name);
            add(name, said.map_or(default, |(_, raw)| raw).to_owned());
        }
        Self { fields }
    }

    /// The response that an upstream began.
    pub(super) fn of(response: &RawValue) -> Self {
        let mut fields = Vec::new();
        body::for_each_top_level(response.get().as_bytes(), |key, value| {
            if !GROWING.contains(&key) {
                fields.push((key.to_owned(), String::from_utf8_lossy(value).into_owned()));
            }
        });
        Self { fields }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Appends the response as JSON.
    pub(super) fn write(&self, growing: &Growing<'_>, out: &mut Vec<u8>) {
        out.push(b'{');
        for (name, raw) in &self.fields {
            write_json(out, name);
            out.push(b':');
            write_compact(out, raw);
            out.push(b',');
        }
        out.extend_from_slice(b"\"status\":");
        write_json(out, growing.status.word());
        out.extend_from_slice(b",\"incomplete_details\":");
        match growing.incomplete {
            Some(reason) => {
                out.extend_from_slice(b"{\"reason\":");
                write_json(out, reason);
                out.push(b'}');
            }
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"output\":[");
        out.extend_from_slice(&growing.output.join(&b','));
        out.extend_from_slice(b"],\"usage\":");
        match growing.usage {
            Some((usage, cost_usd)) => write_usage(usage, cost_usd, out),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
    }
}

/// The answer's id. Those of other dialects look otherwise, and clients ask for a response by its id.
fn answer_id(id: &str, options: &Options) -> String {
    if id.starts_with("resp_") { id.to_owned() } else { format!("resp_{}", options.request_id) }
}

/// The id of an entry of the answer.
pub(super) fn item_id(prefix: &str, index: u32, options: &Options) -> String {
    let mut id = format!("{prefix}_{}_", options.request_id).into_bytes();
    write_number(&mut id, u64::from(index));
    String::from_utf8_lossy(&id).into_owned()
}

/// A tool call's id, made where the upstream gave none: its result must name it.
pub(super) fn call_id(id: &str, number: u32, options: &Options) -> String {
    if id.is_empty() { format!("call_{}_{number}", options.request_id) } else { id.to_owned() }
}

fn json(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_json(&mut out, text);
    String::from_utf8_lossy(&out).into_owned()
}
