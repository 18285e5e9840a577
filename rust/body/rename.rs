//! Names another model in a body of Gemini's.

use serde_json::value::RawValue;

use super::scan::for_each_field;
use super::set::set;
use super::splice::{Edit, splice};
use super::string::unescaped;
use super::walk::Unseen;

/// A body, which was scanned, that names `model` (JSON) wherever it named another beside its path: at the top, in the
/// request whose tokens are counted, in each of the texts of a batch. Every other byte stays.
pub fn rename_gemini_model(body: &[u8], model: &[u8]) -> Vec<u8> {
    let mut edits = Vec::new();
    // A body that breaks off was refused when it was scanned.
    let _ = for_each_field(body, |walk, key| {
        let begin = walk.at;
        walk.value(&mut Unseen)?;
        let span = begin..walk.at;
        let value = body.get(span.clone()).unwrap_or_default();
        match &*unescaped(body.get(key).unwrap_or_default()) {
            "model" => edits.push(Edit::replace(span, model.to_vec())),
            "generateContentRequest" | "generate_content_request" if value.starts_with(b"{") => {
                edits.push(Edit::replace(span, set(value, "model", model)));
            }
            "requests" => edits.extend(batch(value, model).map(|all| Edit::replace(span, all))),
            _ => {}
        }
        Ok(())
    });
    splice(body, &edits)
}

/// None where it is no list of objects; then its reader says what is wrong.
fn batch(list: &[u8], model: &[u8]) -> Option<Vec<u8>> {
    let items: Vec<&RawValue> = serde_json::from_slice(list).ok()?;
    let mut out = vec![b'['];
    for item in items {
        let item = Some(item.get()).filter(|item| item.starts_with('{'))?;
        out.extend_from_slice(&set(item.as_bytes(), "model", model));
        out.push(b',');
    }
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(b']');
    Some(out)
}
