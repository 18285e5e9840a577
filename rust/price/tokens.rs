//! What a price is applied to.

use super::slot::{INPUTS, OUTPUTS, Slot};
use super::units::Units;
use crate::stream::Usage;

/// Counts of one attempt, parts inside their wholes as in [`Usage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)] // named as in `Usage`
pub struct Tokens {
    /// All input.
    pub input: u64,
    pub cached_input: u64,
    pub cache_write: u64,
    /// Part of `cache_write`.
    pub cache_write_1h: u64,
    pub input_audio: u64,
    /// Part of `input_audio` and of `cached_input`.
    pub cached_audio: u64,
    pub input_image: u64,
    /// Part of `input_image` and of `cached_input`.
    pub cached_image: u64,
    /// All output.
    pub output: u64,
    pub reasoning: u64,
    pub output_audio: u64,
    pub output_image: u64,
    /// Searches that the vendor made for the answer; no tokens, charged each.
    pub web_searches: u64,
    /// What is charged beside tokens.
    pub units: Units,
}

/// Counts by class, none in two: they add up to the wholes.
pub(super) struct Leaves {
    pub input: [u64; INPUTS],
    pub output: [u64; OUTPUTS],
}

impl Tokens {
    /// Whether the vendor's cache was read or written.
    pub const fn is_cached(&self) -> bool {
        self.cached_input != 0 || self.cache_write != 0
    }

    /// The same as if the vendor had no cache.
    pub(super) const fn uncached(&self) -> Self {
        Self {
            cached_input: 0,
            cache_write: 0,
            cache_write_1h: 0,
            cached_audio: 0,
            cached_image: 0,
            ..*self
        }
    }

    /// Every token in the one class that prices it.
    ///
    /// Parts that do not fit into what is left of their whole are cut to it, so nothing is priced twice
    /// whatever an upstream says.
    pub(super) fn leaves(&self) -> Leaves {
        let mut input = [0; INPUTS];
        let mut left = self.input;
        let mut take = |slot: Slot, count: u64| {
            let count = count.min(left);
            left -= count;
            input[slot as usize] = count;
            count
        };
        let cached_audio = self.cached_audio.min(self.input_audio).min(self.cached_input);
        let cached_audio = take(Slot::CachedAudio, cached_audio);
        let cached_image = self.cached_image.min(self.input_image);
        let cached_image = take(
            Slot::CachedImage,
            cached_image.min(self.cached_input.saturating_sub(cached_audio)),
        );
        take(Slot::Cached, self.cached_input.saturating_sub(cached_audio + cached_image));
        let hour = take(Slot::Write1h, self.cache_write_1h.min(self.cache_write));
        take(Slot::Write, self.cache_write.saturating_sub(hour));
        take(Slot::Audio, self.input_audio.saturating_sub(cached_audio));
        take(Slot::Image, self.input_image.saturating_sub(cached_image));
        input[Slot::Input as usize] = left;

        let mut output = [0; OUTPUTS];
        let mut left = self.output;
        for (slot, count) in [
            (Slot::OutputAudio, self.output_audio),
            (Slot::OutputImage, self.output_image),
            (Slot::Reasoning, self.reasoning),
        ] {
            let count = count.min(left);
            left -= count;
            output[slot as usize - INPUTS] = count;
        }
        output[Slot::Output as usize - INPUTS] = left;
        Leaves { input, output }
    }
}

impl From<&Usage> for Tokens {
    fn from(usage: &Usage) -> Self {
        let count = |count: Option<u64>| count.unwrap_or(0);
        let (audio, image) = (count(usage.audio_tokens), count(usage.image_tokens));
        let output_audio = count(usage.output_audio_tokens).min(audio);
        let output_image = count(usage.output_image_tokens).min(image);
        // What is charged has no parts: the others are those of all that was read.
        let is_billed = usage.billed_input_tokens.is_some();
        Self {
            input: count(usage.billed_input_tokens.or(usage.input_tokens)),
            cached_input: if is_billed { 0 } else { count(usage.cached_input_tokens) },
            cache_write: count(usage.cache_write_tokens),
            cache_write_1h: count(usage.cache_write_1h_tokens),
            input_audio: audio - output_audio,
            cached_audio: count(usage.cached_audio_tokens),
            input_image: if is_billed { 0 } else { image - output_image },
            cached_image: count(usage.cached_image_tokens),
            output: count(usage.billed_output_tokens.or(usage.output_tokens)),
            reasoning: count(usage.reasoning_tokens),
            output_audio,
            output_image,
            web_searches: count(usage.web_searches),
            units: Units::default(),
        }
    }
}
