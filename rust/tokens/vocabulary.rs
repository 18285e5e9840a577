//! The vocabularies, packed into the binary and unpacked at first use.

use std::sync::atomic::{AtomicBool, Ordering};

use super::cut::first_safe_cut;

/// Least bytes that [`Vocabulary::count_till_limit`] counts between two looks at the limit.
const STRIDE_BYTES: usize = 1024;

/// Which were unpacked, in the order of the variants.
static LOADED: [AtomicBool; Vocabulary::ALL.len()] =
    [const { AtomicBool::new(false) }; Vocabulary::ALL.len()];

/// A byte-pair vocabulary with its way of splitting text.
///
/// Left out are Llama's, whose licence asks every distribution for a displayed "Built with Meta
/// Llama 3", and others with terms beyond the permissive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vocabulary {
    /// `OpenAI` from gpt-4o on, also gpt-oss, whose harmony vocabulary has the same ranks.
    O200kBase,
    /// `OpenAI` gpt-4, gpt-3.5 and the embedding models.
    Cl100kBase,
    /// Qwen 2 to 3.
    Qwen2,
    /// `DeepSeek` V3 and R1.
    DeepSeekV3,
    /// `DeepSeek` V4.
    DeepSeekV4,
    /// Mistral's Tekken.
    Tekken,
}

impl Vocabulary {
    /// Every vocabulary of this build.
    pub const ALL: [Self; 6] = [
        Self::O200kBase,
        Self::Cl100kBase,
        Self::Qwen2,
        Self::DeepSeekV3,
        Self::DeepSeekV4,
        Self::Tekken,
    ];

    /// The vocabulary's usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::O200kBase => "o200k_base",
            Self::Cl100kBase => "cl100k_base",
            Self::Qwen2 => "qwen2",
            Self::DeepSeekV3 => "deepseek_v3",
            Self::DeepSeekV4 => "deepseek_v4",
            Self::Tekken => "mistral_v3",
        }
    }

    /// Unpacks the vocabulary now, which takes some 40 to 110 ms and 8 to 24 MB, so that the first
    /// count does not.
    pub fn load(self) {
        let _ = self.count("");
        if let Some(loaded) = LOADED.get(self as usize) {
            loaded.store(true, Ordering::Release);
        }
    }

    /// Whether it was unpacked.
    pub fn is_loaded(self) -> bool {
        LOADED.get(self as usize).is_some_and(|loaded| loaded.load(Ordering::Acquire))
    }

    /// Tokens of `text`; what looks like a special token is ordinary text.
    ///
    /// Cost: about 60 ns a token; linear, also for one long run without spaces.
    pub fn count(self, text: &str) -> usize {
        // Every name is in the build (a test counts with each); a byte is never less than a token.
        tiktoken::get_encoding(self.name()).map_or(text.len(), |encoding| encoding.count(text))
    }

    /// The token ids of `text`.
    pub fn encode(self, text: &str) -> Vec<u32> {
        tiktoken::get_encoding(self.name()).map_or_else(Vec::new, |encoding| encoding.encode(text))
    }

    /// The text of token ids; `None` where one is not in the vocabulary, or where they end inside a character.
    pub fn decode(self, tokens: &[u32]) -> Option<String> {
        let encoding = tiktoken::get_encoding(self.name())?;
        let mut text = Vec::with_capacity(tokens.len() * 4);
        for token in tokens {
            let piece = encoding.decode(std::slice::from_ref(token));
            if piece.is_empty() {
                return None; // others would leave it out in silence
            }
            text.extend_from_slice(&piece);
        }
        String::from_utf8(text).ok()
    }

    /// Tokens of `text` if they are at most `limit`; stops soon after passing it.
    pub fn count_till_limit(self, text: &str, limit: usize) -> Option<usize> {
        let (mut rest, mut total) = (text, 0);
        while !rest.is_empty() {
            let cut = first_safe_cut(rest, STRIDE_BYTES).unwrap_or(rest.len());
            let (head, tail) = rest.split_at_checked(cut).unwrap_or((rest, ""));
            total += self.count(head);
            if total > limit {
                return None;
            }
            rest = tail;
        }
        Some(total)
    }
}
