//! Token counts as an upstream reports them, brought to one meaning.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The largest count that is believed: a thousand times the longest context that any vendor offers. What is
/// above it is a fault of the upstream.
pub const MAX_REPORTED_TOKENS: u64 = 1_000_000_000;

/// How a host counts, which its dialect does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counting {
    /// Its output counts leave out reasoning, which it reports and charges beside them.
    pub reasoning_beside_output: bool,
}

/// How the host worked, where that has a price of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceTier {
    /// In its own time, within a day.
    Batch,
    /// When there is room.
    Flex,
    /// Before others.
    Priority,
    /// At more tokens a second.
    Fast,
}

impl ServiceTier {
    /// The tier of a vendor's word for it; `None` for the ordinary one and for words that we do not know.
    pub fn of(word: &str) -> Option<Self> {
        Some(match word {
            "batch" => Self::Batch,
            "flex" => Self::Flex,
            "priority" => Self::Priority,
            "fast" => Self::Fast,
            _ => return None,
        })
    }

    /// The word that vendors have for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
            Self::Fast => "fast",
        }
    }
}

/// Token counts with the meaning that OpenTelemetry gives them.
///
/// `None` is "not reported, or not believable": then our own count holds. Parts are parts:
/// cached and written tokens are inside `input_tokens`, reasoning inside `output_tokens`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All input, cached reads and cache writes included.
    pub input_tokens: Option<u64>,
    /// Input read from the vendor's prompt cache.
    pub cached_input_tokens: Option<u64>,
    /// Input written to the vendor's prompt cache, whatever its lifetime.
    pub cache_write_tokens: Option<u64>,
    /// The part of `cache_write_tokens` that is kept for an hour.
    pub cache_write_1h_tokens: Option<u64>,
    /// All output, reasoning included.
    pub output_tokens: Option<u64>,
    /// Reasoning, readable or not.
    pub reasoning_tokens: Option<u64>,
    /// Audio, in and out.
    pub audio_tokens: Option<u64>,
    /// The part of `audio_tokens` that came out.
    pub output_audio_tokens: Option<u64>,
    /// The part of `audio_tokens` that was read from the cache.
    pub cached_audio_tokens: Option<u64>,
    /// Images, in and out.
    pub image_tokens: Option<u64>,
    /// The part of `image_tokens` that came out.
    pub output_image_tokens: Option<u64>,
    /// The part of `image_tokens` that was read from the cache.
    pub cached_image_tokens: Option<u64>,
    /// What is charged of the input, by a vendor who leaves out its own words around it.
    pub billed_input_tokens: Option<u64>,
    /// What is charged of the output, likewise.
    pub billed_output_tokens: Option<u64>,
    /// Searches that the vendor made for the answer; no tokens.
    pub web_searches: Option<u64>,
    /// Searches through the documents of the request; no tokens.
    pub searches: Option<u64>,
    /// Milliseconds of a recording that was heard; no tokens.
    pub audio_ms: Option<u64>,
    /// How the host says it worked; `None` is the ordinary way.
    pub service_tier: Option<ServiceTier>,
}

impl Usage {
    /// Whether nothing believable was reported.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This usage without parts that are larger than their whole, which are as absurd as a negative count.
    #[must_use]
    pub fn without_absurd_parts(mut self) -> Self {
        if let Some(input) = self.input_tokens {
            drop_above(&mut self.cached_input_tokens, input);
            let fresh = input - self.cached_input_tokens.unwrap_or(0);
            drop_above(&mut self.cache_write_tokens, fresh);
        }
        match self.cache_write_tokens {
            Some(written) => drop_above(&mut self.cache_write_1h_tokens, written),
            None => self.cache_write_1h_tokens = None,
        }
        if let Some(output) = self.output_tokens {
            drop_above(&mut self.reasoning_tokens, output);
            drop_above(&mut self.output_audio_tokens, output);
            drop_above(&mut self.output_image_tokens, output);
        }
        self
    }
}

fn drop_above(part: &mut Option<u64>, whole: u64) {
    if part.is_some_and(|part| part > whole) {
        *part = None;
    }
}

/// Sum of the counts that are there; `None` if none is or the sum is not believable.
pub(crate) fn sum(counts: &[Option<u64>]) -> Option<u64> {
    let mut known = counts.iter().flatten().peekable();
    known.peek()?;
    known
        .try_fold(0_u64, |total, count| total.checked_add(*count))
        .filter(|total| *total <= MAX_REPORTED_TOKENS)
}

/// A whole number that accepts any JSON value, since a foolish one must not cost us the event it stands in.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count(pub(crate) Option<u64>);

impl Count {
    /// Replaces `known` if this is a believable count of tokens.
    pub(crate) fn update(self, known: &mut Option<u64>) {
        if let Some(count) = self.tokens() {
            *known = Some(count);
        }
    }

    /// This, if it is a believable count of tokens.
    pub(crate) fn tokens(self) -> Option<u64> {
        self.0.filter(|count| *count <= MAX_REPORTED_TOKENS)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

/// Seconds, whole or not, as a number or as text; any other value is accepted too, and says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seconds(pub(crate) Option<f64>);

impl Seconds {
    /// As milliseconds, rounded up, if it is believable.
    pub(crate) fn ms(self) -> Option<u64> {
        let ms = (self.0? * 1000.0).ceil();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // within its bounds
        (1.0..=1e9).contains(&ms).then_some(ms as u64)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: &serde_json::value::RawValue = Deserialize::deserialize(deserializer)?;
        Ok(Self(raw.get().trim_matches('"').parse().ok()))
    }
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Count;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("any value")
    }
    fn visit_u64<E>(self, count: u64) -> Result<Count, E> {
        Ok(Count(Some(count)))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Count, E> {
        Ok(Count(None))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Count, E> {
        Ok(Count(None))
    }
    fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
        Ok(Count(None))
    }
    fn visit_str<E>(self, _: &str) -> Result<Count, E> {
        Ok(Count(None))
    }
    fn visit_unit<E>(self) -> Result<Count, E> {
        Ok(Count(None))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Count, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Count(None))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Count, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Count(None))
    }
}
