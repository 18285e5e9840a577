//! Decimal texts to integers and back.
//!
//! Rates are atto-dollars (10^-18), so that a price per million tokens keeps twelve decimal places; the
//! ledger's unit is the pico-dollar (10^-12), the budgets' the nano-dollar (10^-9).

/// Atto-dollars in a pico-dollar.
pub(super) const ATTO_PER_PICO: u128 = 1_000_000;
/// Atto-dollars in a nano-dollar.
pub(super) const ATTO_PER_NANO: u128 = 1_000_000_000;
/// Decimal places of a pico-dollar.
const PLACES: usize = 12;
/// Decimal places of an atto-dollar.
const ATTO_PLACES: usize = 18;

/// Dollars as the ledger writes them, in pico-dollars.
pub fn pico_of(dollars: &str) -> Option<u128> {
    scaled(dollars, u32::try_from(PLACES).ok()?)
}

/// A plain or exponential decimal number times 10^`places`; `None` where that is no integer, or too large.
pub(super) fn scaled(text: &str, places: u32) -> Option<u128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    if whole.is_empty() || !(whole.bytes().chain(fraction.bytes())).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    if digits == 0 {
        return Some(0);
    }
    let power = i64::from(places) + i64::from(exponent) - i64::try_from(fraction.len()).ok()?;
    let factor = 10_u128.checked_pow(u32::try_from(power.unsigned_abs()).ok()?)?;
    if power >= 0 {
        digits.checked_mul(factor)
    } else {
        digits.is_multiple_of(factor).then(|| digits / factor)
    }
}

/// `value * numerator / denominator`, a half rounded to the even neighbour.
///
/// Exact for every denominator up to 10^18 and numerator up to 10^19; saturates where the result does.
pub(super) fn scale_half_even(value: u128, numerator: u128, denominator: u128) -> u128 {
    let (down, rest) = if let Some(product) = value.checked_mul(numerator) {
        divide(product, denominator)
    } else {
        let (whole, rest) = divide(value, denominator);
        let (more, rest) = divide(rest.saturating_mul(numerator), denominator);
        (whole.saturating_mul(numerator).saturating_add(more), rest)
    };
    let up = match (rest * 2).cmp(&denominator) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => !down.is_multiple_of(2),
        std::cmp::Ordering::Greater => true,
    };
    down.saturating_add(u128::from(up))
}

/// `value * numerator / denominator`, rounded up.
pub(super) fn scale_up(value: u128, numerator: u128, denominator: u128) -> u128 {
    let (whole, rest) = divide(value, denominator);
    let more = rest.saturating_mul(numerator).div_ceil(denominator);
    whole.saturating_mul(numerator).saturating_add(more)
}

/// Quotient and remainder. A division of this width is a call, and `%` would be another.
const fn divide(value: u128, by: u128) -> (u128, u128) {
    let quotient = value / by;
    (quotient, value - quotient * by)
}

/// Pico-dollars as dollars, without an exponent and without zeros at the end.
pub fn dollars(pico: i128) -> String {
    let sign = if pico < 0 { "-" } else { "" };
    format!("{sign}{}", decimal(pico.unsigned_abs(), PLACES))
}

/// Atto-dollars as dollars, in the same way.
pub(super) fn dollars_of_atto(atto: u128) -> String {
    decimal(atto, ATTO_PLACES)
}

fn decimal(value: u128, places: usize) -> String {
    let digits = format!("{value:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{whole}{point}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atto_dollars_are_plain_decimals() {
        for (atto, text) in [
            (0, "0"),
            (1, "0.000000000000000001"),
            (2_500_000_000_000, "0.0000025"),
            (1_000_000_000_000_000_000, "1"),
            (12_340_000_000_000_000_000, "12.34"),
        ] {
            assert_eq!(dollars_of_atto(atto), text);
        }
    }

    #[test]
    fn texts_become_integers_or_nothing() {
        for (text, places, value) in [
            ("0", 12, Some(0)),
            ("3", 12, Some(3_000_000_000_000)),
            ("0.075", 12, Some(75_000_000_000)),
            ("1.50", 12, Some(1_500_000_000_000)),
            ("0.083333333333", 12, Some(83_333_333_333)),
            ("0.0833333333333", 12, None),
            ("2e-7", 12, Some(200_000)),
            ("1E+3", 12, Some(1_000_000_000_000_000)),
            ("1e-13", 12, None),
            ("0e999", 12, Some(0)),
            ("1e99", 12, None),
            ("-1", 12, None),
            ("+1", 12, None),
            (".5", 12, None),
            ("5.", 12, Some(5_000_000_000_000)),
            ("", 12, None),
            ("NaN", 12, None),
            ("1_0", 12, None),
        ] {
            assert_eq!(scaled(text, places), value, "{text}");
        }
    }

    #[test]
    fn a_half_goes_to_the_even_neighbour() {
        for (value, numerator, denominator, rounded) in [
            (5, 1, 10, 0),
            (15, 1, 10, 2),
            (25, 1, 10, 2),
            (26, 1, 10, 3),
            (35, 1, 10, 4),
            (7, 3, 2, 10), // 10.5
            (5, 3, 2, 8),  // 7.5
            (u128::MAX, 2, 1, u128::MAX),
        ] {
            assert_eq!(scale_half_even(value, numerator, denominator), rounded, "{value}");
        }
    }

    #[test]
    fn dollars_are_written_plainly() {
        for (pico, text) in [
            (0, "0"),
            (1, "0.000000000001"),
            (1_500_000_000_000, "1.5"),
            (-2_000_000_000_000, "-2"),
            (i128::from(u64::MAX) * 1_000_000_000_000, "18446744073709551615"),
        ] {
            assert_eq!(dollars(pico), text);
        }
    }
}
