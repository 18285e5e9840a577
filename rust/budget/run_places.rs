//! Where a run stands among those that this host remembers, and a response that can be gone on from.
//!
//! Clients make the names up, so there is room for so many and no more: where it is taken, a tenant's own quietest run
//! makes room, and only where it has none around, another's.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::reservation::{Budgets, Now};
use super::transaction::Transaction;

/// The longest name of a parent, in bytes.
pub(super) const MAX_NAME_BYTES: usize = 256;
/// Words of a run, or of a response.
pub(super) const RUN_WORDS: usize = PARENT + MAX_NAME_BYTES / 8;
/// Places that are looked at for a name.
const LOOKED_AT: usize = 16;

const KEY: usize = 0; // two words; 0, 0 was never used
const TENANT: usize = 2;
pub(super) const FIRST: usize = 3;
pub(super) const LAST: usize = 4;
/// Whether it named its parent, or that it has none; see `lineage.rs`.
pub(super) const STATE: usize = 5;
pub(super) const CHILDREN: usize = 6;
/// What it asked last; of a response its conversation, or its owner.
pub(super) const CALL: usize = 7;
pub(super) const TIMES: usize = 8;
/// The parent's name, eight bytes a word; the state tells how long it is.
pub(super) const PARENT: usize = 9;

/// What a name stands for: two of different kinds are never the same.
#[derive(Clone, Copy)]
pub(super) enum NameKind {
    Run,
    Response,
    Owner,
}

/// A name's place.
#[derive(Clone, Copy)]
pub(super) struct RunPlace {
    pub at: usize,
    key: (u64, u64),
    tenant: u64,
    /// It is there; else it can be there.
    pub is_known: bool,
}

impl Budgets {
    /// Where a name is, or where it can be.
    pub(super) fn run_place(
        &self,
        tx: &Transaction<'_>,
        kind: NameKind,
        tenant: &str,
        name: &str,
    ) -> RunPlace {
        let key = self.hashed(&[&[kind as u8], tenant.as_bytes(), name.as_bytes()]);
        let tenant = self.hashed(&[tenant.as_bytes()]).0;
        let layout = self.layout();
        let first = usize::try_from(key.0 % layout.runs as u64).unwrap_or(0);
        let (mut own, mut quietest) = (None, (0, u64::MAX));
        for step in 0..LOOKED_AT {
            let at = layout.runs_at() + (first + step) % layout.runs * RUN_WORDS;
            let found = (tx.get(at + KEY), tx.get(at + KEY + 1));
            if found == key {
                return RunPlace { at, key, tenant, is_known: true };
            }
            if found == (0, 0) {
                return RunPlace { at, key, tenant, is_known: false };
            }
            let last = tx.get(at + LAST);
            if last < quietest.1 {
                quietest = (at, last);
            }
            let is_own = tx.get(at + TENANT) == tenant;
            if is_own && own.is_none_or(|(_, quiet)| last < quiet) {
                own = Some((at, last));
            }
        }
        RunPlace { at: own.unwrap_or(quietest).0, key, tenant, is_known: false }
    }

    pub(super) fn hashed(&self, parts: &[&[u8]]) -> (u64, u64) {
        let (seed, other) = self.seed_words();
        let mut hasher = SipHasher13::new_with_keys(seed, other);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        let hash = hasher.finish128();
        (hash.h1 | 1, hash.h2) // never the mark of a free place
    }
}

impl RunPlace {
    /// Makes it the name's, with nothing to remember yet.
    pub fn begin(self, tx: &mut Transaction<'_>, now: Now) {
        for (word, value) in [
            (KEY, self.key.0),
            (KEY + 1, self.key.1),
            (TENANT, self.tenant),
            (FIRST, now.unix_ns),
            (LAST, now.unix_ns),
            (STATE, 0),
            (CHILDREN, 0),
            (CALL, 0),
            (TIMES, 0),
        ] {
            tx.set(self.at + word, value);
        }
    }
}
