//! The numbers of a text, and the signs between them.

use std::borrow::Cow;

use super::traits::Traits;
use super::words::Word;

/// Whether one has a number, or a sign of arithmetic, that the other lacks.
pub fn differ(a: &Traits, b: &Traits) -> bool {
    a.operators != b.operators || lacks(a, b) || lacks(b, a)
}

/// "One" is mostly no number; beside a 1 it is.
fn lacks(a: &Traits, b: &Traits) -> bool {
    let has =
        |number: &String| b.numbers.contains(number) || (number == "1" && b.spoken.contains("one"));
    !a.numbers.iter().all(has)
}

/// A number as it is written together with what stands behind it: "30k", "2nd".
pub fn written<'w>(number: &'w str, behind: Option<&Word>) -> Cow<'w, str> {
    let is_whole = number.bytes().all(|it| it.is_ascii_digit());
    match behind.map(|word| word.text.as_str()) {
        Some("k") if is_whole => Cow::Owned(format!("{number}000")),
        _ => Cow::Borrowed(number),
    }
}

/// The word that a number with its ending is: "1st", "2nd".
pub fn ordinal(number: &str, behind: Option<&Word>) -> Option<&'static str> {
    match (number, behind.map(|word| word.text.as_str())) {
        ("1", Some("st")) => Some("first"),
        ("2", Some("nd")) => Some("second"),
        _ => None,
    }
}
