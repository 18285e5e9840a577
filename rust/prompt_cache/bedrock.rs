//! Which models take marks in Bedrock's Converse, and behind what. Any other one refuses the whole request.
//!
//! Source, of 2026-11: <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html> and the models' own
//! cards there, which say where Nova takes them: in `system` and `messages`, primarily for text.

/// What one model's marks may do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Marking {
    /// Kinds of blocks, in their quotes, that a mark may stand behind.
    pub kinds: &'static [&'static [u8]],
    /// Of a beginning that is longer nothing is kept.
    pub most_tokens: Option<usize>,
}

/// Not behind thoughts: "Cache point cannot be inserted after reasoning block".
const CLAUDE: Marking = Marking {
    kinds: &[
        b"\"toolSpec\"",
        b"\"text\"",
        b"\"image\"",
        b"\"document\"",
        b"\"toolUse\"",
        b"\"toolResult\"",
    ],
    most_tokens: None,
};
/// Behind tools, pictures and results of calls: "extraneous key [cachePoint] is not permitted".
const NOVA: Marking = Marking { kinds: &[b"\"text\""], most_tokens: Some(20_000) };

/// Claude before 3.7, but for the small one of 3.5. (3.5 Sonnet v2 takes them for those who were in its preview.)
const WITHOUT: [&str; 6] = [
    "claude-instant",
    "claude-v2",
    "claude-3-opus",
    "claude-3-sonnet",
    "claude-3-haiku",
    "claude-3-5-sonnet",
];
const NOVAS: [&str; 5] = [
    "amazon.nova-micro",
    "amazon.nova-lite",
    "amazon.nova-pro",
    "amazon.nova-premier",
    "amazon.nova-2-lite",
];

/// None where a model takes none, or nobody knows which one hides behind a profile's ARN.
pub(super) fn marking(model: &str) -> Option<&'static Marking> {
    let is_any = |parts: &[&str]| parts.iter().any(|part| model.contains(part));
    if model.contains("anthropic.claude") {
        (!is_any(&WITHOUT)).then_some(&CLAUDE)
    } else {
        is_any(&NOVAS).then_some(&NOVA)
    }
}

#[cfg(test)]
mod tests {
    use super::{CLAUDE, NOVA, marking};

    #[test]
    fn models_take_what_their_cards_say() {
        for (model, wanted) in [
            ("anthropic.claude-opus-5", Some(&CLAUDE)),
            ("us.anthropic.claude-haiku-4-5-20251001-v1:0", Some(&CLAUDE)),
            ("global.anthropic.claude-opus-4-6-v1", Some(&CLAUDE)),
            ("anthropic.claude-3-7-sonnet-20250219-v1:0", Some(&CLAUDE)),
            ("anthropic.claude-3-5-haiku-20241022-v1:0", Some(&CLAUDE)),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-5",
                Some(&CLAUDE),
            ),
            ("anthropic.claude-3-5-sonnet-20240620-v1:0", None),
            ("anthropic.claude-3-haiku-20240307-v1:0", None),
            ("anthropic.claude-3-sonnet-20240229-v1:0", None),
            ("anthropic.claude-v2:1", None),
            ("amazon.nova-pro-v1:0", Some(&NOVA)),
            ("us.amazon.nova-2-lite-v1:0", Some(&NOVA)),
            ("amazon.nova-sonic-v1:0", None),
            ("amazon.titan-text-express-v1", None),
            ("openai.gpt-oss-120b-1:0", None),
            ("meta.llama3-70b-instruct-v1:0", None),
            ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", None),
        ] {
            assert_eq!(marking(model), wanted, "{model}");
        }
    }
}
