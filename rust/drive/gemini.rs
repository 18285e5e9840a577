//! The paths of Gemini's API, which name the model.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Where a base URL has no version of its own.
const VERSION: &str = "/v1beta";
/// Names of collections that a model may be named with; without one it is among `models`.
const COLLECTIONS: [&str; 3] = ["models/", "tunedModels/", "publishers/"];

/// A model as the API names it, with its collection.
pub fn resource(model: &str) -> Cow<'_, str> {
    if COLLECTIONS.iter().any(|collection| model.starts_with(collection)) {
        model.into()
    } else {
        format!("models/{model}").into()
    }
}

/// Path and query of what is asked of a model; `events`: its stream shall be server-sent events.
pub fn path(base: &str, model: &str, verb: &str, events: bool) -> String {
    let mut out = String::with_capacity(base.len() + model.len() + 48);
    out.push_str(if base.is_empty() { VERSION } else { base });
    out.push('/');
    for byte in resource(model).bytes() {
        // What RFC 3986 allows in a segment, and the slash between two.
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing into memory cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out.push_str(verb);
    if events {
        out.push_str("?alt=sse");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn the_model_stands_in_the_path() {
        let google = "/v1/projects/p/locations/l/publishers/google";
        for (base, model, verb, events, wanted) in [
            ("", "m", ":generateContent", false, "/v1beta/models/m:generateContent"),
            ("/v1", "m", ":generateContent", false, "/v1/models/m:generateContent"),
            ("", "tunedModels/m", ":countTokens", false, "/v1beta/tunedModels/m:countTokens"),
            ("", "a b?c#d%/e", ":x", true, "/v1beta/models/a%20b%3Fc%23d%25/e:x?alt=sse"),
            (google, "m", ":x", false, "/v1/projects/p/locations/l/publishers/google/models/m:x"),
        ] {
            assert_eq!(path(base, model, verb, events), wanted);
        }
    }
}
