//! Who asks: what a key says about its holder.

use serde::{Deserialize, Serialize};

/// A key's holder and what it may ask for.
#[derive(Debug, Default, Clone, Deserialize, Serialize)]
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
    /// Providers that may answer it; `None` is all.
    pub providers: Option<Vec<String>>,
    /// Paths that it may use; `None` is all. `/v1/*` stands for all below.
    pub routes: Option<Vec<String>>,
    /// When the key ends, in milliseconds since 1970.
    pub expires_at_ms: Option<u64>,
    /// The key was taken back.
    pub revoked: bool,
    /// It is the store's, where it can be taken back at any time.
    pub stored: bool,
    /// How its answers are kept, where that differs from its models'.
    pub cache: Option<CacheOverride>,
}

/// What a key says of the cache; what it does not say is its model's.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct CacheOverride {
    /// Whether answers are kept.
    pub enabled: Option<bool>,
    /// For how long, in seconds.
    pub ttl_s: Option<f64>,
    /// In which namespace.
    pub namespace: Option<String>,
}

/// A key as Python hands it over: never the key itself, only its digest.
#[derive(Debug, Deserialize)]
#[allow(missing_docs)]
pub struct PrincipalSpec {
    /// See [`super::Digester`]; hex.
    pub digest: String,
    #[serde(flatten)]
    pub principal: Principal,
}

impl PrincipalSpec {
    /// The digest's bytes and the holder; the name where the digest is none.
    pub(super) fn build(self) -> Result<([u8; 32], Principal), String> {
        match parse_hex(self.digest.as_bytes()) {
            Some(digest) => Ok((digest, self.principal)),
            None => Err(self.principal.name),
        }
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

    /// Who shares what providers keep for it: its team, or the key alone where it has none.
    pub fn tenant(&self) -> String {
        if self.team.is_empty() {
            return format!("key {}", self.name);
        }
        // Names may have slashes: no team of one organisation is written as one of another's.
        let organisation = self.organisation.replace('%', "%25").replace('/', "%2F");
        format!("team {organisation}/{}", self.team)
    }

    /// Whether the key is neither over nor taken back.
    pub fn holds(&self, now_unix_ms: u64) -> bool {
        !self.revoked && self.expires_at_ms.is_none_or(|end| now_unix_ms < end)
    }

    /// Whether it may ask for a model by this name.
    pub fn may_use(&self, model: &str) -> bool {
        grants(self.models.as_deref(), model)
    }

    /// Whether it may use a path.
    pub fn may_call(&self, route: &str) -> bool {
        grants(self.routes.as_deref(), route)
    }

    /// Whether a provider may answer it.
    pub fn may_reach(&self, provider: &str) -> bool {
        self.providers.as_ref().is_none_or(|allowed| allowed.iter().any(|name| name == provider))
    }
}

/// Whether a list has a name, or all that is below something with a `/*` behind it.
fn grants(allowed: Option<&[String]>, name: &str) -> bool {
    allowed.is_none_or(|allowed| {
        allowed.iter().any(|has| {
            has == name
                || has.strip_suffix("/*").is_some_and(|above| {
                    name.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
                })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_that_are_written_alike_are_told_apart() {
        let tenant = |organisation: &str, team: &str| {
            let (organisation, team) = (organisation.to_owned(), team.to_owned());
            Principal { organisation, team, ..Principal::default() }.tenant()
        };
        assert_eq!(tenant("o", "t"), "team o/t");
        let alike = [("a", "b/c"), ("a/b", "c"), ("a%2Fb", "c"), ("", "a/b/c"), ("a/", "b/c")];
        for one in alike {
            for other in alike {
                assert_eq!(tenant(one.0, one.1) == tenant(other.0, other.1), one == other);
            }
        }
    }
}
