//! A small word in the place of another, where all else is the same: "since Monday", "until Monday".

use super::traits::{Token, Traits};

/// Words of which one line says about the same, and another of its block something else.
const CONTRASTS: [&[&[&str]]; 5] = [
    &[
        &["is", "are", "am", "do", "does", "has", "have"],
        &["was", "were", "did", "had"],
        &["will", "shall"],
    ],
    &[&["to", "into", "towards"], &["from"], &["by"]],
    &[&["since"], &["until", "till"], &["before"], &["after"], &["during"]],
    &[&["must"], &["can", "could", "may", "might"]],
    &[&["and"], &["or"]],
];

/// Whether two texts are the same but for one word, which is in contrast to the other's.
pub fn is_replaced(a: &Traits, b: &Traits) -> bool {
    is_replaced_in(&a.sequence, &b.sequence) || is_replaced_in(a.core(), b.core())
}

fn is_replaced_in(a: &[Token], b: &[Token]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut unlike = a.iter().zip(b).filter(|(a, b)| a != b);
    let (Some((one, other)), None) = (unlike.next(), unlike.next()) else { return false };
    are_in_contrast(&one.text, &other.text)
}

/// Whether two words are of one block, and of two lines.
pub fn are_in_contrast(one: &str, other: &str) -> bool {
    CONTRASTS.iter().any(|block| {
        let line = |word: &str| block.iter().position(|line| line.contains(&word));
        matches!((line(one), line(other)), (Some(a), Some(b)) if a != b)
    })
}
