//! What was purged: an entry is dead whose epoch is below that of a purge of anything it belongs to.
//!
//! Epochs grow with each purge, over all workers and hosts; an entry has the highest that its worker knew when its
//! request began. So no clock plays a part, and an answer that began before a purge never outlives it, whoever kept it.

use std::collections::HashMap;

use super::entry::Entry;

/// What an entry can be purged by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Purged {
    /// All entries.
    All,
    /// The entry of this key, in hexadecimal.
    Key(String),
    /// Those whose requests named this tag.
    Tag(String),
    /// Those of a model: by the name that clients ask for, or as `provider/model`.
    Model(String),
    /// Those of a tenant.
    Tenant(String),
    /// Those of a namespace.
    Namespace(String),
}

impl Purged {
    /// By the words of the administrator's interface; `None` where `kind` is none of them.
    pub fn of(kind: &str, value: &str) -> Option<Self> {
        let value = value.to_owned();
        Some(match kind {
            "all" => Self::All,
            "key" => Self::Key(value.to_ascii_lowercase()),
            "tag" => Self::Tag(value),
            "model" => Self::Model(value),
            "tenant" => Self::Tenant(value),
            "namespace" => Self::Namespace(value),
            _ => return None,
        })
    }
}

/// The purges that are known.
#[derive(Debug, Default)]
pub struct Purges {
    epoch: u64,
    of: HashMap<Purged, u64>,
}

impl Purges {
    /// Takes note of one. Whether it was news.
    pub fn note(&mut self, epoch: u64, what: Purged) -> bool {
        self.epoch = self.epoch.max(epoch);
        if what == Purged::All {
            // Whatever the others end, this does.
            self.of.retain(|what, at| *what == Purged::All || *at > epoch);
        }
        let known = self.of.entry(what).or_default();
        let is_news = epoch > *known;
        *known = epoch.max(*known);
        is_news
    }

    /// The highest epoch that is known.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether an entry was purged.
    pub fn is_dead(&self, entry: &Entry) -> bool {
        if entry.epoch >= self.epoch || self.of.is_empty() {
            return false;
        }
        let about = &entry.about;
        let is_purged = |what: Purged| self.of.get(&what).is_some_and(|at| *at > entry.epoch);
        is_purged(Purged::All)
            || is_purged(Purged::Key(super::key::hex(&entry.key)))
            || is_purged(Purged::Model(about.model.clone()))
            || is_purged(Purged::Model(about.target.clone()))
            || is_purged(Purged::Tenant(about.tenant.clone()))
            || is_purged(Purged::Namespace(about.namespace.clone()))
            || about.tags.iter().any(|tag| is_purged(Purged::Tag(tag.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::entry::tests::entry;

    #[test]
    fn an_entry_is_dead_by_anything_it_belongs_to() {
        let mut entry = entry(1);
        entry.about.tags = vec!["one".into(), "two".into()];
        let key = super::super::key::hex(&entry.key).to_uppercase();
        let about = entry.about.clone();
        for (kind, value) in [
            ("all", ""),
            ("key", &key),
            ("tag", "two"),
            ("model", &about.model),
            ("model", &about.target),
            ("tenant", &about.tenant),
            ("namespace", &about.namespace),
        ] {
            let mut purges = Purges::default();
            entry.epoch = 4;
            assert!(purges.note(5, Purged::of(kind, value).unwrap()));
            assert!(purges.is_dead(&entry), "{kind}");
            entry.epoch = 5; // begun by who knew of it
            assert!(!purges.is_dead(&entry), "{kind}");
            assert!(purges.note(6, Purged::of(kind, "another").unwrap()));
            assert_eq!(purges.is_dead(&entry), kind == "all", "{kind}");
        }
        assert_eq!(Purged::of("other", ""), None);
    }

    #[test]
    fn what_is_told_late_takes_nothing_back() {
        let mut purges = Purges::default();
        assert!(purges.note(5, Purged::All));
        assert!(!purges.note(5, Purged::All));
        assert!(!purges.note(3, Purged::All));
        assert_eq!(purges.epoch(), 5);
        assert!(purges.note(7, Purged::Tag("t".into())));
        assert!(purges.note(6, Purged::All) && purges.of.len() == 2);
        assert!(purges.note(8, Purged::All) && purges.of.len() == 1);
        let mut entry = entry(1);
        entry.epoch = 4;
        assert!(purges.is_dead(&entry));
    }
}
