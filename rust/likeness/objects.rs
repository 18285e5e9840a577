//! To whom something is done: "call me Tom" is neither "call you Tom" nor "call Tom".

use std::collections::{BTreeMap, BTreeSet};

use super::lexicon;
use super::traits::Traits;

const OBJECTS: [&str; 6] = ["me", "you", "him", "her", "us", "them"];
/// What begins a clause of its own as often: "the ways you know".
const ANYBODY: &str = "you";

/// Whether a word that both have is followed by one of these in one text, and by others or by none in the other.
///
/// Of words that may be there or not, as in "show me", it says nothing.
pub fn differ(a: &Traits, b: &Traits) -> bool {
    let (ours, theirs) = (objects(a), objects(b));
    lacks(&ours, &theirs, b) || lacks(&theirs, &ours, a)
}

fn lacks(with: &Objects<'_>, other: &Objects<'_>, text: &Traits) -> bool {
    with.iter().any(|(word, here)| match other.get(word) {
        Some(there) => here.is_disjoint(there),
        None => {
            here.iter().any(|object| *object != ANYBODY) && text.content().any(|each| each == *word)
        }
    })
}

/// What stands behind each word.
type Objects<'t> = BTreeMap<&'t str, BTreeSet<&'t str>>;

fn objects(traits: &Traits) -> Objects<'_> {
    let mut found = Objects::new();
    for pair in traits.sequence.windows(2) {
        let [word, object] = pair else { continue };
        let says =
            !word.is_function && !lexicon::is_filler(&word.text) && !lexicon::is_light(&word.text);
        // "Use" has the stem "us".
        if says && object.is_function && OBJECTS.contains(&object.text.as_str()) {
            found.entry(&word.text).or_default().insert(&object.text);
        }
    }
    found
}
