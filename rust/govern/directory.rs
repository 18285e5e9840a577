//! Keys by their digests.

use std::collections::HashMap;
use std::sync::Arc;

use super::principal::Principal;

/// Why a credential opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// There is no such key, or it is over or revoked.
    No,
    /// The store of keys cannot be read now, so it may yet be one.
    NotNow,
}

/// All keys.
#[derive(Debug, Default)]
pub struct Directory {
    pub(super) keys: HashMap<[u8; 32], Arc<Principal>>,
    /// Who asks without a good credential, where the configuration admits it.
    pub(super) open: Option<Arc<Principal>>,
    /// Whether these are all keys that there are.
    pub(super) complete: bool,
}

impl Directory {
    /// Who holds a credential, by the digest of the whole of it: its time tells nothing about other keys.
    pub fn holder(
        &self,
        digest: Option<&[u8; 32]>,
        now_unix_ms: u64,
    ) -> Result<Arc<Principal>, Unknown> {
        match digest.and_then(|digest| self.keys.get(digest)) {
            Some(principal) if principal.holds(now_unix_ms) => return Ok(principal.clone()),
            Some(_) => return Err(Unknown::No),
            None => {}
        }
        match &self.open {
            Some(open) => Ok(open.clone()),
            None if self.complete || digest.is_none() => Err(Unknown::No),
            None => Err(Unknown::NotNow),
        }
    }
}
