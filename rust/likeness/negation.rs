//! Whether a text says no, and whether it says the opposite.

use std::collections::BTreeSet;

use super::foreign;
use super::lexicon;
use super::traits::Traits;
use super::words::Word;

/// Behind a no, what makes it say nothing of the matter: "I'm not sure why", "don't forget to".
const NO_MATTER: [&str; 14] = [
    "sure",
    "certain",
    "know",
    "understand",
    "figure",
    "forget",
    "hesitate",
    "worry",
    "only",
    "just",
    "matter",
    "problem",
    "idea",
    "clue",
];
/// So far behind.
const NEAR: usize = 2;

/// How many words of a text say no.
pub fn count(words: &[Word], language: Option<&str>) -> usize {
    let is_no = |text: &str| lexicon::is_negation(text) || foreign::is_negation(language, text);
    let says_no = |at: &usize| {
        words.get(*at).is_some_and(|word| is_no(&word.text))
            && !is_either(words, *at)
            && !is_of_no_matter(words, *at)
    };
    (0..words.len()).filter(says_no).count()
}

/// "Whether or not", "why or why not".
fn is_either(words: &[Word], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| words.get(at));
    let is = |back: usize, text: &str| before(back).is_some_and(|word| word.text == text);
    is(1, "or") || (is(1, "why") && is(2, "or"))
}

fn is_of_no_matter(words: &[Word], at: usize) -> bool {
    let behind = words.iter().skip(at + 1).take(NEAR);
    behind.into_iter().any(|word| NO_MATTER.contains(&word.text.as_str()))
}

/// Whether one says no where the other says yes, and not by the opposite: "not open" is "closed".
pub fn differs(a: &Traits, b: &Traits) -> bool {
    let unlike = (a.negations > 0) != (b.negations > 0) || a.negations.abs_diff(b.negations) > 1;
    unlike && !is_said_by_opposite(a, b)
}

/// Whether a word of one stands in the other as its opposite, and not as itself.
pub fn has_opposite(a: &Traits, b: &Traits) -> bool {
    !opposites(a, b).is_empty() && !is_said_by_opposite(a, b)
}

/// The words that only one has, with those that only the other has, and that say the opposite.
fn opposites<'t>(a: &'t Traits, b: &'t Traits) -> Vec<(&'t str, &'t str)> {
    let only_in_b = |word: &str| b.stems.get(word).filter(|_| !a.stems.contains(word));
    let only_in_a = a.stems.iter().filter(|stem| !b.stems.contains(*stem));
    let pairs = |one: &'t String| {
        let others = lexicon::opposites(one).filter_map(|other| only_in_b(&other));
        others.map(|other| (one.as_str(), other.as_str())).collect::<Vec<_>>()
    };
    only_in_a.flat_map(pairs).collect()
}

/// Whether one has a not before a word, and the other that word's opposite without.
pub fn is_said_by_opposite(a: &Traits, b: &Traits) -> bool {
    if a.negations.abs_diff(b.negations) != 1 {
        return false;
    }
    let (ours, theirs) = (denied(a), denied(b));
    let pairs = opposites(a, b);
    !pairs.is_empty()
        && pairs.iter().all(|(one, other)| ours.contains(one) != theirs.contains(other))
}

/// The words that a "not" stands before.
fn denied(traits: &Traits) -> BTreeSet<&str> {
    let is_not = |text: &str| matches!(text, "not" | "cannot" | "cant") || text.ends_with("n't");
    let places = traits.sequence.iter().enumerate().filter(|(_, token)| is_not(&token.text));
    let behind = places.filter_map(|(at, _)| {
        traits.sequence.get(at + 1..)?.iter().find(|token| !token.is_function)
    });
    behind.map(|token| token.text.as_str()).collect()
}
