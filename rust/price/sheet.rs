//! The prices that hold for one request.

use std::sync::Arc;

use super::factor::Factor;
use super::money::{
    ATTO_PER_NANO, ATTO_PER_PICO, dollars, dollars_of_atto, scale_half_even, scale_up,
};
use super::picture::{self, Asked, PictureRate};
use super::slot::{INPUTS, KEYS, OUTPUTS, SLOTS, Slot};
use super::spec::PriceSet;
use super::tokens::Tokens;
use super::units::{Unit, Units};

/// What each class costs, with a discount and a margin, and where the prices come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Ascending by `above`; the first holds for every request.
    tiers: Vec<Tier>,
    /// By size and quality; where there are such, all tiers have the dearest.
    pictures: Vec<PictureRate>,
    /// Which classes have a price of their own, 0 or not.
    is_given: [bool; SLOTS],
    factor: Factor,
    version: Arc<str>,
}

/// Prices for requests with more input than `above`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tier {
    above: u64,
    /// Atto-dollars apiece, by [`Slot`].
    rates: [u128; SLOTS],
}

/// How far a request can go: what a reservation must cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each is a question of its own
pub struct Reach {
    /// At most so much input.
    pub input_tokens: u64,
    /// At most so much output.
    pub output_tokens: u64,
    /// Input may be written to the vendor's cache.
    pub writes_cache: bool,
    /// It may be kept there for an hour.
    pub writes_cache_1h: bool,
    /// Audio may go in or come out.
    pub audio: bool,
    /// Images may go in or come out.
    pub images: bool,
    /// At most so much beside tokens.
    pub units: Units,
}

/// What a reservation must cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bound {
    /// Pico-dollars of everything but the answer.
    pub fixed_pico: u128,
    /// Pico-dollars for each token of the answer.
    pub output_pico: u128,
}

impl Bound {
    /// The dearer of both, part by part.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            fixed_pico: self.fixed_pico.max(other.fixed_pico),
            output_pico: self.output_pico.max(other.output_pico),
        }
    }
}

impl Reach {
    /// So many tokens of any class.
    pub const fn any(input_tokens: u64, output_tokens: u64) -> Self {
        Self {
            input_tokens,
            output_tokens,
            writes_cache: true,
            writes_cache_1h: true,
            audio: true,
            images: true,
            units: Units { pictures: 0, audio_ms: 0, characters: 0, searches: 0 },
        }
    }

    /// So many tokens of text, none of which is written to a cache.
    pub const fn text(input_tokens: u64, output_tokens: u64) -> Self {
        Self {
            writes_cache: false,
            writes_cache_1h: false,
            audio: false,
            images: false,
            ..Self::any(input_tokens, output_tokens)
        }
    }

    const fn covers(&self, slot: Slot) -> bool {
        match slot {
            Slot::Write => self.writes_cache || self.writes_cache_1h,
            Slot::Write1h => self.writes_cache_1h,
            Slot::Audio | Slot::CachedAudio | Slot::OutputAudio => self.audio,
            Slot::Image | Slot::CachedImage | Slot::OutputImage => self.images,
            Slot::Input | Slot::Cached | Slot::Output | Slot::Reasoning => true,
            Slot::Request
            | Slot::WebSearch
            | Slot::Picture
            | Slot::AudioHour
            | Slot::Character
            | Slot::Search => false,
        }
    }
}

impl Sheet {
    /// A sheet of these prices.
    pub(super) fn new(prices: &PriceSet, factor: Factor, version: Arc<str>) -> Self {
        let mut starts: Vec<u64> = prices
            .slots
            .iter()
            .flatten()
            .flat_map(|priced| priced.tiers.iter().map(|(start, _)| *start))
            .collect();
        starts.sort_unstable();
        starts.dedup();
        let base = Tier { above: 0, rates: rates(prices, None) };
        let above = starts
            .into_iter()
            .map(|start| Tier { above: start, rates: rates(prices, Some(start)) });
        Self {
            tiers: std::iter::once(base).chain(above).collect(),
            pictures: prices.pictures.clone(),
            is_given: std::array::from_fn(|at| prices.slots.get(at).is_some_and(Option::is_some)),
            factor,
            version,
        }
    }

    /// The same with the price of pictures as they are asked for; `None` where all cost the same.
    pub fn of_pictures(&self, asked: Asked<'_>) -> Option<Self> {
        let rate = picture::of(&self.pictures, asked)?;
        let mut own = Self { pictures: Vec::new(), ..self.clone() };
        for tier in &mut own.tiers {
            tier.rates[Slot::Picture as usize] = rate;
        }
        Some(own)
    }

    /// Whether tokens have a price, 0 or not.
    pub fn has_tokens(&self) -> bool {
        self.is_given.iter().take(INPUTS + OUTPUTS).any(|given| *given)
    }

    /// Whether it says what a request costs that is charged by tokens or by that unit. Where it does not, 0 would be a
    /// guess.
    pub fn covers(&self, unit: Option<Unit>) -> bool {
        let is_given = |slot: Slot| self.is_given[slot as usize];
        self.has_tokens()
            || is_given(Slot::Request)
            || unit.is_some_and(|unit| is_given(unit.slot()))
    }

    /// Where the prices come from, as the ledger names it: `config`, or the book's dated version.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// What one of each class costs where the input is short, by the book's keys: dollars as plain decimal text.
    pub fn apiece(&self) -> Vec<(&'static str, String)> {
        let rates = self.rates(0);
        let charged = KEYS.iter().zip(rates).map(|((key, _, _), rate)| {
            (*key, scale_half_even(*rate, self.factor.numerator(), self.factor.denominator()))
        });
        charged.map(|(key, atto)| (key, dollars_of_atto(atto))).collect()
    }

    /// What these tokens cost, in pico-dollars: each class once, a half of a pico-dollar to the even one.
    ///
    /// Exact up to 10^38 atto-dollars before the factor, which 10^15 tokens at 300,000 dollars apiece do not
    /// reach; beyond that it stays at its largest value and never wraps.
    pub fn cost(&self, tokens: &Tokens) -> i128 {
        let rates = self.rates(tokens.input);
        let leaves = tokens.leaves();
        let counts =
            leaves.input.iter().chain(&leaves.output).copied().chain([1, tokens.web_searches]);
        let mut atto = tokens.units.atto(|slot| rates[slot as usize]);
        for (count, rate) in counts.zip(rates) {
            if count != 0 {
                atto = atto.saturating_add(u128::from(count).saturating_mul(*rate));
            }
        }
        let pico = scale_half_even(
            atto,
            self.factor.numerator(),
            self.factor.denominator() * ATTO_PER_PICO,
        );
        i128::try_from(pico).unwrap_or(i128::MAX)
    }

    /// What the vendor's own cache saved of [`Self::cost`], in pico-dollars: what the same tokens cost as plain input,
    /// less what they cost. Below 0 where writing was dearer than what was read.
    pub fn prompt_cache_saved(&self, tokens: &Tokens) -> i128 {
        self.cost(&tokens.uncached()) - self.cost(tokens)
    }

    /// [`Self::cost`] as a decimal number of dollars.
    pub fn cost_usd(&self, tokens: &Tokens) -> String {
        dollars(self.cost(tokens))
    }

    /// At least what so many tokens of any class cost, in nano-dollars; see [`Self::bound_nano_of`].
    pub fn bound_nano(&self, input_tokens: u64, output_tokens: u64) -> u64 {
        self.bound_nano_of(&Reach::any(input_tokens, output_tokens))
    }

    /// At least what a request within `reach` costs, in nano-dollars, rounded up: the dearest class of each
    /// side in the dearest tier that the input can reach.
    ///
    /// Searches that the vendor makes are not in it: nobody knows before how many there will be.
    pub fn bound_nano_of(&self, reach: &Reach) -> u64 {
        let atto = self.tiers_up_to(reach.input_tokens).map(|tier| tier.bound(reach)).max();
        let nano = scale_up(
            atto.unwrap_or(0),
            self.factor.numerator(),
            self.factor.denominator() * ATTO_PER_NANO,
        );
        u64::try_from(nano).unwrap_or(u64::MAX)
    }

    /// At least what a request costs that goes as far as `reach`, as a part that is fixed before it begins and a
    /// part for each token of the answer.
    pub fn bound(&self, reach: &Reach) -> Bound {
        let denominator = self.factor.denominator() * ATTO_PER_PICO;
        let scaled = |atto: u128| scale_up(atto, self.factor.numerator(), denominator);
        let mut bound = Bound::default();
        for tier in self.tiers_up_to(reach.input_tokens) {
            let fixed = tier.bound(&Reach { output_tokens: 0, ..*reach });
            let one = tier.bound(&Reach { output_tokens: 1, ..*reach }).saturating_sub(fixed);
            bound.fixed_pico = bound.fixed_pico.max(scaled(fixed));
            bound.output_pico = bound.output_pico.max(scaled(one));
        }
        bound
    }

    fn rates(&self, input_tokens: u64) -> &[u128; SLOTS] {
        let reached = self.tiers_up_to(input_tokens).last().or_else(|| self.tiers.first());
        reached.map_or(&[0; SLOTS], |tier| &tier.rates)
    }

    fn tiers_up_to(&self, input_tokens: u64) -> impl Iterator<Item = &Tier> {
        let above = self.tiers.iter().skip(1).take_while(move |tier| input_tokens > tier.above);
        self.tiers.iter().take(1).chain(above)
    }
}

impl Tier {
    fn bound(&self, reach: &Reach) -> u128 {
        let dearest = |slots: std::ops::Range<usize>| {
            let covered = KEYS
                .iter()
                .map(|(_, slot, _)| *slot)
                .filter(|slot| slots.contains(&(*slot as usize)) && reach.covers(*slot));
            covered.map(|slot| self.rates[slot as usize]).max().unwrap_or(0)
        };
        let input = u128::from(reach.input_tokens).saturating_mul(dearest(0..INPUTS));
        let output =
            u128::from(reach.output_tokens).saturating_mul(dearest(INPUTS..INPUTS + OUTPUTS));
        let units = reach.units.atto(|slot| self.rates[slot as usize]);
        [output, units, self.rates[Slot::Request as usize]]
            .into_iter()
            .fold(input, u128::saturating_add)
    }
}

/// Every class's price in the tier that begins at `start`, a wider class's where it has none.
fn rates(prices: &PriceSet, start: Option<u64>) -> [u128; SLOTS] {
    let own = |slot: Slot| {
        prices.slots[slot as usize].as_ref().map(|priced| {
            let reached = priced.tiers.iter().rev().find(|(from, _)| Some(*from) <= start);
            reached.map_or(priced.base, |(_, price)| *price)
        })
    };
    KEYS.map(|(_, slot, _)| {
        let wider = slot.wider().iter().copied();
        std::iter::once(slot).chain(wider).find_map(own).unwrap_or(0)
    })
}
