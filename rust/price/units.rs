//! What vendors charge by beside tokens.

use super::money::scale_half_even;
use super::slot::Slot;

/// Milliseconds in an hour, by which audio has its price.
const MS_PER_HOUR: u128 = 3_600_000;

/// What one of is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A picture that was drawn.
    Picture,
    /// A stretch of a recording that was heard.
    Audio,
    /// A character that was spoken.
    Character,
    /// A search through documents that the client sent.
    Search,
}

impl Unit {
    pub(super) const fn slot(self) -> Slot {
        match self {
            Self::Picture => Slot::Picture,
            Self::Audio => Slot::AudioHour,
            Self::Character => Slot::Character,
            Self::Search => Slot::Search,
        }
    }
}

/// Counts of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Units {
    /// Pictures that were drawn.
    pub pictures: u64,
    /// Milliseconds of recordings that were heard.
    pub audio_ms: u64,
    /// Characters that were spoken: Unicode's code points.
    pub characters: u64,
    /// Searches through documents.
    pub searches: u64,
}

impl Units {
    /// Atto-dollars at these rates. A stretch of audio costs its part of an hour, rounded to the atto-dollar, which is
    /// a millionth of what the ledger keeps.
    pub(super) fn atto(&self, rate: impl Fn(Slot) -> u128) -> u128 {
        if *self == Self::default() {
            return 0;
        }
        let whole = [
            (self.pictures, Slot::Picture),
            (self.characters, Slot::Character),
            (self.searches, Slot::Search),
        ];
        let whole = whole.map(|(count, slot)| u128::from(count).saturating_mul(rate(slot)));
        let audio = scale_half_even(u128::from(self.audio_ms), rate(Slot::AudioHour), MS_PER_HOUR);
        whole.into_iter().fold(audio, u128::saturating_add)
    }
}
