//! The keys that an object had so far.

use std::borrow::Cow;
use std::collections::HashSet;

/// Up to so many keys it is quicker to compare than to hash. Requests have a dozen.
const FEW: usize = 32;

/// A set of keys, for finding one that stands twice.
#[derive(Debug, Default)]
pub(super) struct Keys<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Keys<'a> {
    /// Whether the key is there.
    pub fn contains(&self, key: &str) -> bool {
        self.few.iter().any(|known| known == key) || self.many.contains(key)
    }

    /// Adds a key.
    pub fn insert(&mut self, key: Cow<'a, str>) {
        if self.few.len() < FEW {
            self.few.push(key);
        } else {
            self.many.insert(key);
        }
    }
}
