//! What a text asks for: who, when, where, why, how many. "What" and "how" ask for anything.

use std::collections::BTreeSet;

use super::words::Word;

const MEASURES: [&str; 13] = [
    "many", "much", "long", "often", "far", "old", "big", "tall", "fast", "deep", "high", "large",
    "soon",
];
/// What such questions ask for by name: "what is the age of" is "how old is".
const MEASURED: [(&str, &str); 11] = [
    ("age", "old"),
    ("height", "tall"),
    ("depth", "deep"),
    ("distance", "far"),
    ("price", "much"),
    ("cost", "much"),
    ("population", "many"),
    ("frequency", "often"),
    ("speed", "fast"),
    ("duration", "long"),
    ("length", "long"),
];
/// So far behind "what" its name stands.
const NEAR: usize = 4;
/// What begins a question whether something is done, with who did it.
const DONE: [&str; 6] = ["did", "has", "have", "had", "was", "were"];
const WHO: [&str; 8] = ["i", "we", "you", "he", "she", "they", "it", "my"];
/// What asks for anything.
const OPEN: [&str; 2] = ["what", "how"];

/// The kinds of question in a text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Questions {
    kinds: BTreeSet<&'static str>,
    /// One asks whether something is done: "did I put it on the list?"
    asks_whether: bool,
    is_asked: bool,
}

impl Questions {
    /// Of the sentences that end with a question mark or begin with the word that asks.
    pub fn of(words: &[Word], asked: &[usize]) -> Self {
        let mut kinds = BTreeSet::new();
        let mut asks_whether = false;
        for sentence in words.chunk_by(|a, b| a.sentence == b.sentence) {
            let Some(first) = sentence.first() else { continue };
            asks_whether |= DONE.contains(&first.text.as_str())
                && sentence.get(1).is_some_and(|word| WHO.contains(&word.text.as_str()));
            let texts: Vec<&str> = sentence.iter().map(|word| word.text.as_str()).collect();
            if !asked.contains(&first.sentence) && kind(&first.text, &[]).is_none() {
                continue;
            }
            for (at, word) in texts.iter().enumerate() {
                kinds.extend(kind(word, texts.get(at + 1..).unwrap_or_default()));
            }
        }
        Self { kinds, asks_whether, is_asked: !asked.is_empty() }
    }

    /// Whether both ask, and not for the same; or one asks whether it is done, and the other says to do it.
    pub fn differ(&self, other: &Self) -> bool {
        let both_ask = !self.kinds.is_empty() && !other.kinds.is_empty();
        let is_told = |told: &Self, asked: &Self| {
            asked.asks_whether && told.kinds.is_empty() && !told.asks_whether && !told.is_asked
        };
        is_told(self, other)
            || is_told(other, self)
            || (both_ask && self.strict().ne(other.strict()))
    }

    fn strict(&self) -> impl Iterator<Item = &&'static str> {
        self.kinds.iter().filter(|kind| !OPEN.contains(*kind))
    }
}

/// What a word asks for, by those behind it.
fn kind(word: &str, behind: &[&str]) -> Option<&'static str> {
    let word = word.strip_suffix("'s").unwrap_or(word);
    Some(match word {
        "who" | "whose" | "whom" => "who",
        "when" => "when",
        "where" => "where",
        "why" => "why",
        "what" | "which" => match behind {
            ["time", "is", "it", ..] => "what",
            ["time" | "day" | "date" | "year" | "month", ..] => "when",
            ["place" | "city" | "country", ..] => "where",
            ["person", ..] => "who",
            _ => measured(behind).unwrap_or("what"),
        },
        "how" => {
            let measure = MEASURES.iter().find(|measure| behind.first() == Some(*measure));
            measure.copied().unwrap_or("how")
        }
        _ => return None,
    })
}

fn measured(behind: &[&str]) -> Option<&'static str> {
    let named = |name: &&str| MEASURED.iter().find(|it| it.0 == *name);
    behind.iter().take(NEAR).find_map(named).map(|it| it.1)
}
