//! Which runs have which parents, as hosts tell each other: a list in the order of telling, which each of them reads on.

use redis::Value;

use super::reply::{number, text};
use crate::budget::{Budgets, Kinship, Now};

/// Between the names in a word; in none of them, since they hold no control characters.
const SEPARATOR: char = '\u{1f}';

/// A run with its parent, as one word.
pub(super) fn word(kin: &Kinship) -> String {
    let Kinship { tenant, run, parent } = kin;
    format!("{tenant}{SEPARATOR}{run}{SEPARATOR}{parent}")
}

/// Takes over what hosts told; gives how much of the list is known by now.
pub(super) fn learn(budgets: &Budgets, answer: &[Value], known: u64) -> u64 {
    let Some((last, news)) = answer.split_first() else { return known };
    for kin in news.iter().filter_map(text).filter_map(kin_of) {
        // Counters that cannot be asked: the run's next request on this host says it again.
        let _ = budgets.learn_kin(&kin, Now::read());
    }
    number(last).unwrap_or(known)
}

fn kin_of(word: &str) -> Option<Kinship> {
    let mut names = word.split(SEPARATOR).map(str::to_owned);
    let kin = Kinship { tenant: names.next()?, run: names.next()?, parent: names.next()? };
    names.next().is_none().then_some(kin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_says_which_run_has_which_parent() {
        let name = |text: &str| text.to_owned();
        for (tenant, run, parent) in [("k", "r", "p"), ("a key", "r:1/\u{e9}", "p p"), ("", "", "")]
        {
            let kin = Kinship { tenant: name(tenant), run: name(run), parent: name(parent) };
            assert_eq!(kin_of(&word(&kin)), Some(kin));
        }
        for other in ["", "a\u{1f}b", "a\u{1f}b\u{1f}c\u{1f}d"] {
            assert_eq!(kin_of(other), None, "{other:?}");
        }
    }
}
