//! Which way round a text goes: what is converted to what, who does it to whom.

use super::alike::Alike;
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

/// What begins a phrase besides a direction.
const OPENS_A_PHRASE: [&str; 9] = ["is", "are", "at", "off", "up", "down", "out", "away", "back"];
/// Of longer texts the order alone is not looked at.
const MOST_ORDERED: usize = 200;

/// Whether two texts of the same words say it the other way round.
pub fn is_turned(a: &Traits, b: &Traits) -> bool {
    DIRECTIONS.iter().any(|word| leads_elsewhere(a, b, word)) || is_reordered(a, b)
}

/// Whether a word leads to one thing in one text, and to others in the other.
fn leads_elsewhere(a: &Traits, b: &Traits, direction: &str) -> bool {
    let (a, b) = (after(a, direction), after(b, direction));
    let is_known = !a.is_empty() && !b.is_empty();
    is_known && !a.iter().any(|word| b.has(word))
}

/// The words that say what or who behind each place of a word, until the next small one.
fn after<'t>(traits: &'t Traits, direction: &str) -> Alike<'t> {
    let places = traits.core().iter().enumerate().filter(|(_, token)| token.text == direction);
    let phrases = places.filter_map(|(at, _)| {
        let behind = traits.core().get(at + 1..)?.iter();
        Some(behind.skip_while(|it| !says_who_or_what(it)).take_while(|it| says_who_or_what(it)))
    });
    phrases.flatten().map(|token| token.text.as_str()).collect()
}

/// The same words of both kinds, in another order: nothing but the order can make the difference.
fn is_reordered(a: &Traits, b: &Traits) -> bool {
    let sorted = |traits: &Traits| {
        let mut sequence = traits.core().to_vec();
        sequence.sort_unstable();
        sequence
    };
    a.core().len() == b.core().len()
        && a.core().len() <= MOST_ORDERED
        && a.core() != b.core()
        && !placed(a).eq(placed(b))
        && sorted(a) == sorted(b)
        && !is_rotated(a.core(), b.core())
        && !is_moved(a.core(), b.core())
}

/// "In git, how do I ...": what stood last stands first.
fn is_rotated(a: &[Token], b: &[Token]) -> bool {
    rotation(a, b).is_some()
}

/// Where the beginning of the other is in one.
fn rotation(a: &[Token], b: &[Token]) -> Option<usize> {
    let twice = [a, a].concat();
    twice.windows(b.len().max(1)).position(|window| window == b)
}

/// Whether nothing but a phrase is at another place: "life in prison like", "life like in prison".
fn is_moved(a: &[Token], b: &[Token]) -> bool {
    let begins = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let ends = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let middle =
        |of: &'_ [Token]| of.get(begins..of.len().saturating_sub(ends)).map(<[Token]>::to_vec);
    let (Some(a), Some(b)) = (middle(a), middle(b)) else { return false };
    let opens = |token: Option<&Token>| {
        token.is_some_and(|it| {
            OPENS_A_PHRASE.contains(&it.text.as_str()) || DIRECTIONS.contains(&it.text.as_str())
        })
    };
    rotation(&a, &b).is_some() && (opens(a.first()) || opens(b.first()))
}

/// What has its place: names of things, people, and what belongs to the word behind it.
fn placed(traits: &Traits) -> impl Iterator<Item = &Token> {
    let has_place = |token: &&Token| says_who_or_what(token) || ONLY.contains(&token.text.as_str());
    traits.core().iter().filter(has_place)
}

fn says_who_or_what(token: &Token) -> bool {
    !token.is_function || WHO.contains(&token.text.as_str())
}
