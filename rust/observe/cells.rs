//! Where series count, found again without a lock or an allocation.

use arc_swap::ArcSwap;

use super::board::Board;
use super::family::Family;
use super::label;

/// Series that one of these remembers; one that is beyond it is looked for under a lock.
const MAX_CELLS: usize = 256;

/// Which series of an owner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key<'a> {
    pub family: Family,
    /// Values of its labels behind those of the owner.
    pub words: [&'a str; 3],
    /// The fourth label, where it is a number; 0 is none.
    pub number: u16,
}

impl<'a> Key<'a> {
    pub const fn new(family: Family, words: [&'a str; 3]) -> Self {
        Self { family, words, number: 0 }
    }
}

/// A remembered series.
#[derive(Debug, Clone)]
struct Cell {
    family: Family,
    words: [Box<str>; 3],
    number: u16,
    at: usize,
}

impl Cell {
    fn is(&self, key: &Key<'_>) -> bool {
        self.family == key.family
            && self.number == key.number
            && self.words.iter().zip(key.words).all(|(own, word)| **own == *word)
    }
}

/// The series of one owner: of a model at a provider, or of the gateway.
#[derive(Debug, Default)]
pub struct Cells {
    /// Provider and model.
    owner: Option<(Box<str>, Box<str>)>,
    /// Its series may take what is kept for those that all share.
    is_last_resort: bool,
    known: ArcSwap<Vec<Cell>>,
}

impl Cells {
    /// Of a model.
    pub(super) fn of(provider: &str, model: &str) -> Self {
        Self { owner: Some((provider.into(), model.into())), ..Self::default() }
    }

    /// Of all models that have no series of their own.
    pub(super) fn of_others() -> Self {
        Self { is_last_resort: true, ..Self::of("other", "other") }
    }

    /// Whether they belong to a model.
    pub(super) const fn is_of_model(&self) -> bool {
        self.owner.is_some()
    }

    /// Where a series counts; `None` where it has no room.
    pub(super) fn at(&self, board: &Board, key: &Key<'_>) -> Option<usize> {
        if let Some(cell) = self.known.load().iter().find(|cell| cell.is(key)) {
            return Some(cell.at);
        }
        let at = board.place(key.family, self.labels(key), self.is_last_resort)?;
        self.remember(key, at);
        Some(at)
    }

    /// Where all those count that have no room of their own.
    pub(super) fn at_other(&self, board: &Board, key: &Key<'_>) -> Option<usize> {
        let words = key.words.map(|word| if word.is_empty() { word } else { "other" });
        let key = Key { family: key.family, words, number: 0 };
        if let Some(cell) = self.known.load().iter().find(|cell| cell.is(&key)) {
            return Some(cell.at);
        }
        let at = board.place(key.family, self.labels(&key), true)?;
        self.remember(&key, at);
        Some(at)
    }

    fn labels(&self, key: &Key<'_>) -> String {
        let number = if key.number == 0 { String::new() } else { key.number.to_string() };
        let owner = self.owner.as_ref().map(|(provider, model)| [&**provider, &**model]);
        let values = owner.into_iter().flatten().chain(key.words).chain([number.as_str()]);
        label::text(key.family.spec().labels, values)
    }

    /// Finds the series there from now on.
    pub(super) fn remember(&self, key: &Key<'_>, at: usize) {
        let cell =
            Cell { family: key.family, words: key.words.map(Into::into), number: key.number, at };
        self.known.rcu(|cells| {
            let mut cells = Vec::clone(cells);
            if cells.len() < MAX_CELLS {
                cells.push(cell.clone());
            }
            cells
        });
    }
}
