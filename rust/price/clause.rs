//! How the book recognises a model's name.

use regex::Regex;
use serde::Deserialize;

/// One condition on a name in lower case, as the data writes it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Clause {
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    #[serde(deserialize_with = "pattern")]
    Regex(Regex),
    Or(Vec<Self>),
    And(Vec<Self>),
    Not(Box<Self>),
}

impl Clause {
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Equals(text) => name == text,
            Self::StartsWith(text) => name.starts_with(text),
            Self::EndsWith(text) => name.ends_with(text),
            Self::Contains(text) => name.contains(text),
            Self::Regex(pattern) => pattern.is_match(name),
            Self::Or(clauses) => clauses.iter().any(|clause| clause.matches(name)),
            Self::And(clauses) => clauses.iter().all(|clause| clause.matches(name)),
            Self::Not(clause) => !clause.matches(name),
        }
    }

    /// Brings the texts to lower case, as names are.
    pub(super) fn lower(&mut self) {
        match self {
            Self::Equals(text)
            | Self::StartsWith(text)
            | Self::EndsWith(text)
            | Self::Contains(text) => text.make_ascii_lowercase(),
            Self::Or(clauses) | Self::And(clauses) => clauses.iter_mut().for_each(Self::lower),
            Self::Not(clause) => clause.lower(),
            Self::Regex(_) => {}
        }
    }
}

fn pattern<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Regex, D::Error> {
    // Digits of all the world's scripts would cost a quarter of a millisecond a pattern.
    let text = String::deserialize(deserializer)?.replace(r"\d", "[0-9]");
    Regex::new(&text).map_err(serde::de::Error::custom)
}
