//! Prices of a picture by its size and quality.

use std::collections::HashMap;

use serde_json::value::RawValue;

/// Stands for every size or quality.
const ANY: &str = "*";

/// What a picture of one kind costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PictureRate {
    /// In the vendor's words; `None` is any.
    quality: Option<Box<str>>,
    /// `WIDTHxHEIGHT`, or the vendor's word; `None` is any.
    size: Option<Box<str>>,
    /// Atto-dollars.
    pub atto: u128,
}

impl PictureRate {
    /// By `QUALITY/SIZE`, a size or a quality alone, or `*`.
    fn named(name: &str, atto: u128) -> Self {
        let (quality, size) = match name.split_once('/') {
            Some(both) => both,
            None if is_size(name) => (ANY, name),
            None => (name, ANY),
        };
        let known = |word: &str| (word != ANY).then(|| word.into());
        Self { quality: known(quality), size: known(size), atto }
    }

    /// How well it fits what is asked for: both, the size, the quality, neither; `None` where it is of another.
    fn fit(&self, asked: Asked<'_>) -> Option<u8> {
        let fits = |own: &Option<Box<str>>, asked: Option<&str>, weight| match own {
            None => Some(0),
            Some(own) => (asked == Some(own)).then_some(weight),
        };
        Some(fits(&self.size, asked.size, 2)? + fits(&self.quality, asked.quality, 1)?)
    }
}

/// What a request says of the picture that it wants.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// `quality`.
    pub quality: Option<&'a str>,
    /// `size`.
    pub size: Option<&'a str>,
}

/// Whether a word is a size in pixels.
fn is_size(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    word.split_once('x').is_some_and(|(width, height)| is_number(width) && is_number(height))
}

/// Prices by kind; `None` where one of them cannot be kept.
pub(super) fn rates(
    value: &RawValue,
    number: impl Fn(&RawValue) -> Option<u128>,
) -> Option<Vec<PictureRate>> {
    let by_name: HashMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
    let rate = |(name, value): (String, &RawValue)| Some(PictureRate::named(&name, number(value)?));
    let rates: Vec<PictureRate> = by_name.into_iter().map(rate).collect::<Option<_>>()?;
    (!rates.is_empty()).then_some(rates)
}

/// The dearest of them: what a picture costs of which nobody knows more.
pub(super) fn dearest(rates: &[PictureRate]) -> Option<u128> {
    rates.iter().map(|rate| rate.atto).max()
}

/// What a picture as it is asked for costs; the dearest where none fits. `None` where there are no such prices.
pub(super) fn of(rates: &[PictureRate], asked: Asked<'_>) -> Option<u128> {
    let fitting = rates.iter().filter_map(|rate| Some((rate.fit(asked)?, rate.atto)));
    fitting.max().map(|(_, atto)| atto).or_else(|| dearest(rates))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_that_says_most_of_a_picture_has_its_price() {
        let rates: Vec<PictureRate> =
            [("hd/1024x1024", 80), ("hd", 120), ("1024x1024", 40), ("*", 60), ("low/auto", 5)]
                .map(|(name, atto)| PictureRate::named(name, atto))
                .into();
        for (quality, size, atto) in [
            (Some("hd"), Some("1024x1024"), 80),
            (Some("hd"), Some("1792x1024"), 120),
            (Some("standard"), Some("1024x1024"), 40),
            (None, Some("1024x1024"), 40),
            (Some("standard"), None, 60),
            (Some("low"), Some("auto"), 5),
            (Some("low"), Some("512x512"), 60),
            (None, None, 60),
        ] {
            assert_eq!(of(&rates, Asked { quality, size }), Some(atto), "{quality:?} {size:?}");
        }
    }

    #[test]
    fn a_kind_that_nobody_listed_costs_as_the_dearest() {
        let rates = [PictureRate::named("512x512", 3), PictureRate::named("1024x1024", 7)];
        assert_eq!(of(&rates, Asked { quality: None, size: Some("2048x2048") }), Some(7));
        assert_eq!(of(&[], Asked::default()), None);
    }
}
