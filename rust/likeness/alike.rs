//! The words of a text by what they say, so that one like another is found at once.

use std::collections::{HashMap, HashSet};

use super::lexicon;

/// So many letters two forms of one word have in common at least.
const COMMON: usize = 4;
/// With more behind it a word is another: a circle has a circumference, and a time zone is not the time.
const MOST_APART: usize = 2;
/// So many words of one beginning are looked at.
const MOST_FORMS: usize = 32;

/// Stems.
#[derive(Debug, Default)]
pub struct Alike<'t> {
    stems: HashSet<&'t str>,
    synonyms: HashSet<usize>,
    /// By their first letters.
    forms: HashMap<&'t str, Vec<&'t str>>,
}

impl<'t> FromIterator<&'t str> for Alike<'t> {
    fn from_iter<I: IntoIterator<Item = &'t str>>(stems: I) -> Self {
        let mut alike = Self::default();
        for stem in stems {
            if !alike.stems.insert(stem) {
                continue;
            }
            alike.synonyms.extend(lexicon::synonyms(stem));
            if let Some(begin) = stem.get(..COMMON) {
                alike.forms.entry(begin).or_default().push(stem);
            }
        }
        alike
    }
}

impl<'t> Alike<'t> {
    pub fn is_empty(&self) -> bool {
        self.stems.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &'t str> {
        self.stems.iter().copied()
    }

    /// Whether one of them says about the same.
    pub fn has(&self, stem: &str) -> bool {
        let forms =
            || stem.get(..COMMON).and_then(|begin| self.forms.get(begin)).into_iter().flatten();
        self.stems.contains(stem)
            || lexicon::synonyms(stem).iter().any(|group| self.synonyms.contains(group))
            || forms().take(MOST_FORMS).any(|form| are_forms(form, stem))
    }
}

/// Whether one stem goes on from another, or both from the same long one.
fn are_forms(a: &str, b: &str) -> bool {
    let shorter = a.len().min(b.len());
    let apart = a.len().abs_diff(b.len());
    if a.starts_with(b) || b.starts_with(a) {
        return apart <= MOST_APART || shorter > COMMON;
    }
    let (Some(a), Some(b)) = (a.get(..shorter - 1), b.get(..shorter - 1)) else { return false };
    shorter > COMMON && apart <= MOST_APART && a == b && a.is_ascii()
}
