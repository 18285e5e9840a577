//! What an attempt cost, exactly: integers of pico-dollars, never a float.

use serde::Deserialize;

use super::row::TokenColumns;

/// Decimal places of a pico-dollar.
const PLACES: usize = 12;

/// Pico-dollars for one token of each class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)] // the classes are the ledger's
pub struct Price {
    pub input: u64,
    pub output: u64,
    pub cached_input: u64,
    pub cache_write: u64,
    pub cache_write_1h: u64,
}

impl Price {
    /// The price of an attempt's tokens, each class once, as a decimal number of dollars.
    pub fn cost_usd(&self, tokens: &TokenColumns) -> String {
        let long_writes = tokens.cache_write_1h_tokens.min(tokens.cache_write_tokens);
        let fresh = tokens
            .input_tokens
            .saturating_sub(tokens.cached_input_tokens)
            .saturating_sub(tokens.cache_write_tokens);
        let pico: i128 = [
            (fresh, self.input),
            (tokens.cached_input_tokens, self.cached_input),
            (tokens.cache_write_tokens - long_writes, self.cache_write),
            (long_writes, self.cache_write_1h),
            (tokens.output_tokens, self.output),
        ]
        .into_iter()
        .map(|(count, each)| i128::from(count) * i128::from(each))
        .sum();
        decimal(pico)
    }
}

/// Pico-dollars as dollars, without an exponent and without zeros at the end.
fn decimal(pico: i128) -> String {
    let digits = format!("{pico:0>width$}", width = PLACES + 1);
    let (whole, fraction) = digits.split_at(digits.len() - PLACES);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRICE: Price = Price {
        input: 1_000_000,
        output: 2_000_000,
        cached_input: 500_000,
        cache_write: 1_250_000,
        cache_write_1h: 2_000_000,
    };

    #[test]
    fn every_class_is_priced_once() {
        let tokens = TokenColumns {
            input_tokens: 100,
            cached_input_tokens: 40,
            cache_write_tokens: 30,
            cache_write_1h_tokens: 10,
            output_tokens: 7,
            ..TokenColumns::default()
        };
        // 30 x 1 + 40 x 0.5 + 20 x 1.25 + 10 x 2 + 7 x 2, in millionths
        assert_eq!(PRICE.cost_usd(&tokens), "0.000109");
    }

    #[test]
    fn dollars_are_written_plainly() {
        for (pico, text) in [(0, "0"), (1, "0.000000000001"), (1_500_000_000_000, "1.5")] {
            assert_eq!(decimal(pico), text);
        }
    }
}
