//! Whether an upstream's count of its output can be true.

use crate::stream::Usage;
use crate::tokens::Exactness;

/// Differences that count framing and call syntax explain, whatever the length.
const SLACK_TOKENS: u64 = 50;

/// Whether the reported output is further from our own count than can be explained: by more than a fifth where
/// we have the model's vocabulary, by more than half or double with another's, and by more than 50 tokens.
///
/// What we cannot see is not held against the upstream: hidden reasoning, audio and images may or may not be
/// in the text that we counted.
pub fn diverges(usage: &Usage, counted_output_tokens: u64, exactness: Exactness) -> bool {
    let Some(most) = usage.output_tokens else { return false };
    let unseen = [usage.reasoning_tokens, usage.output_audio_tokens, usage.output_image_tokens];
    let unseen = unseen.iter().flatten().fold(0_u64, |sum, part| sum.saturating_add(*part));
    let nearest = counted_output_tokens.clamp(most.saturating_sub(unseen), most);
    let off = nearest.abs_diff(counted_output_tokens);
    let (counted, off_parts) = (u128::from(counted_output_tokens), u128::from(off));
    off > SLACK_TOKENS
        && match exactness {
            Exactness::Exact => off_parts * 5 > counted,
            Exactness::Estimated if nearest > counted_output_tokens => off_parts > counted,
            Exactness::Estimated => off_parts * 2 > counted,
        }
}
