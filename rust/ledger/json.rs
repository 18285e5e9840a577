//! JSON inside a column.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Value, from_str};

/// What a column of texts or JSON keeps of a value: a string itself, anything else as JSON without spaces; nothing of
/// null.
///
/// # Errors
/// Whoever reads the column could not: half a surrogate, a number beyond all floats, more than 127 levels.
pub(super) fn text_of(raw: &RawValue) -> Result<Option<Cow<'_, str>>, serde_json::Error> {
    let text = raw.get();
    if text.starts_with('"') {
        return from_str::<String>(text).map(|string| Some(string.into()));
    }
    Ok(match from_str::<Value>(text)? {
        Value::Null => None,
        _ => Some(compact(text)),
    })
}

/// Valid JSON without the spaces between its tokens.
fn compact(text: &str) -> Cow<'_, str> {
    if !text.contains([' ', '\t', '\n', '\r']) {
        return text.into();
    }
    let (mut is_string, mut is_escaped) = (false, false);
    let kept = |c: &char| {
        let was_string = is_string;
        is_string ^= *c == '"' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        was_string || !c.is_ascii_whitespace()
    };
    text.chars().filter(kept).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_go_only_from_between_tokens() {
        for (text, short) in [
            (r#"{"a":1}"#, r#"{"a":1}"#),
            ("{ \"a\" : [ 1 ,\t2 ] }", r#"{"a":[1,2]}"#),
            (r#"{"a b": "\" c \\", "d" : " "}"#, r#"{"a b":"\" c \\","d":" "}"#),
        ] {
            assert_eq!(compact(text), short);
        }
    }

    #[test]
    fn what_nobody_could_read_is_refused() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        for text in [r#"{"a":"\ud800"}"#, r#""\ud800""#, "[1e999]", &deep] {
            let raw: &RawValue = from_str(text).unwrap();
            assert!(text_of(raw).is_err(), "{text}");
        }
    }
}
