//! Where an upstream's requests go, as one digest: another host, or another version of one, gives other answers.

use super::secrets::is_credential;
use super::spec::UpstreamSpec;
use crate::cache::{Key, KeyMaker};

/// Of its base URL, the paths that it has, what stands behind their question mark, and its fixed headers. Credentials
/// play no part, so that a new one changes nothing.
pub(super) fn whereabouts(spec: &UpstreamSpec) -> Key {
    let forms = format!("{:?} {:?} {:?}", spec.address, spec.embeddings, spec.rerank);
    let key = KeyMaker::new("whereabouts 1")
        .part(spec.dialect.name().as_bytes())
        .part(spec.base_url.trim_end_matches('/').as_bytes())
        .part(&[u8::from(spec.unversioned), u8::from(spec.responses), u8::from(spec.completions)])
        .part(forms.as_bytes())
        .part(spec.query.as_bytes());
    let mut fixed: Vec<_> = spec.headers.iter().filter(|(name, _)| !is_credential(name)).collect();
    fixed.sort();
    let with = |key: KeyMaker, (name, value): &(String, String)| {
        key.part(name.to_ascii_lowercase().as_bytes()).part(value.as_bytes())
    };
    fixed.into_iter().fold(key, with).finish()
}
