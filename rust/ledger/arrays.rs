//! Rows as one array literal of `PostgreSQL`'s for each column.
//!
//! Source: `PostgreSQL` 18, 8.15.2 "Array Value Input".

use std::fmt::Write as _;

use super::columns::COLUMNS;
use super::read::{Value, Values};

/// For each column the values of all rows, `{1,NULL,"text"}`.
pub fn arrays(rows: &[&Values<'_>]) -> Vec<String> {
    let array = |place: usize| {
        let mut literal = String::from("{");
        for value in rows.iter().filter_map(|row| row.get(place)) {
            if literal.len() > 1 {
                literal.push(',');
            }
            push(&mut literal, value);
        }
        literal.push('}');
        literal
    };
    (0..COLUMNS.len()).map(array).collect()
}

fn push(literal: &mut String, value: &Value<'_>) {
    match value {
        Value::Null => literal.push_str("NULL"),
        Value::Integer(number) => {
            let _ = write!(literal, "{number}"); // into memory
        }
        Value::Text(text) => {
            literal.push('"');
            for c in text.chars() {
                match c {
                    '"' | '\\' => literal.extend(['\\', c]),
                    // PostgreSQL's text holds every character but one.
                    '\0' => literal.push(char::REPLACEMENT_CHARACTER),
                    _ => literal.push(c),
                }
            }
            literal.push('"');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Reader, columns::ATTEMPT};
    use super::*;

    #[test]
    fn texts_are_quoted_and_nothing_is_null() {
        let payloads = [r#"{"time":"t","user":"a\"b\\c\u0000,{}"}"#, r#"{"time":"NULL"}"#];
        let mut reader = Reader::default();
        let rows: Vec<_> =
            payloads.iter().map(|row| reader.read("r", 1, row.as_bytes()).unwrap()).collect();
        let arrays = arrays(&rows.iter().collect::<Vec<_>>());
        let place = |name| COLUMNS.iter().position(|column| column.name == name).unwrap();
        assert_eq!(arrays[place("user")], "{\"a\\\"b\\\\c\u{fffd},{}\",NULL}");
        assert_eq!(arrays[place("time")], r#"{"t","NULL"}"#);
        assert_eq!(arrays[ATTEMPT], "{1,1}");
        assert_eq!(arrays.len(), COLUMNS.len());
    }
}
