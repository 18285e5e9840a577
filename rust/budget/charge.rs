//! A limit that a request falls under, and in whose name.

use std::hash::Hasher as _;
use std::sync::Arc;

use siphasher::sip::SipHasher13;

use super::limit::Limit;

/// Who made a name up before the gateway started; only the ledger knows.
pub(super) const OLD_MAKER: u32 = 1;

/// A limit that a request falls under.
#[derive(Debug, Clone)]
pub struct Charge {
    /// The rule.
    pub limit: Arc<Limit>,
    /// The values of its scope that it counts each by itself; empty where there is one counter.
    pub instance: String,
    /// It only counts, and refuses nothing.
    pub is_waived: bool,
    maker: u32,
}

impl Charge {
    /// A charge that binds.
    pub fn new(limit: Arc<Limit>, instance: String) -> Self {
        let maker = if limit.is_made_up(&instance) { OLD_MAKER } else { 0 };
        Self { limit, instance, is_waived: false, maker }
    }

    /// The same, of a request by this key.
    #[must_use]
    pub fn by(self, key: &str) -> Self {
        if self.maker == 0 {
            return self;
        }
        let mut hasher = SipHasher13::new();
        hasher.write(key.as_bytes());
        #[allow(clippy::cast_possible_truncation)]
        // three bytes, and never one of the two with a meaning
        let maker = (hasher.finish() as u32 & 0xff_fffe).max(OLD_MAKER + 1);
        Self { maker, ..self }
    }

    /// The key that first used a name which clients make up, as a number of three bytes; 0 where the configuration
    /// gives the name.
    pub(super) const fn maker(&self) -> u32 {
        self.maker
    }

    /// Whether streams that reach it are finished there.
    pub(super) fn cuts(&self) -> bool {
        self.limit.cuts() && !self.is_waived
    }
}
