//! Crafted questions: what must not share an answer, and what may.

use proptest::prelude::*;
use sluicegate::likeness::{Traits, difference};

const NEAR_MISSES: &str = include_str!("likeness/near_misses.txt");
const PARAPHRASES: &str = include_str!("likeness/paraphrases.txt");

/// Of each kind that the comparison knows.
const WORDS: &[&str] = &[
    "how",
    "why",
    "what",
    "do",
    "did",
    "i",
    "you",
    "the",
    "not",
    "to",
    "from",
    "in",
    "is",
    "was",
    "open",
    "close",
    "enable",
    "disable",
    "3",
    "1",
    "one",
    "first",
    "5k",
    "Paris",
    "Roman",
    "EU",
    "NLP",
    "please",
    "and",
    "or",
    "hotel",
    "room",
    "rooms",
    "`map`",
    "load_file",
    "days",
    "km",
    "?",
];

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

/// `the [one|other] text` in both its forms.
fn both(line: &str) -> (String, String) {
    let (before, rest) = line.split_once('[').expect("a choice");
    let (choice, behind) = rest.rsplit_once(']').expect("its end");
    let choice = choice.replace("\\|", "\u{1}");
    let (one, other) = choice.split_once('|').expect("two forms");
    let form = |text: &str| format!("{before}{text}{behind}").replace('\u{1}', "|");
    (form(one), form(other))
}

#[test]
fn near_misses_differ() {
    let mut missed = Vec::new();
    let mut count = 0;
    for line in lines(NEAR_MISSES) {
        let (_, text) = line.split_once(": ").expect("a kind");
        let (one, other) = both(text);
        count += 1;
        if difference(&Traits::of(&one), &Traits::of(&other)).is_none() {
            missed.push(format!("{one} | {other}"));
        }
    }
    assert!(count >= 300, "{count}");
    assert!(missed.is_empty(), "{} of {count} missed:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn paraphrases_do_not() {
    let mut refused = Vec::new();
    for line in lines(PARAPHRASES) {
        let (one, other) = line.split_once(" | ").expect("two texts");
        if let Some(found) = difference(&Traits::of(one), &Traits::of(other)) {
            refused.push(format!("{}: {line}", found.name()));
        }
    }
    assert!(refused.is_empty(), "{} refused:\n{}", refused.len(), refused.join("\n"));
}

proptest! {
    /// Whatever a text is, it is like itself, and it does not matter which is asked first.
    #[test]
    fn like_itself_and_symmetric(one in "\\PC{0,80}", other in "[a-zA-Z0-9 .?'`_$-]{0,60}") {
        let (one, other) = (Traits::of(&one), Traits::of(&other));
        prop_assert_eq!(difference(&one, &one), None);
        prop_assert_eq!(difference(&other, &other), None);
        prop_assert_eq!(difference(&one, &other).is_some(), difference(&other, &one).is_some());
    }

    /// The same holds for texts that share most of their words, in which every comparison has something to do.
    #[test]
    fn symmetric_of_like_texts(
        words in prop::collection::vec(prop::sample::select(WORDS), 1..12),
        others in prop::collection::vec(prop::sample::select(WORDS), 1..12),
    ) {
        let (one, other) = (Traits::of(&words.join(" ")), Traits::of(&others.join(" ")));
        prop_assert_eq!(difference(&one, &one), None);
        prop_assert_eq!(difference(&one, &other), difference(&other, &one));
    }

    /// Politeness asks for nothing.
    #[test]
    fn politeness_makes_no_difference(
        words in prop::collection::vec("[b-df-hj-np-tv-z][aeiou][b-df-hj-np-tv-z]{1,3}", 3..9),
        before in prop::sample::select(&["hi, ", "please ", "could you please ", "hello, can you "][..]),
        behind in prop::sample::select(&["", ", thanks", " please"][..]),
    ) {
        let text = words.join(" ");
        let (plain, polite) = (Traits::of(&text), Traits::of(&format!("{before}{text}{behind}")));
        prop_assert_eq!(difference(&plain, &polite), None);
    }
}
