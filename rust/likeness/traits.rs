//! What of a text must be the same in another that is answered alike.

use std::collections::BTreeSet;

use super::code::code;
use super::language::Language;
use super::lexicon;
use super::negation;
use super::numbers;
use super::operators::operators;
use super::question::Questions;
use super::stem::stem;
use super::words::{Text, Word, read};

/// More of a text is not compared word by word.
const MOST_WORDS: usize = 2000;
/// Where so many of ten words have capitals, they are a title's and no names.
const TITLED_TENTHS: usize = 6;
/// Names of dates that are something else where they have no capital.
const OTHER_WORDS_TOO: [&str; 8] = ["am", "mon", "sat", "sun", "march", "may", "fall", "spring"];

/// Stems that end a request and say nothing of it.
const CLOSING: [&str; 5] = ["please", "pleas", "thank", "thanks", "you"];

/// Read from a text once, in some tens of microseconds for a question.
#[derive(Debug, Clone, Default)]
pub struct Traits {
    pub(super) code: BTreeSet<String>,
    pub(super) numbers: BTreeSet<String>,
    pub(super) operators: BTreeSet<char>,
    pub(super) units: BTreeSet<&'static str>,
    pub(super) dates: BTreeSet<&'static str>,
    pub(super) negations: usize,
    pub(super) questions: Questions,
    pub(super) language: Language,
    /// Stems of the words that are written as names.
    pub(super) names: BTreeSet<String>,
    /// Function words as they are, and the stems of the others.
    pub(super) sequence: Vec<Token>,
    /// All words and numbers as they are.
    pub(super) spoken: BTreeSet<String>,
    /// Stems of all words.
    pub(super) stems: BTreeSet<String>,
    /// First letters of the words that say something, in their order.
    pub(super) initials: String,
}

/// A place in the order of words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Token {
    pub text: String,
    pub is_function: bool,
}

impl Traits {
    /// What a text has.
    pub fn of(text: &str) -> Self {
        let code = code(text);
        let Text { words: mut all, asked } = read(text, &code);
        all.truncate(MOST_WORDS);
        let language = Language::of(all.iter().map(|word| word.text.as_str()));
        let mut traits = Self {
            questions: Questions::of(&all, &asked, language.name()),
            negations: negation::count(&all, language.name()),
            language,
            code: code.into_iter().map(|it| it.name).collect(),
            operators: operators(text),
            ..Self::default()
        };
        let capitals = all.iter().filter(|word| word.is_name).count();
        let is_title = capitals * 10 > all.len() * TITLED_TENTHS;
        for (at, word) in all.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| all.get(at));
            let behind = all.get(at + 1);
            match numbers::ordinal(&word.text, behind).filter(|_| word.is_number) {
                Some(ordinal) => traits.add_word(ordinal, word.is_name, false),
                None if word.is_number => traits.add_number(&numbers::written(&word.text, behind)),
                None => traits.add(word, before.is_some_and(|it| it.is_number), is_title),
            }
        }
        traits.initials = traits.content().filter_map(|word| word.chars().next()).collect();
        traits
    }

    fn add(&mut self, word: &Word, follows_number: bool, is_title: bool) {
        let text = word.text.as_str();
        self.spoken.insert(word.text.clone());
        if matches!(text, "st" | "nd" | "rd" | "th" | "k") && follows_number {
            return;
        }
        if let Some(number) = lexicon::number(text) {
            return self.add_number(&number);
        }
        if word.is_name || !OTHER_WORDS_TOO.contains(&text) {
            self.dates.extend(lexicon::date(text.strip_suffix("'s").unwrap_or(text)));
        }
        self.add_word(text, word.is_name && !is_title, follows_number);
    }

    fn add_word(&mut self, text: &str, is_name: bool, follows_number: bool) {
        let may_be_unit =
            text.len() > 1 || follows_number || !text.is_ascii() || matches!(text, "$" | "%");
        let unit = lexicon::unit(text).filter(|_| may_be_unit);
        self.units.extend(unit);
        let is_function = lexicon::is_function(text) || text.ends_with("n't");
        let stem = match unit {
            Some(unit) => unit.to_owned(),
            None if text == "an" => "a".to_owned(),
            None if is_function => text.to_owned(),
            None => stem(text),
        };
        if is_name && !is_function && !lexicon::is_title(text) {
            self.names.insert(stem.clone());
        }
        self.stems.insert(stem.clone());
        self.sequence.push(Token { text: stem, is_function });
    }

    /// A number has its place in the order too: ten by two is not two by ten.
    fn add_number(&mut self, number: &str) {
        self.spoken.insert(number.to_owned());
        self.numbers.insert(number.to_owned());
        self.sequence.push(Token { text: number.to_owned(), is_function: false });
    }

    /// What is asked, without what opens and closes a request; all of it where there is nothing else.
    pub(super) fn core(&self) -> &[Token] {
        let opens = |token: &&Token| lexicon::is_polite(&token.text);
        let closes = |token: &&Token| CLOSING.contains(&token.text.as_str());
        let opens = self.sequence.iter().take_while(opens).count();
        let closes = self.sequence.iter().rev().take_while(closes).count();
        self.sequence.get(opens..self.sequence.len() - closes).unwrap_or(&self.sequence)
    }

    /// The stems that say something, in their order.
    pub(super) fn content(&self) -> impl Iterator<Item = &str> {
        self.core().iter().filter(|token| !token.is_function).map(|token| token.text.as_str())
    }
}
