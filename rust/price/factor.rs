//! What an operator pays less than the list, and charges more than that.

use super::money::scaled;

/// Parts of a percent that a factor keeps: four decimal places.
const PLACES: u32 = 4;
/// 100 %, in those parts.
const WHOLE: u128 = 1_000_000;

/// The exact ratio of a row's cost to its list price, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor {
    numerator: u128,
    denominator: u128,
}

impl Factor {
    /// The list price as it is.
    pub const ONE: Self = Self { numerator: 1, denominator: 1 };

    /// A discount and a margin, in percent: `(100 - discount) * (100 + margin)` parts of ten thousand.
    ///
    /// `None` where one is no decimal of at most four places, the discount passes 100 or the margin 100,000.
    pub fn new(discount_percent: &str, margin_percent: &str) -> Option<Self> {
        let discount = scaled(discount_percent, PLACES).filter(|parts| *parts <= WHOLE)?;
        let margin = scaled(margin_percent, PLACES).filter(|parts| *parts <= WHOLE * 1000)?;
        let numerator = (WHOLE - discount) * (WHOLE + margin);
        let denominator = WHOLE * WHOLE;
        let common = greatest_common_divisor(numerator, denominator);
        Some(Self { numerator: numerator / common, denominator: denominator / common })
    }

    /// Above the line: at most 10^16 or so.
    pub(super) const fn numerator(self) -> u128 {
        self.numerator
    }

    /// Below the line: at most 10^12.
    pub(super) const fn denominator(self) -> u128 {
        self.denominator
    }
}

impl Default for Factor {
    fn default() -> Self {
        Self::ONE
    }
}

const fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
