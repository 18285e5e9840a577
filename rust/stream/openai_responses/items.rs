//! The entries of a response's `output` while they grow, and the events that tell of them.

use std::borrow::Cow;
use std::io::Write as _;

use crate::stream::free_text::FreeText;
use crate::stream::nesting::Nesting;
use crate::stream::text::{write_json, write_number};
use crate::stream::tool_form::ToolForm;

/// How far an entry, or a response, has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
}

impl Status {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
        }
    }
}

/// What an entry is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Message,
    Reasoning {
        encrypted: Option<String>,
    },
    Tool(Call),
    /// The vendor's own, as it began.
    Vendor {
        raw: String,
    },
}

/// A call of one of the client's tools.
#[derive(Debug, Clone)]
#[allow(clippy::struct_field_names)] // the vendor's names
pub(super) struct Call {
    /// Its place among the calls of the answer.
    pub number: u32,
    pub call_id: String,
    pub name: String,
    /// The group of tools that it is of.
    pub namespace: Option<String>,
    /// Its arguments; or its input, which is free text.
    pub arguments: String,
    pub is_custom: bool,
    /// Where the input is read from arguments.
    pub free_text: Option<FreeText>,
    pub nesting: Nesting,
}

impl Call {
    /// A call of a host's function, which is `form` to the client.
    pub(super) fn of(
        number: u32,
        call_id: String,
        function: &str,
        form: Option<&ToolForm>,
    ) -> Self {
        let is_custom = form.is_some_and(|form| form.is_free_text);
        Self {
            number,
            call_id,
            name: form.map_or(function, |form| &form.name).to_owned(),
            namespace: form.and_then(|form| form.namespace.clone()),
            arguments: String::new(),
            is_custom,
            free_text: is_custom.then(FreeText::default),
            nesting: Nesting::default(),
        }
    }

    /// Takes in arguments; what of them the client reads.
    pub(super) fn push<'f>(&mut self, fragment: &'f str) -> Cow<'f, str> {
        self.nesting.push(fragment);
        let shown = match &mut self.free_text {
            Some(free) => Cow::Owned(free.push(fragment)),
            None => Cow::Borrowed(fragment),
        };
        self.arguments.push_str(&shown);
        shown
    }

    /// What is left when it is over; a function without arguments has an object, which clients parse.
    pub(super) fn rest(&mut self) -> String {
        let rest = match &mut self.free_text {
            Some(free) => free.finish(),
            None if self.arguments.is_empty() && !self.is_custom => "{}".to_owned(),
            None => String::new(),
        };
        self.arguments.push_str(&rest);
        rest
    }

    /// What its item's id begins with.
    pub(super) const fn prefix(&self) -> &'static str {
        if self.is_custom { "ctc" } else { "fc" }
    }
}

/// What a part of an entry holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    Text,
    Refusal,
    Summary,
    Reasoning,
}

#[derive(Debug, Clone)]
pub(super) struct Part {
    pub kind: PartKind,
    pub text: String,
    /// Entries of a JSON list.
    pub annotations: Vec<Vec<u8>>,
}

/// One entry.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub index: u32,
    pub id: String,
    pub kind: Kind,
    pub parts: Vec<Part>,
}

impl PartKind {
    /// The names of the events that bring more of it, end it, begin it as a part, and end it as a part.
    const fn events(self) -> [&'static str; 4] {
        match self {
            Self::Text => [
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.added",
                "response.content_part.done",
            ],
            Self::Refusal => [
                "response.refusal.delta",
                "response.refusal.done",
                "response.content_part.added",
                "response.content_part.done",
            ],
            Self::Summary => [
                "response.reasoning_summary_text.delta",
                "response.reasoning_summary_text.done",
                "response.reasoning_summary_part.added",
                "response.reasoning_summary_part.done",
            ],
            Self::Reasoning => [
                "response.reasoning_text.delta",
                "response.reasoning_text.done",
                "response.content_part.added",
                "response.content_part.done",
            ],
        }
    }

    const fn index_field(self) -> &'static str {
        if matches!(self, Self::Summary) { "summary_index" } else { "content_index" }
    }
}

impl Part {
    pub(super) const fn new(kind: PartKind) -> Self {
        Self { kind, text: String::new(), annotations: Vec::new() }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self.kind {
            PartKind::Text => {
                out.extend_from_slice(b"{\"type\":\"output_text\",\"annotations\":[");
                out.extend_from_slice(&self.annotations.join(&b','));
                out.extend_from_slice(b"],\"logprobs\":[],\"text\":");
            }
            PartKind::Refusal => out.extend_from_slice(b"{\"type\":\"refusal\",\"refusal\":"),
            PartKind::Summary => out.extend_from_slice(b"{\"type\":\"summary_text\",\"text\":"),
            PartKind::Reasoning => out.extend_from_slice(b"{\"type\":\"reasoning_text\",\"text\":"),
        }
        write_json(out, &self.text);
        out.push(b'}');
    }
}

impl Item {
    /// Appends it as JSON.
    pub(super) fn write(&self, status: Status, out: &mut Vec<u8>) {
        if let Kind::Vendor { raw } = &self.kind {
            return out.extend_from_slice(raw.as_bytes());
        }
        out.extend_from_slice(b"{\"id\":");
        write_json(out, &self.id);
        let kind = match &self.kind {
            Kind::Message | Kind::Vendor { .. } => "message",
            Kind::Reasoning { .. } => "reasoning",
            Kind::Tool(call) if call.is_custom => "custom_tool_call",
            Kind::Tool(_) => "function_call",
        };
        // Writing into memory cannot fail.
        let _ = write!(out, r#","type":"{kind}","status":"{}""#, status.word());
        match &self.kind {
            Kind::Message | Kind::Vendor { .. } => {
                out.extend_from_slice(b",\"role\":\"assistant\",\"content\":");
                self.write_parts(|_| true, out);
            }
            Kind::Reasoning { encrypted } => {
                out.extend_from_slice(b",\"summary\":");
                self.write_parts(|kind| kind == PartKind::Summary, out);
                if self.parts.iter().any(|part| part.kind == PartKind::Reasoning) {
                    out.extend_from_slice(b",\"content\":");
                    self.write_parts(|kind| kind == PartKind::Reasoning, out);
                }
                if let Some(encrypted) = encrypted {
                    out.extend_from_slice(b",\"encrypted_content\":");
                    write_json(out, encrypted);
                }
            }
            Kind::Tool(call) => {
                let field: &[u8] = if call.is_custom { b",\"input\":" } else { b",\"arguments\":" };
                out.extend_from_slice(field);
                write_json(out, &call.arguments);
                out.extend_from_slice(b",\"call_id\":");
                write_json(out, &call.call_id);
                out.extend_from_slice(b",\"name\":");
                write_json(out, &call.name);
                if let Some(namespace) = &call.namespace {
                    out.extend_from_slice(b",\"namespace\":");
                    write_json(out, namespace);
                }
            }
        }
        out.push(b'}');
    }

    fn write_parts(&self, wanted: impl Fn(PartKind) -> bool, out: &mut Vec<u8>) {
        out.push(b'[');
        for (number, part) in self.parts.iter().filter(|part| wanted(part.kind)).enumerate() {
            if number > 0 {
                out.push(b',');
            }
            part.write(out);
        }
        out.push(b']');
    }
}

/// Counts and writes events.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Events {
    /// The number of the next one.
    pub sequence: u64,
}

impl Events {
    /// Appends an event; `write` adds its fields, each with a comma before it.
    pub(super) fn write(
        &mut self,
        name: &str,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        for piece in ["event: ", name, "\ndata: {\"type\":\"", name, "\",\"sequence_number\":"] {
            out.extend_from_slice(piece.as_bytes());
        }
        write_number(out, self.sequence);
        self.sequence += 1;
        write(out);
        out.extend_from_slice(b"}\n\n");
    }

    pub(super) fn item(&mut self, name: &str, item: &Item, status: Status, out: &mut Vec<u8>) {
        self.write(name, out, |out| {
            out.extend_from_slice(b",\"output_index\":");
            write_number(out, u64::from(item.index));
            out.extend_from_slice(b",\"item\":");
            item.write(status, out);
        });
    }

    /// An event about the last part of an item.
    fn part(
        &mut self,
        name: &str,
        item: &Item,
        out: &mut Vec<u8>,
        more: impl FnOnce(&mut Vec<u8>),
    ) {
        let Some((last, before)) = item.parts.split_last() else { return };
        let field = last.kind.index_field();
        let is_like = |part: &&Part| part.kind.index_field() == field;
        let number = before.iter().filter(is_like).count() as u64;
        self.write(name, out, |out| {
            write_place(item, out);
            for piece in [",\"", field, "\":"] {
                out.extend_from_slice(piece.as_bytes());
            }
            write_number(out, number);
            more(out);
        });
    }

    pub(super) fn part_added(&mut self, item: &Item, out: &mut Vec<u8>) {
        let Some(part) = item.parts.last() else { return };
        let [.., added, _] = part.kind.events();
        self.part(added, item, out, |out| {
            out.extend_from_slice(b",\"part\":");
            Part::new(part.kind).write(out);
        });
    }

    pub(super) fn part_delta(&mut self, item: &Item, text: &str, out: &mut Vec<u8>) {
        let Some(part) = item.parts.last() else { return };
        let [delta, ..] = part.kind.events();
        self.part(delta, item, out, |out| {
            out.extend_from_slice(b",\"delta\":");
            write_json(out, text);
            if part.kind == PartKind::Text {
                out.extend_from_slice(b",\"logprobs\":[]");
            }
        });
    }

    pub(super) fn annotation(&mut self, item: &Item, number: usize, out: &mut Vec<u8>) {
        let Some(annotation) = item.parts.last().and_then(|part| part.annotations.get(number))
        else {
            return;
        };
        self.part("response.output_text.annotation.added", item, out, |out| {
            // Writing into memory cannot fail.
            let _ = write!(out, r#","annotation_index":{number},"annotation":"#);
            out.extend_from_slice(annotation);
        });
    }

    fn part_done(&mut self, item: &Item, out: &mut Vec<u8>) {
        let Some(part) = item.parts.last() else { return };
        let [_, done, _, part_done] = part.kind.events();
        self.part(done, item, out, |out| {
            let field: &[u8] =
                if part.kind == PartKind::Refusal { b",\"refusal\":" } else { b",\"text\":" };
            out.extend_from_slice(field);
            write_json(out, &part.text);
            if part.kind == PartKind::Text {
                out.extend_from_slice(b",\"logprobs\":[]");
            }
        });
        self.part(part_done, item, out, |out| {
            out.extend_from_slice(b",\"part\":");
            part.write(out);
        });
    }

    pub(super) fn arguments(&mut self, item: &Item, fragment: &str, out: &mut Vec<u8>) {
        let Kind::Tool(call) = &item.kind else { return };
        let name = if call.is_custom {
            "response.custom_tool_call_input.delta"
        } else {
            "response.function_call_arguments.delta"
        };
        self.write(name, out, |out| {
            write_place(item, out);
            out.extend_from_slice(b",\"delta\":");
            write_json(out, fragment);
        });
    }

    /// Ends the open part of an item.
    pub(super) fn end_part(&mut self, item: &Item, out: &mut Vec<u8>) {
        self.part_done(item, out);
    }

    /// Ends an item and everything in it.
    pub(super) fn end_item(&mut self, item: &Item, status: Status, out: &mut Vec<u8>) {
        match &item.kind {
            Kind::Tool(call) => {
                let (name, field) = if call.is_custom {
                    ("response.custom_tool_call_input.done", ",\"input\":")
                } else {
                    ("response.function_call_arguments.done", ",\"arguments\":")
                };
                self.write(name, out, |out| {
                    write_place(item, out);
                    out.extend_from_slice(field.as_bytes());
                    write_json(out, &call.arguments);
                    out.extend_from_slice(b",\"name\":");
                    write_json(out, &call.name);
                });
            }
            _ => self.part_done(item, out),
        }
        self.item("response.output_item.done", item, status, out);
    }
}

fn write_place(item: &Item, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"item_id\":");
    write_json(out, &item.id);
    out.extend_from_slice(b",\"output_index\":");
    write_number(out, u64::from(item.index));
}

/// A source as an annotation of `begin..end` of its text; None for one without an address.
pub(super) fn annotation(raw: &str, begin: usize, end: usize) -> Option<Vec<u8>> {
    #[derive(serde::Deserialize)]
    struct Source<'a> {
        #[serde(borrow, default)]
        url: Option<Cow<'a, str>>,
        #[serde(borrow, default)]
        title: Option<Cow<'a, str>>,
    }
    let source: Source<'_> = serde_json::from_str(raw).ok()?;
    let annotation = serde_json::json!({
        "type": "url_citation",
        "url": source.url?,
        "title": source.title.unwrap_or_default(),
        "start_index": begin,
        "end_index": end,
    });
    Some(annotation.to_string().into_bytes())
}
