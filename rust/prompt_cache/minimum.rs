//! How long a beginning must be, so that a vendor keeps it.

/// Tokens by a part of a model's name, the first that fits. Source, of 2026-11:
/// <https://platform.claude.com/docs/en/build-with-claude/prompt-caching>, cache limitations.
const BY_NAME: [(&str, u64); 14] = [
    ("fable-5", 512),
    ("mythos-preview", 2048),
    ("mythos-5", 512),
    ("opus-5", 512),
    ("opus-4-8", 1024),
    ("opus-4-7", 2048),
    ("opus-4-6", 4096),
    ("opus-4-5", 4096),
    ("opus", 1024),
    ("sonnet", 1024),
    ("haiku-4-5", 4096),
    ("3-5-haiku", 2048),
    ("3-haiku", 2048),
    ("haiku-3", 2048),
];
/// Of a model that the table does not know: the most that any wants.
const UNKNOWN: u64 = 4096;
/// Where Bedrock, which names the vendor in its models' names, says otherwise, of 2026-11. Source:
/// <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html>.
const ON_BEDROCK: [(&str, u64); 3] = [
    ("anthropic-claude-mythos-preview", 4096),
    ("anthropic-claude-opus-4-7", 4096),
    ("amazon-nova", 1024),
];

/// The shortest beginning that is kept for a model. What is shorter may be marked, and is not kept.
pub fn minimum_tokens(model: &str) -> u64 {
    // Some hosts write `claude-opus-4.5`.
    let name = model.to_ascii_lowercase().replace('.', "-");
    let mut all = ON_BEDROCK.iter().chain(&BY_NAME);
    all.find(|(part, _)| name.contains(part)).map_or(UNKNOWN, |(_, tokens)| *tokens)
}

#[cfg(test)]
mod tests {
    use super::minimum_tokens;

    #[test]
    fn every_models_minimum_is_the_vendors() {
        for (model, tokens) in [
            ("claude-opus-5", 512),
            ("claude-opus-5-5", 512),
            ("claude-fable-5-1", 512),
            ("claude-mythos-preview", 2048),
            ("claude-opus-4-8", 1024),
            ("claude-opus-4-7", 2048),
            ("claude-opus-4-6", 4096),
            ("claude-opus-4-5-20251101", 4096),
            ("claude-opus-4-1-20250805", 1024),
            ("claude-opus-4-20250514", 1024),
            ("claude-sonnet-5", 1024),
            ("claude-sonnet-4-5@20250929", 1024),
            ("anthropic/claude-opus-4.5", 4096),
            ("claude-haiku-4-5", 4096),
            ("claude-3-5-haiku-20241022", 2048),
            ("claude-3-haiku-20240307", 2048),
            ("anthropic.claude-opus-5", 512),
            ("us.anthropic.claude-opus-4-7", 4096),
            ("anthropic.claude-mythos-preview", 4096),
            ("us.amazon.nova-2-lite-v1:0", 1024),
            ("us.anthropic.claude-haiku-4-5-20251001-v1:0", 4096),
            ("somebody-elses", 4096),
        ] {
            assert_eq!(minimum_tokens(model), tokens, "{model}");
        }
    }
}
