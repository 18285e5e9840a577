//! What a text asks for: who, when, where, why, how many. "What" and "how" ask for anything.

use std::collections::BTreeSet;

use super::foreign;
use super::lexicon;
use super::words::Word;

/// One or more kinds of which a question may be meant as any.
pub type Kinds = &'static [&'static str];

/// What asks for anything.
const OPEN: Kinds = &["open"];
/// So far behind "what" stands what is asked for by its name.
const NEAR: usize = 4;
/// What such questions ask for by name: "what is the age of" is "how old is".
const NAMED: [(&str, Kinds); 21] = [
    ("age", &["old"]),
    ("amount", &["much", "many"]),
    ("cause", &["why"]),
    ("caused", &["why"]),
    ("causes", &["why", "open"]),
    ("cost", &["much"]),
    ("date", &["when", "open"]),
    ("depth", &["deep"]),
    ("distance", &["far"]),
    ("duration", &["long"]),
    ("frequency", &["often"]),
    ("height", &["tall"]),
    ("importance", &["why", "open"]),
    ("length", &["long"]),
    ("makes", &["why", "open"]),
    ("number", &["many", "open"]),
    ("population", &["many"]),
    ("price", &["much"]),
    ("reason", &["why"]),
    ("reasons", &["why"]),
    ("speed", &["fast"]),
];
/// Right behind "what" and "which" these say when and where.
const RIGHT_BEHIND: [&str; 9] =
    ["city", "country", "date", "day", "month", "person", "place", "time", "year"];
const MEASURES: [(&str, Kinds); 15] = [
    ("many", &["many"]),
    ("much", &["much"]),
    ("long", &["long"]),
    ("often", &["often"]),
    ("frequently", &["often"]),
    ("far", &["far"]),
    ("old", &["old"]),
    ("big", &["big"]),
    ("tall", &["tall"]),
    ("fast", &["fast", "long"]),
    ("quickly", &["fast", "long"]),
    ("deep", &["deep"]),
    ("high", &["high"]),
    ("large", &["large"]),
    ("soon", &["soon", "when", "long"]),
];
const TIMES: [&str; 9] =
    ["seconds", "minutes", "hours", "days", "weeks", "months", "years", "time", "longer"];
/// What begins a question whether something is done, with who did it.
const DONE: [&str; 6] = ["did", "has", "have", "had", "was", "were"];
const WHO: [&str; 8] = ["i", "we", "you", "he", "she", "they", "it", "my"];

/// The kinds of question in a text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Questions {
    kinds: BTreeSet<Kinds>,
    /// One asks whether something is done: "did I put it on the list?"
    asks_whether: bool,
    is_asked: bool,
    asks_for: Option<Having>,
}

/// Of which one may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Having {
    /// What one has: "do I have".
    Had,
    /// What one has done: "have I used".
    Done,
}

impl Questions {
    /// Of the sentences that end with a question mark or begin with the word that asks.
    pub fn of(words: &[Word], asked: &[usize], language: Option<&str>) -> Self {
        let mut questions = Self { is_asked: !asked.is_empty(), ..Self::default() };
        for sentence in words.chunk_by(|a, b| a.sentence == b.sentence) {
            let Some(first) = sentence.first() else { continue };
            questions.asks_whether |= DONE.contains(&first.text.as_str())
                && sentence.get(1).is_some_and(|word| WHO.contains(&word.text.as_str()));
            let texts: Vec<&str> = sentence.iter().map(|word| word.text.as_str()).collect();
            questions.asks_for = questions.asks_for.or_else(|| having(&texts));
            if asked.contains(&first.sentence) || kinds(language, &first.text, &[]).is_some() {
                questions.add(&texts, language);
            }
        }
        questions
    }

    /// Adds what a sentence asks for: by its first such word, and by others behind an "and". One that stands elsewhere
    /// begins a clause: "what do I do when it rains?"
    fn add(&mut self, sentence: &[&str], language: Option<&str>) {
        let mut has_asked = false;
        for (at, word) in sentence.iter().enumerate() {
            let joins = at.checked_sub(1).and_then(|at| sentence.get(at));
            if has_asked && !joins.is_some_and(|before| matches!(*before, "and" | "or")) {
                continue;
            }
            let found = kinds(language, word, sentence.get(at + 1..).unwrap_or_default());
            has_asked |= found.is_some();
            self.kinds.extend(found);
        }
    }

    /// Whether both ask, and not for the same; or one asks whether it is done, and the other says to do it.
    pub fn differ(&self, other: &Self) -> bool {
        let both_ask = !self.kinds.is_empty() && !other.kinds.is_empty();
        let is_told = |told: &Self, asked: &Self| {
            asked.asks_whether && told.kinds.is_empty() && !told.asks_whether && !told.is_asked
        };
        is_told(self, other)
            || is_told(other, self)
            || matches!((self.asks_for, other.asks_for), (Some(one), Some(other)) if one != other)
            || (both_ask && (self.asks_more(other) || other.asks_more(self)))
    }

    /// Whether one of its questions may not be meant as any of the other's. Open ones may be.
    fn asks_more(&self, other: &Self) -> bool {
        let is_asked = |kinds: &&Kinds| {
            **kinds == OPEN
                || kinds.iter().any(|kind| other.kinds.iter().any(|each| each.contains(kind)))
        };
        !self.kinds.iter().all(|kinds| is_asked(&kinds))
    }
}

fn having(sentence: &[&str]) -> Option<Having> {
    sentence.windows(3).find_map(|words| match words {
        // "Have I got" is "do I have".
        ["have" | "has" | "had", who, verb] if WHO.contains(who) && *verb != "got" => {
            (!lexicon::is_function(verb)).then_some(Having::Done)
        }
        ["do" | "does" | "can" | "will", who, "have"] | [who, "have", "left" | "got"] => {
            WHO.contains(who).then_some(Having::Had)
        }
        _ => None,
    })
}

/// What a word asks for, by those behind it.
fn kinds(language: Option<&str>, word: &str, behind: &[&str]) -> Option<Kinds> {
    english(word, behind).or_else(|| foreign::question(language, word, behind))
}

fn english(word: &str, behind: &[&str]) -> Option<Kinds> {
    let word = word.strip_suffix("'s").unwrap_or(word);
    Some(match (word, behind) {
        ("who" | "whose" | "whom", _) => &["who"],
        ("when", _) => &["when"],
        // Where one can get it is how.
        (
            "where",
            ["can" | "could" | "do" | "should", "i" | "we" | "you" | "one", ..] | ["to", ..],
        ) => &["where", "open"],
        ("where", _) => &["where"],
        ("why", _) | ("how", ["come", ..]) => &["why"],
        ("what" | "which", ["time", "is", "it", ..]) => OPEN,
        ("what" | "which", ["number" | "amount", ..]) => &["many", "much"],
        ("what" | "which", [first, ..]) if RIGHT_BEHIND.contains(first) => right_behind(first),
        ("which", _) => named(behind).unwrap_or(&["who", "open"]),
        ("what", _) => named(behind).unwrap_or(OPEN),
        ("how", ["many" | "much", time, ..]) if TIMES.contains(time) => &["long", "many", "much"],
        ("how", [measure, ..]) => measured(measure).unwrap_or(OPEN),
        ("how", _) => OPEN,
        _ => return None,
    })
}

fn right_behind(word: &str) -> Kinds {
    match word {
        "place" | "city" | "country" => &["where"],
        "person" => &["who"],
        _ => &["when"],
    }
}

fn measured(word: &str) -> Option<Kinds> {
    MEASURES.iter().find(|it| it.0 == word).map(|it| it.1)
}

fn named(behind: &[&str]) -> Option<Kinds> {
    let kinds = |name: &&str| NAMED.iter().find(|it| it.0 == *name);
    behind.iter().take(NEAR).find_map(kinds).map(|it| it.1)
}

#[cfg(test)]
mod tests {
    use super::super::words::read;
    use super::*;

    fn of(text: &str) -> Questions {
        let text = read(text, &[]);
        Questions::of(&text.words, &text.asked, None)
    }

    #[test]
    fn ask_for_the_same() {
        for (one, other) in [
            ("Why is it so?", "What is the reason for it?"),
            ("Why was it declined?", "How come it was declined?"),
            ("How long does it take?", "How many days does it take?"),
            ("How long does it take?", "How quickly does it arrive?"),
            ("What time does it open?", "When does it open?"),
            ("In what year did it end?", "When did it end?"),
            ("Where can I get one?", "How can I get one?"),
            ("Who painted it?", "Which artist painted it?"),
            ("What do I do when it rains?", "What do I do if it rains?"),
            ("What number of cards can I have?", "How many cards can I have?"),
        ] {
            assert!(!of(one).differ(&of(other)), "{one} | {other}");
            assert!(!of(other).differ(&of(one)), "{other} | {one}");
        }
    }

    #[test]
    fn ask_for_something_else() {
        for (one, other) in [
            ("Why is it so?", "How is it so?"),
            ("Where can I get one?", "When can I get one?"),
            ("How many calls are there?", "How long are the calls?"),
            ("What is it, and why?", "What is it?"),
            ("Which artist painted it?", "When did an artist paint it?"),
            ("how many days do i have", "how many days have i used"),
            ("did I put it on the list", "put it on the list"),
        ] {
            assert!(of(one).differ(&of(other)), "{one} | {other}");
            assert!(of(other).differ(&of(one)), "{other} | {one}");
        }
    }
}
