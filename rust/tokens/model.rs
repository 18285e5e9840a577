//! Which vocabulary a model counts with.

use super::Vocabulary::{self, Cl100kBase, DeepSeekV3, DeepSeekV4, O200kBase, Qwen2, Tekken};

/// Whether a count with the vocabulary is the model's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exactness {
    /// The model's own vocabulary.
    Exact,
    /// Another family's, for want of the model's.
    Estimated,
}

use Exactness::{Estimated, Exact};

/// Beginnings of model names; the first that fits counts, so special cases stand first.
///
/// `OpenAI`: <https://github.com/openai/tiktoken/blob/main/tiktoken/model.py>. Others: the tokenizer
/// files of the models' own repositories on Hugging Face.
const FAMILIES: &[(&str, Vocabulary, Exactness)] = &[
    ("gpt-oss", O200kBase, Exact),
    ("gpt-5", O200kBase, Exact),
    ("gpt-4o", O200kBase, Exact),
    ("gpt-4.1", O200kBase, Exact),
    ("gpt-4.5", O200kBase, Exact),
    ("chatgpt-4o", O200kBase, Exact),
    ("codex-mini", O200kBase, Exact),
    ("o1", O200kBase, Exact),
    ("o3", O200kBase, Exact),
    ("o4", O200kBase, Exact),
    ("gpt-4", Cl100kBase, Exact),
    ("gpt-3.5", Cl100kBase, Exact),
    ("gpt-35", Cl100kBase, Exact), // as Azure writes it
    ("text-embedding-ada-002", Cl100kBase, Exact),
    ("text-embedding-3", Cl100kBase, Exact),
    ("davinci-002", Cl100kBase, Exact),
    ("babbage-002", Cl100kBase, Exact),
    // Distilled into models of other families.
    ("deepseek-r1-distill", O200kBase, Estimated),
    ("deepseek-v4", DeepSeekV4, Exact),
    ("deepseek-v3", DeepSeekV3, Exact),
    ("deepseek-r1", DeepSeekV3, Exact),
    ("deepseek.r1", DeepSeekV3, Exact), // as Bedrock writes it
    ("deepseek.v3", DeepSeekV3, Exact),
    // The API's own names move from version to version.
    ("deepseek", DeepSeekV3, Estimated),
    // A larger vocabulary from 3.5 on.
    ("qwen3.5", Qwen2, Estimated),
    ("qwen3.6", Qwen2, Estimated),
    ("qwen3.7", Qwen2, Estimated),
    ("qwen3", Qwen2, Exact),
    ("qwen2", Qwen2, Exact),
    ("qwq", Qwen2, Exact),
    ("qwen", Qwen2, Estimated),
    ("open-mistral-nemo", Tekken, Exact),
    ("mistral-nemo", Tekken, Exact),
    ("pixtral-12b", Tekken, Exact),
    ("ministral", Tekken, Exact),
    ("magistral", Tekken, Exact),
    ("devstral", Tekken, Exact),
    ("mistral-medium-3", Tekken, Exact),
    // Older ones of these names have a SentencePiece vocabulary.
    ("mistral", Tekken, Estimated),
];

/// The vocabulary of `model`, which may carry a provider's prefix, a date or a variant; for an
/// unknown one `o200k_base`, estimated.
///
/// ```
/// use sluicegate::tokens::{Exactness, Vocabulary, vocabulary_of};
///
/// assert_eq!(vocabulary_of("openai/gpt-4o-2024-08-06"), (Vocabulary::O200kBase, Exactness::Exact));
/// assert_eq!(vocabulary_of("claude-opus-5"), (Vocabulary::O200kBase, Exactness::Estimated));
/// ```
pub fn vocabulary_of(model: &str) -> (Vocabulary, Exactness) {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    // A fine-tuned model counts as its base does: `ft:gpt-4o:organisation::id`.
    let name = name.strip_prefix("ft:").unwrap_or(&name);
    // A region or a vendor with a dot, as Bedrock writes them; a name may have dots of its own.
    let without_vendor = name.split_once('.').map_or("", |(_, rest)| rest);
    [name, without_vendor]
        .into_iter()
        .find_map(|name| FAMILIES.iter().find(|(family, ..)| belongs(name, family)))
        .map_or((O200kBase, Estimated), |(_, vocabulary, exactness)| (*vocabulary, *exactness))
}

/// Whether `name` is the family's, rather than only starting with the same letters.
fn belongs(name: &str, family: &str) -> bool {
    name.strip_prefix(family)
        .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_alphanumeric()))
}
