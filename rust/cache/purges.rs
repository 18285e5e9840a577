//! What was purged: an entry is dead whose epoch is below that of a purge of anything it belongs to.
//!
//! Epochs grow with each purge, over all workers and hosts; an entry has the highest that its worker knew when its
//! request began. So no clock plays a part, and an answer that began before a purge never outlives it, whoever kept it.

use std::collections::HashMap;

use super::entry::{About, Entry};
use super::key::{Key, hex};

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

/// The purges that are known: of each kind and value the highest epoch.
#[derive(Debug, Default)]
pub struct Purges {
    epoch: u64,
    all: u64,
    keys: HashMap<String, u64>,
    tags: HashMap<String, u64>,
    models: HashMap<String, u64>,
    tenants: HashMap<String, u64>,
    namespaces: HashMap<String, u64>,
}

impl Purges {
    /// Takes note of one. Whether it was news.
    pub fn note(&mut self, epoch: u64, what: Purged) -> bool {
        self.epoch = self.epoch.max(epoch);
        if what == Purged::All {
            self.fold(epoch);
        }
        let known = match what {
            Purged::All => &mut self.all,
            Purged::Key(key) => self.keys.entry(key).or_default(),
            Purged::Tag(tag) => self.tags.entry(tag).or_default(),
            Purged::Model(model) => self.models.entry(model).or_default(),
            Purged::Tenant(tenant) => self.tenants.entry(tenant).or_default(),
            Purged::Namespace(namespace) => self.namespaces.entry(namespace).or_default(),
        };
        let is_news = epoch > *known;
        *known = epoch.max(*known);
        is_news
    }

    /// Whatever purges before it end, one of all does.
    fn fold(&mut self, epoch: u64) {
        let Self { keys, tags, models, tenants, namespaces, .. } = self;
        for kind in [keys, tags, models, tenants, namespaces] {
            kind.retain(|_, at| *at > epoch);
        }
    }

    /// The highest epoch that is known.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether an entry was purged.
    pub fn is_dead(&self, entry: &Entry) -> bool {
        self.ends(&entry.key, entry.epoch, &entry.about)
    }

    /// Whether what has this key, was begun at this epoch and belongs to all this was purged.
    pub fn ends(&self, key: &Key, epoch: u64, about: &About) -> bool {
        if epoch >= self.epoch {
            return false;
        }
        let is_in = |kind: &HashMap<String, u64>, value: &str| {
            !kind.is_empty() && kind.get(value).is_some_and(|at| *at > epoch)
        };
        self.all > epoch
            || is_in(&self.models, &about.model)
            || is_in(&self.models, &about.target)
            || is_in(&self.tenants, &about.tenant)
            || is_in(&self.namespaces, &about.namespace)
            || about.tags.iter().any(|tag| is_in(&self.tags, tag))
            || (!self.keys.is_empty() && is_in(&self.keys, &hex(key)))
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
        assert!(purges.note(6, Purged::All) && purges.tags.len() == 1);
        assert!(purges.note(8, Purged::All) && purges.tags.is_empty());
        let mut entry = entry(1);
        entry.epoch = 4;
        assert!(purges.is_dead(&entry));
    }
}
