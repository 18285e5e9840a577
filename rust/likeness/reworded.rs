//! Whether one text is another wording of the other, or the other with a word replaced.
//!
//! Who asks for something else keeps the sentence and puts another word in: "the capital of France", "the capital of
//! Peru". Who asks the same in other words changes more: the small words that join the others, their order, several
//! words at once. How far apart two such texts lie is for their vectors to say.

use std::collections::{HashMap, HashSet};

use super::lexicon;
use super::small;
use super::traits::{Token, Traits};

/// With more words than these that only one of them has, a text is another wording.
const MOST_CHANGED: usize = 3;

/// Whether one is the other in other words.
pub fn is_reworded(a: &Traits, b: &Traits) -> bool {
    let (ours, theirs) = (Only::of(a, b), Only::of(b, a));
    let small = ours.other_small_words(&theirs) + theirs.other_small_words(&ours);
    small > 0 || ours.content + theirs.content > MOST_CHANGED || is_in_another_order(a, b)
}

/// Whether the longer lacks something of the shorter, or has it in another order: else something was put in.
pub fn is_more_than(longer: &Traits, shorter: &Traits) -> bool {
    let (more, lost) = (Only::of(longer, shorter), Only::of(shorter, longer));
    lost.content + lost.other_small_words(&more) > 0 || is_in_another_order(longer, shorter)
}

/// Words of one text that the other has not, or not as often.
#[derive(Debug, Default)]
struct Only<'t> {
    /// How many of them say something.
    content: usize,
    /// Those that hold it together.
    small: Vec<&'t str>,
}

impl<'t> Only<'t> {
    fn of(a: &'t Traits, b: &Traits) -> Self {
        let mut left: HashMap<&Token, usize> = HashMap::new();
        for token in b.core() {
            *left.entry(token).or_default() += 1;
        }
        let mut only = Self::default();
        for token in a.core() {
            match left.get_mut(token).filter(|left| **left > 0) {
                Some(left) => *left -= 1,
                None if token.is_function => only.small.push(&token.text),
                None => only.content += 1,
            }
        }
        only
    }

    /// How many small words show that the sentence is made in another way. "To" for "from" says something else.
    fn other_small_words(&self, other: &Self) -> usize {
        let in_contrast =
            |one: &str| other.small.iter().any(|each| small::are_in_contrast(one, each));
        self.small.iter().filter(|one| !lexicon::is_loose(one) && !in_contrast(one)).count()
    }
}

/// Whether the words that both have stand in another order.
fn is_in_another_order(a: &Traits, b: &Traits) -> bool {
    let (ours, theirs): (HashSet<&str>, HashSet<&str>) =
        (a.content().collect(), b.content().collect());
    !a.content()
        .filter(|word| theirs.contains(word))
        .eq(b.content().filter(|word| ours.contains(word)))
}
