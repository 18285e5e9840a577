//! Takes fields out of a body and puts others in front of its own.

use std::ops::Range;

use super::scan::for_each_field;
use super::string::unescaped;
use super::walk::Unseen;

/// One field as it stands: from its key's quote to its value's end.
struct Field {
    span: Range<usize>,
    stays: bool,
}

/// A body, which was scanned, without the fields `left_out` and with `added`, names and JSON, before its own. What it
/// has of those already stays as it was written, and so does every other byte.
pub fn enveloped(body: &[u8], left_out: &[&str], added: &[(&str, &[u8])]) -> Vec<u8> {
    let mut fields: Vec<Field> = Vec::new();
    let mut missing: Vec<&(&str, &[u8])> = added.iter().collect();
    // A body that breaks off was refused when it was scanned.
    let _ = for_each_field(body, |walk, key| {
        walk.value(&mut Unseen)?;
        let name = unescaped(body.get(key.clone()).unwrap_or_default());
        missing.retain(|(added, _)| *added != name);
        let stays = !left_out.contains(&&*name);
        fields.push(Field { span: key.start..walk.at, stays });
        Ok(())
    });
    let grown: usize = missing.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let mut out = Vec::with_capacity(body.len() + grown);
    let part = |range: Range<usize>| body.get(range).unwrap_or_default();
    let begin = fields.first().map_or_else(
        || memchr::memchr(b'{', body).map_or(body.len(), |at| at + 1),
        |field| field.span.start,
    );
    let end = fields.last().map_or(begin, |field| field.span.end);
    out.extend_from_slice(part(0..begin));
    let kept = fields.iter().filter(|field| field.stays).count();
    for (count, (name, value)) in missing.iter().enumerate() {
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(value);
        if count + 1 < missing.len() || kept > 0 {
            out.push(b',');
        }
    }
    let mut left = kept;
    for (at, field) in fields.iter().enumerate().filter(|(_, field)| field.stays) {
        out.extend_from_slice(part(field.span.clone()));
        left -= 1;
        // The comma behind it, with the white space around, where something follows.
        if let Some(next) = fields.get(at + 1).filter(|_| left > 0) {
            out.extend_from_slice(part(field.span.end..next.span.start));
        }
    }
    out.extend_from_slice(part(end..body.len()));
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::enveloped;

    const ADDED: [(&str, &[u8]); 2] = [("v", b"\"1\""), ("b", b"[2]")];

    fn text(body: &str, left_out: &[&str], added: &[(&str, &[u8])]) -> String {
        String::from_utf8(enveloped(body.as_bytes(), left_out, added)).unwrap()
    }

    #[test]
    fn every_other_byte_stays() {
        for (body, wanted) in [
            ("{}", r#"{"v":"1","b":[2]}"#),
            (" { } ", r#" {"v":"1","b":[2] } "#),
            (r#"{"model":"m"}"#, r#"{"v":"1","b":[2]}"#),
            (r#"{"model":"m","a":1}"#, r#"{"v":"1","b":[2],"a":1}"#),
            (r#"{"a":1,"model":"m"}"#, r#"{"v":"1","b":[2],"a":1}"#),
            (r#"{"a":1,"stream":true,"model":"m"}"#, r#"{"v":"1","b":[2],"a":1}"#),
            (
                "{\n \"a\" : 1 ,\n \"model\" : \"m\",\n \"c\": {\"model\": 2}\n}\n",
                "{\n \"v\":\"1\",\"b\":[2],\"a\" : 1 ,\n \"c\": {\"model\": 2}\n}\n",
            ),
            (r#"{"v":"9","a":1}"#, r#"{"b":[2],"v":"9","a":1}"#),
            (r#"{"\u006dodel":"m","a":1e400}"#, r#"{"v":"1","b":[2],"a":1e400}"#),
        ] {
            assert_eq!(text(body, &["model", "stream"], &ADDED), wanted, "{body}");
        }
        assert_eq!(text(r#"{"a":1, "b":2}"#, &[], &[]), r#"{"a":1, "b":2}"#);
        assert_eq!(text(r#"{"a":1}"#, &["a"], &[]), "{}");
    }

    proptest! {
        #[test]
        fn it_is_the_same_object_with_and_without(
            names in proptest::collection::btree_set("[a-f]|model|stream|v", 0..8),
        ) {
            let given: Map<String, Value> =
                names.iter().map(|name| (name.clone(), Value::from(7))).collect();
            let body = serde_json::to_vec(&given).unwrap();
            let mut wanted = given;
            wanted.retain(|name, _| name != "model" && name != "stream");
            wanted.entry("v").or_insert_with(|| Value::from("1"));
            wanted.entry("b").or_insert_with(|| serde_json::json!([2]));
            let made: Map<String, Value> =
                serde_json::from_slice(&enveloped(&body, &["model", "stream"], &ADDED)).unwrap();
            prop_assert_eq!(made, wanted);
        }
    }
}
