//! Who asks: what a key says about its holder.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::snapshot::SnapshotError;

/// A key's holder and what it may ask for.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub struct Principal {
    /// The key's name in configuration and ledger.
    pub name: String,
    /// Its place in the identity tree.
    pub organisation: String,
    /// The team under it.
    pub team: String,
    /// The project under that.
    pub project: String,
    /// The user under that.
    pub user: String,
    /// Names it may ask for; `None` is all. `provider/*` stands for all of a provider's.
    pub models: Option<Vec<String>>,
}

/// A key as Python hands it over: never the key itself, only its digest.
#[derive(Debug, Deserialize)]
#[allow(missing_docs)]
pub struct PrincipalSpec {
    /// SHA-256 of the key, hex.
    pub digest: String,
    #[serde(flatten)]
    pub principal: Principal,
}

/// What a credential is looked up by: SHA-256 of the whole of it.
pub fn digest(credential: &[u8]) -> [u8; 32] {
    Sha256::digest(credential).into()
}

impl PrincipalSpec {
    pub(super) fn build(self) -> Result<([u8; 32], Principal), SnapshotError> {
        let digest = parse_hex(self.digest.as_bytes())
            .ok_or_else(|| SnapshotError::Digest { name: self.principal.name.clone() })?;
        Ok((digest, self.principal))
    }
}

fn parse_hex(text: &[u8]) -> Option<[u8; 32]> {
    let nibble = |c: u8| char::from(c).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let mut out = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        if let [high, low] = pair {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
    }
    Some(out)
}

impl Principal {
    /// The holder of no key, where the configuration says `auth: none`.
    pub fn anonymous() -> Self {
        Self { name: "anonymous".to_owned(), ..Self::default() }
    }

    /// Whether it may ask for a model by this name.
    pub fn may_use(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|allowed| {
            allowed.iter().any(|name| {
                name == model
                    || name.strip_suffix("/*").is_some_and(|provider| {
                        model.strip_prefix(provider).is_some_and(|rest| rest.starts_with('/'))
                    })
            })
        })
    }
}
