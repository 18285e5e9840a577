//! The words that the comparison knows: from lists that anybody can read, looked up by their stems.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::stem::stem;

static FUNCTION: LazyLock<HashSet<&str>> = LazyLock::new(|| set(include_str!("data/function.txt")));
static NEGATION: LazyLock<HashSet<&str>> = LazyLock::new(|| set(include_str!("data/negation.txt")));
static FILLER: LazyLock<HashSet<String>> = LazyLock::new(|| stems(include_str!("data/filler.txt")));
static POLITE: LazyLock<HashSet<String>> = LazyLock::new(|| {
    lines(include_str!("data/polite.txt")).flat_map(str::split_whitespace).map(as_read).collect()
});
static LOOSE: LazyLock<HashSet<&str>> = LazyLock::new(|| set(include_str!("data/loose.txt")));
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
/// A shorter one is no word that could be turned.
const LEAST_TURNED: usize = 3;
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
    ("third", "3"),
    ("fourth", "4"),
    ("fifth", "5"),
    ("sixth", "6"),
    ("seventh", "7"),
    ("eighth", "8"),
    ("tenth", "10"),
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

/// Of a word as texts are read, whether it may open a request.
pub fn is_polite(word: &str) -> bool {
    POLITE.contains(word)
}

/// Whether a small word says nothing of how a sentence is made.
pub fn is_loose(word: &str) -> bool {
    LOOSE.contains(word)
}

/// Of a stem that may stand for another such, where the rest says the same.
pub fn is_light(stem: &str) -> bool {
    LIGHT.contains(stem)
}

/// What stands before a name, and may be left out.
pub fn is_title(word: &str) -> bool {
    matches!(word, "mr" | "mrs" | "ms" | "dr" | "prof" | "sir")
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

/// The groups of words that say about the same, of which a stem is one.
pub fn synonyms(stem: &str) -> &'static [usize] {
    SYNONYMS.get(stem).map_or(&[], Vec::as_slice)
}

/// What may be the opposite of a stem, as far as it is listed or made by a prefix.
pub fn opposites(stem: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let listed = OPPOSITES.get(stem).into_iter().flatten().map(|it| Cow::Borrowed(it.as_str()));
    let turned = PREFIXES.iter().map(move |prefix| Cow::Owned(format!("{prefix}{stem}")));
    let bare = PREFIXES
        .iter()
        .filter_map(|prefix| stem.strip_prefix(prefix))
        .filter(|it| it.len() >= LEAST_TURNED);
    listed.chain(turned.filter(|_| stem.len() >= LEAST_TURNED)).chain(bare.map(Cow::Borrowed))
}
