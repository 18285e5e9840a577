//! Which way round a text goes: what is converted to what, who does it to whom.

use super::lexicon;
use super::traits::{Token, Traits};

/// Words after which it matters what comes.
const DIRECTIONS: [&str; 16] = [
    "to", "into", "from", "than", "before", "after", "by", "over", "under", "above", "below", "of",
    "in", "on", "for", "with",
];
/// Small words that say who: they have their place too.
const WHO: [&str; 14] = [
    "i", "me", "you", "he", "him", "she", "her", "we", "us", "they", "them", "it", "someone",
    "everyone",
];
/// "Only admins can delete posts" is not "admins can only delete posts".
const ONLY: [&str; 2] = ["only", "just"];

/// Whether two texts of the same words say it the other way round.
pub fn is_turned(a: &Traits, b: &Traits) -> bool {
    DIRECTIONS.iter().any(|word| leads_elsewhere(a, b, word)) || is_reordered(a, b)
}

/// Whether a word leads to one thing in one text, and to others in the other.
fn leads_elsewhere(a: &Traits, b: &Traits, direction: &str) -> bool {
    let (a, b) = (after(a, direction), after(b, direction));
    let is_known = !a.is_empty() && !b.is_empty();
    is_known && !a.iter().any(|a| b.iter().any(|b| lexicon::are_alike(a, b)))
}

/// The first word that says what or who behind each place of a word.
fn after<'t>(traits: &'t Traits, direction: &str) -> Vec<&'t str> {
    let places = traits.sequence.iter().enumerate().filter(|(_, token)| token.text == direction);
    let content = places.filter_map(|(at, _)| {
        traits.sequence.get(at + 1..)?.iter().find(|token| says_who_or_what(token))
    });
    content.map(|token| token.text.as_str()).collect()
}

/// The same words of both kinds, in another order: nothing but the order can make the difference.
fn is_reordered(a: &Traits, b: &Traits) -> bool {
    let sorted = |traits: &Traits| {
        let mut sequence: Vec<Token> = traits.sequence.clone();
        sequence.sort_unstable();
        sequence
    };
    a.sequence.len() == b.sequence.len()
        && a.sequence != b.sequence
        && !placed(a).eq(placed(b))
        && sorted(a) == sorted(b)
        && !is_rotated(&a.sequence, &b.sequence)
}

/// "In git, how do I ...": what stood last stands first.
fn is_rotated(a: &[Token], b: &[Token]) -> bool {
    let twice = [a, a].concat();
    twice.windows(b.len().max(1)).any(|window| window == b)
}

/// What has its place: names of things, people, and what belongs to the word behind it.
fn placed(traits: &Traits) -> impl Iterator<Item = &Token> {
    let has_place = |token: &&Token| says_who_or_what(token) || ONLY.contains(&token.text.as_str());
    traits.sequence.iter().filter(has_place)
}

fn says_who_or_what(token: &Token) -> bool {
    !token.is_function || WHO.contains(&token.text.as_str())
}
