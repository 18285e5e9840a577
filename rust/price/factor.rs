//! What an operator pays less than the list, and charges more than that.

use super::money::scaled;

/// Parts of a percent that a factor keeps: four decimal places.
const PLACES: u32 = 4;
/// 100 %, in those parts.
const WHOLE: u128 = 1_000_000;

/// The exact ratio of a row's cost to its list price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor {
    numerator: u128,
}

impl Factor {
    /// The list price as it is.
    pub const ONE: Self = Self { numerator: WHOLE * WHOLE };

    /// A discount and a margin, in percent: `(100 - discount) * (100 + margin)` parts of ten thousand.
    ///
    /// `None` where one is no decimal of at most four places, the discount passes 100 or the margin 100,000.
    pub fn new(discount_percent: &str, margin_percent: &str) -> Option<Self> {
        let discount = scaled(discount_percent, PLACES).filter(|parts| *parts <= WHOLE)?;
        let margin = scaled(margin_percent, PLACES).filter(|parts| *parts <= WHOLE * 1000)?;
        Some(Self { numerator: (WHOLE - discount) * (WHOLE + margin) })
    }

    /// Above the line; [`Self::DENOMINATOR`] stands below it.
    pub(super) const fn numerator(self) -> u128 {
        self.numerator
    }

    /// Below the line, for every factor.
    pub(super) const DENOMINATOR: u128 = WHOLE * WHOLE;
}

impl Default for Factor {
    fn default() -> Self {
        Self::ONE
    }
}
