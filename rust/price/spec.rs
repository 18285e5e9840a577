//! Prices as they are written: a key, and a decimal or a base with tiers.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::money::scaled;
use super::picture::{self, PictureRate};
use super::slot::{KEYS, SLOTS, Slot};

/// Why a price cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A key that this build does not know: pricing without it would be too cheap.
    #[error("price key {0:?} is not known")]
    Key(String),
    /// Not a decimal number of dollars that can be kept exactly.
    #[error("price {0:?} of {1:?} is not a decimal number that can be kept exactly")]
    Number(String, String),
}

/// What one class costs: atto-dollars apiece, and from which input on another price holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Priced {
    pub base: u128,
    /// `(start, price)`, ascending: holds where the request's input is above the start.
    pub tiers: Vec<(u64, u128)>,
}

/// Some classes' prices; the others are missing, which is not 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PriceSet {
    pub(super) slots: [Option<Priced>; SLOTS],
    /// By size and quality, where pictures have such prices; the dearest stands in its slot.
    pub(super) pictures: Vec<PictureRate>,
}

#[derive(Deserialize)]
struct TieredSpec<'a> {
    #[serde(borrow)]
    base: &'a RawValue,
    #[serde(borrow)]
    tiers: Vec<TierSpec<'a>>,
}

#[derive(Deserialize)]
struct TierSpec<'a> {
    start: u64,
    #[serde(borrow)]
    price: &'a RawValue,
}

impl PriceSet {
    /// Prices by key, each a decimal number, as text or as JSON writes numbers, or `{base, tiers}`; of pictures also
    /// by `QUALITY/SIZE`.
    pub fn read(prices: &HashMap<String, &RawValue>) -> Result<Self, SpecError> {
        let mut set = Self::default();
        for (key, value) in prices {
            let known = KEYS.iter().find(|(name, ..)| name == key);
            let (_, slot, places) = known.ok_or_else(|| SpecError::Key(key.clone()))?;
            let wrong = || SpecError::Number(value.get().to_owned(), key.clone());
            set.slots[*slot as usize] = match value.get().as_bytes().first() {
                Some(b'n') => continue, // null
                Some(b'{') if *slot == Slot::Picture => {
                    let each = |value: &RawValue| number(value, *places);
                    set.pictures = picture::rates(value, each).ok_or_else(wrong)?;
                    picture::dearest(&set.pictures).map(|base| Priced { base, tiers: vec![] })
                }
                Some(b'{') => Some(tiered(value, *places).ok_or_else(wrong)?),
                _ => {
                    Some(Priced { base: number(value, *places).ok_or_else(wrong)?, tiers: vec![] })
                }
            };
        }
        Ok(set)
    }

    /// These prices, and those of `other` where one is missing here.
    pub(super) fn or(mut self, other: &Self) -> Self {
        for (mine, theirs) in self.slots.iter_mut().zip(&other.slots) {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        }
        if self.pictures.is_empty() {
            self.pictures.clone_from(&other.pictures);
        }
        self
    }

    /// Whether nothing has a price.
    pub fn is_empty(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }
}

fn tiered(value: &RawValue, places: u32) -> Option<Priced> {
    let spec: TieredSpec<'_> = serde_json::from_str(value.get()).ok()?;
    let tier = |tier: &TierSpec<'_>| Some((tier.start, number(tier.price, places)?));
    let mut tiers: Vec<_> = spec.tiers.iter().map(tier).collect::<Option<_>>()?;
    tiers.sort_unstable();
    Some(Priced { base: number(spec.base, places)?, tiers })
}

fn number(value: &RawValue, places: u32) -> Option<u128> {
    scaled(value.get().trim_matches('"'), places)
}
