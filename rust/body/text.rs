//! The texts of a request, for counting. Builds a tree: only for requests whose answer reports no usage.

use serde_json::Value;

/// Fields whose strings the model reads.
const READ: &[&str] = &["messages", "system", "input", "prompt"];

/// Calls `each` with every text that the model reads, decoded.
pub fn for_each_text(body: &[u8], mut each: impl FnMut(&str)) {
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(body) else { return };
    for field in READ {
        if let Some(value) = fields.get(*field) {
            walk(value, &mut each);
        }
    }
}

fn walk(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(items) => items.iter().for_each(|item| walk(item, each)),
        Value::Object(fields) => {
            for (key, value) in fields {
                // Image and document data are no text; ids and types are not read as text either.
                if matches!(
                    key.as_str(),
                    "content"
                        | "text"
                        | "arguments"
                        | "function"
                        | "tool_calls"
                        | "input"
                        | "name"
                        | "thinking"
                ) {
                    walk(value, each);
                }
            }
        }
        _ => {}
    }
}
