//! The words that the comparison knows: from lists that anybody can read, looked up by their stems.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::stem::stem;

static FUNCTION: LazyLock<HashSet<&str>> = LazyLock::new(|| set(include_str!("data/function.txt")));
static NEGATION: LazyLock<HashSet<&str>> = LazyLock::new(|| set(include_str!("data/negation.txt")));
static FILLER: LazyLock<HashSet<String>> = LazyLock::new(|| stems(include_str!("data/filler.txt")));
static LIGHT: LazyLock<HashSet<String>> = LazyLock::new(|| stems(include_str!("data/light.txt")));
static UNITS: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| names(include_str!("data/units.txt")));
static DATES: LazyLock<HashMap<&str, &str>> =
    LazyLock::new(|| names(include_str!("data/dates.txt")));
static SYNONYMS: LazyLock<HashMap<String, Vec<usize>>> =
    LazyLock::new(|| groups(include_str!("data/synonyms.txt")));
static OPPOSITES: LazyLock<HashMap<String, Vec<String>>> =
    LazyLock::new(|| pairs(include_str!("data/opposites.txt")));
/// What makes a word into its opposite.
const PREFIXES: [&str; 11] =
    ["un", "in", "im", "il", "ir", "dis", "non", "de", "anti", "mis", "re"];
const NUMBERS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];
const GREATER: [(&str, &str); 21] = [
    ("thirty", "30"),
    ("forty", "40"),
    ("fifty", "50"),
    ("sixty", "60"),
    ("seventy", "70"),
    ("eighty", "80"),
    ("ninety", "90"),
    ("hundred", "100"),
    ("thousand", "1000"),
    ("million", "1000000"),
    ("billion", "1000000000"),
    ("dozen", "12"),
    ("twice", "2"),
    ("triple", "3"),
    ("third", "3rd"),
    ("fourth", "4th"),
    ("fifth", "5th"),
    ("sixth", "6th"),
    ("seventh", "7th"),
    ("eighth", "8th"),
    ("tenth", "10th"),
];

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty())
}

fn set(text: &'static str) -> HashSet<&'static str> {
    lines(text).flat_map(str::split_whitespace).collect()
}

fn stems(text: &'static str) -> HashSet<String> {
    lines(text).flat_map(str::split_whitespace).map(stem).collect()
}

/// Each word of a line with the line's first.
fn names(text: &'static str) -> HashMap<&'static str, &'static str> {
    let of_line = |line: &'static str| {
        let name = line.split_whitespace().next().unwrap_or_default();
        line.split_whitespace().map(move |word| (word, name))
    };
    lines(text).flat_map(of_line).collect()
}

fn groups(text: &'static str) -> HashMap<String, Vec<usize>> {
    let mut groups: HashMap<String, Vec<usize>> = HashMap::new();
    for (group, line) in lines(text).enumerate() {
        for word in line.split_whitespace() {
            groups.entry(stem(word)).or_default().push(group);
        }
    }
    groups
}

fn pairs(text: &'static str) -> HashMap<String, Vec<String>> {
    let mut pairs: HashMap<String, Vec<String>> = HashMap::new();
    for line in lines(text) {
        if let Some((one, other)) = line.split_once(' ') {
            let (one, other) = (as_read(one), as_read(other));
            pairs.entry(one.clone()).or_default().push(other.clone());
            pairs.entry(other).or_default().push(one);
        }
    }
    pairs
}

/// A word as texts are read: small ones stay as they are.
fn as_read(word: &str) -> String {
    if is_function(word) { word.to_owned() } else { stem(word) }
}

/// Whether a word only holds a sentence together.
pub fn is_function(word: &str) -> bool {
    FUNCTION.contains(word)
}

pub fn is_negation(word: &str) -> bool {
    NEGATION.contains(word) || word.ends_with("n't")
}

/// Of a stem that may be there or not.
pub fn is_filler(stem: &str) -> bool {
    FILLER.contains(stem)
}

/// Of a stem that may stand for another such, where the rest says the same.
pub fn is_light(stem: &str) -> bool {
    LIGHT.contains(stem)
}

/// The name of the unit that a word is.
pub fn unit(word: &str) -> Option<&'static str> {
    UNITS.get(word).copied()
}

/// The name of the month, day or time that a word is.
pub fn date(word: &str) -> Option<&'static str> {
    DATES.get(word).copied()
}

/// The number that a word is; "one" and "second" are other words more often.
pub fn number(word: &str) -> Option<String> {
    let small = NUMBERS.iter().position(|each| *each == word).filter(|number| *number != 1);
    let greater = || GREATER.iter().find(|(each, _)| *each == word).map(|it| it.1.to_owned());
    small.map(|number| number.to_string()).or_else(greater)
}

/// Whether two stems say about the same.
pub fn are_alike(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let is_synonym = || {
        let (Some(a), Some(b)) = (SYNONYMS.get(a), SYNONYMS.get(b)) else { return false };
        a.iter().any(|group| b.contains(group))
    };
    is_synonym() || are_forms(a, b)
}

/// Whether one stem goes on from another, or both from the same long one.
fn are_forms(a: &str, b: &str) -> bool {
    const LEAST: usize = 4;
    // With more behind it a word is another: a circle has a circumference, and a time zone is not the time.
    const MOST_APART: usize = 2;
    let shorter = a.len().min(b.len());
    let apart = a.len().abs_diff(b.len());
    if shorter >= LEAST && (a.starts_with(b) || b.starts_with(a)) {
        return apart <= MOST_APART || shorter > LEAST;
    }
    let (Some(a), Some(b)) = (a.get(..shorter - shorter.min(1)), b.get(..shorter - shorter.min(1)))
    else {
        return false;
    };
    shorter > LEAST && apart <= MOST_APART && a == b && a.is_ascii()
}

/// Whether one stem is the other's opposite.
pub fn are_opposite(a: &str, b: &str) -> bool {
    let is_listed = OPPOSITES.get(a).is_some_and(|others| others.iter().any(|each| each == b));
    is_listed || is_turned(a, b) || is_turned(b, a)
}

/// `install` and `uninstall`.
fn is_turned(word: &str, turned: &str) -> bool {
    word.len() >= 3 && turned.strip_suffix(word).is_some_and(|prefix| PREFIXES.contains(&prefix))
}
