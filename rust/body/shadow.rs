//! Keys that some readers take for another field: those of Go and .NET heed no case.

/// Fields by which a request is governed and priced.
const GOVERNING: [&str; 15] = [
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n",
    "best_of",
    "service_tier",
    "background",
    "previous_response_id",
    "messages",
    "input",
    "prompt",
    "tools",
];

/// The field that a reader without an eye for case takes a key for, where the key is not that field.
pub(super) fn shadowed(key: &str) -> Option<&'static str> {
    if key.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        return None; // nearly all
    }
    GOVERNING.into_iter().find(|field| is_read_as(key, field))
}

/// Whether such a reader takes a key for a field in lower case. Two letters beyond ASCII fold into it. Source: Go's
/// `encoding/json`, `foldName`.
pub(super) fn is_read_as(key: &str, field: &str) -> bool {
    let folded = key.chars().map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    });
    folded.eq(field.chars())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_shadows_a_field_that_differs_from_it_by_case_alone() {
        for (key, field) in [
            ("model", None),
            ("Model", Some("model")),
            ("MODEL", Some("model")),
            ("max_to\u{212a}ens", Some("max_tokens")),
            ("\u{17f}tream", Some("stream")),
            ("N", Some("n")),
            ("modelName", None),
            ("generationConfig", None),
            ("serviceTier", None),
            ("Temperature", None),
            ("modèl", None),
            ("", None),
        ] {
            assert_eq!(shadowed(key), field, "{key}");
        }
    }
}
