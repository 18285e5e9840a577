//! Free text in a call's arguments, as it arrives.
//!
//! A client's tool that takes free text is, for hosts that know functions only, one with the parameter `input`
//! (`python/sluicegate/dialects/free_text.py`). Its call comes as `{"input": "..."}`, cut anywhere.

use serde_json::{Map, Value};

/// The key that the text stands under.
const KEY: &str = "\"input\"";
/// `\uXXXX`, and two of them.
const UNIT: usize = 6;

/// One call's arguments.
#[derive(Debug, Clone, Default)]
pub(super) struct FreeText {
    raw: String,
    /// How much of `raw` is read; `None` while the text has not begun.
    at: Option<usize>,
    is_over: bool,
}

impl FreeText {
    /// What a whole call's arguments say.
    pub(super) fn of(arguments: &str) -> String {
        let mut free = Self::default();
        let mut text = free.push(arguments);
        text.push_str(&free.finish());
        text
    }

    /// The text that `fragment` brings.
    pub(super) fn push(&mut self, fragment: &str) -> String {
        let mut text = String::new();
        if self.is_over {
            return text;
        }
        self.raw.push_str(fragment);
        let mut at = self.at.or_else(|| begin(&self.raw));
        while let Some(rest) = at.and_then(|at| self.raw.get(at..)) {
            let plain = rest.find(['"', '\\']).unwrap_or(rest.len());
            let (before, behind) = rest.split_at(plain);
            text.push_str(before);
            at = at.map(|at| at + plain);
            if behind.is_empty() {
                break;
            }
            if behind.starts_with('"') {
                self.is_over = true;
                break;
            }
            let Some(escape) = escape(behind) else { break };
            text.push_str(&unescaped(escape));
            at = at.map(|at| at + escape.len());
        }
        self.at = at;
        text
    }

    /// What is left at the end: all of it, where a model wrote its text in another form.
    pub(super) fn finish(&mut self) -> String {
        if self.at.is_some() || std::mem::replace(&mut self.is_over, true) {
            return String::new();
        }
        let raw = std::mem::take(&mut self.raw);
        match serde_json::from_str(&raw) {
            Ok(Value::String(text)) => text,
            Ok(Value::Object(fields)) => only_text(fields).unwrap_or(raw),
            _ => raw,
        }
    }
}

/// Where the text begins.
fn begin(raw: &str) -> Option<usize> {
    let mut rest = raw;
    for token in ["{", KEY, ":", "\""] {
        rest = rest.trim_ascii_start().strip_prefix(token)?;
    }
    Some(raw.len() - rest.len())
}

/// The escape at the beginning; `None` while it is not whole.
fn escape(text: &str) -> Option<&str> {
    if *text.as_bytes().get(1)? != b'u' {
        let next = text.chars().nth(1)?;
        return text.get(..1 + next.len_utf8());
    }
    let unit = text.get(..UNIT)?;
    let is_high = matches!(
        unit.get(2..4).map(str::to_ascii_lowercase).as_deref(),
        Some("d8" | "d9" | "da" | "db")
    );
    if !is_high {
        return Some(unit);
    }
    // Another may belong to it.
    match text.as_bytes().get(UNIT..=UNIT + 1) {
        Some(b"\\u") => text.get(..2 * UNIT),
        Some(_) => Some(unit),
        None if text.len() > UNIT && !text.ends_with('\\') => Some(unit),
        None => None,
    }
}

fn unescaped(escape: &str) -> String {
    serde_json::from_str(&format!("\"{escape}\"")).unwrap_or_else(|_| "\u{fffd}".to_owned())
}

/// The one text of an object that holds nothing else; nothing of an empty one.
fn only_text(fields: Map<String, Value>) -> Option<String> {
    let mut values = fields.into_values();
    match (values.next(), values.next()) {
        (None, _) => Some(String::new()),
        (Some(Value::String(text)), None) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::FreeText;

    /// Arguments, and the text in them.
    const CASES: [(&str, &str); 11] = [
        (r#"{"input":"a"}"#, "a"),
        (r#" { "input" : "a\nb\\\"c" } "#, "a\nb\\\"c"),
        (r#"{"input":"\u00e9\ud83d\ude00!"}"#, "\u{e9}\u{1f600}!"),
        (r#"{"input":"\ud83d!"}"#, "\u{fffd}!"),
        (r#"{"input":""}"#, ""),
        ("{}", ""),
        ("", ""),
        (r#"{"patch":"a"}"#, "a"),
        (r#""a""#, "a"),
        ("*** Begin", "*** Begin"),
        (r#"{"a":1,"b":2}"#, r#"{"a":1,"b":2}"#),
    ];

    #[test]
    fn free_text_is_the_same_wherever_it_is_cut() {
        for (arguments, wanted) in CASES {
            assert_eq!(FreeText::of(arguments), wanted, "{arguments}");
            for cut in (0..arguments.len()).filter(|at| arguments.is_char_boundary(*at)) {
                let mut free = FreeText::default();
                let mut text = free.push(&arguments[..cut]);
                text.push_str(&free.push(&arguments[cut..]));
                text.push_str(&free.finish());
                assert_eq!(text, wanted, "{arguments} cut at {cut}");
            }
        }
    }

    #[test]
    fn free_text_does_not_wait_for_its_end() {
        let mut free = FreeText::default();
        assert_eq!(free.push("{\"input\": \"*** Beg"), "*** Beg");
        assert_eq!(free.push("in\\"), "in");
        assert_eq!(free.push("nPatch"), "\nPatch");
    }
}
