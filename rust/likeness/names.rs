//! Whom or what a text is about, by name.

use super::lexicon;
use super::traits::Traits;

/// What comes behind the name of a country, and is about the same: "India", "Indian".
const OF_A_COUNTRY: [&str; 6] = ["n", "an", "ian", "ese", "ish", "i"];
const SHORTEST_COUNTRY: usize = 4;
/// So many letters an abbreviation has.
const LETTERS: std::ops::RangeInclusive<usize> = 2..=6;

/// Whether one has a name that the other does not have in any form.
pub fn lacks(a: &Traits, b: &Traits) -> bool {
    let has = |name: &String| {
        b.stems.contains(name)
            || lexicon::is_filler(name)
            || has_initials(b, name)
            || is_shortened(a, b, name)
            || OF_A_COUNTRY.iter().any(|behind| is_of(b, name, behind))
    };
    !a.names.iter().all(has)
}

/// Whether the other has the name of a country for what is of it, or the other way round.
fn is_of(other: &Traits, name: &str, behind: &str) -> bool {
    let country = name.strip_suffix(behind).filter(|country| country.len() >= SHORTEST_COUNTRY);
    country.is_some_and(|country| other.stems.contains(country))
        || (name.len() >= SHORTEST_COUNTRY && other.stems.contains(&format!("{name}{behind}")))
}

/// Whether an abbreviation's letters begin words that follow each other.
fn has_initials(traits: &Traits, name: &str) -> bool {
    LETTERS.contains(&name.len()) && traits.initials.contains(name)
}

/// Whether the other has an abbreviation of what a name is part of: "Natural Language Processing", "NLP".
fn is_shortened(a: &Traits, b: &Traits, name: &str) -> bool {
    let is_its = |short: &&String| name.starts_with(|first| short.contains(first));
    b.names.iter().filter(is_its).any(|short| has_initials(a, short))
}
