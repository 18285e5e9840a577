//! What a chat model counts beside the texts of its messages.

use super::Vocabulary;

/// Tokens around the messages of a chat request.
///
/// Source: <https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb>,
/// "Counting tokens for chat completions API calls". It holds for text messages; tools, images and
/// structured output add more, so a count with it is a lower bound there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatOverhead {
    /// Around each message.
    pub per_message: usize,
    /// More for a message that has a `name`.
    pub per_name: usize,
    /// Once, for the start of the answer.
    pub reply: usize,
}

impl ChatOverhead {
    /// That of `OpenAI`'s chat models from gpt-3.5-turbo-0613 on.
    ///
    /// Other families differ by a few tokens a message; with them the sum is an estimate.
    pub const OPENAI: Self = Self { per_message: 3, per_name: 1, reply: 3 };

    /// Tokens of one message: its role, its name if it has one, its texts.
    pub fn count_message<'a>(
        self,
        vocabulary: Vocabulary,
        role: &str,
        name: Option<&str>,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> usize {
        let texts: usize = texts.into_iter().map(|text| vocabulary.count(text)).sum();
        let name = name.map_or(0, |name| self.per_name + vocabulary.count(name));
        self.per_message + vocabulary.count(role) + name + texts
    }
}
