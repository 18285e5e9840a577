//! Whose reasoning it is that only its vendor can read, so that it goes back to that vendor and to no other.
//!
//! Here it stands in `encrypted_content`, beside the id of its item; elsewhere in a signature or in a redacted block.

use std::borrow::Cow;

/// Before what this dialect encrypted, where another dialect carries it: `PREFIX` id `:` content.
const OWN: &str = "openai_responses:";
/// Before another dialect's signature of readable reasoning, where this one carries it.
const SIGNATURE: &str = "signature:";
/// Before another dialect's redacted reasoning, where this one carries it.
const REDACTED: &str = "redacted:";

/// What `encrypted_content` of an item is to other dialects.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sealed<'a> {
    /// The proof of the item's readable reasoning.
    Signature(Cow<'a, str>),
    /// Reasoning by itself.
    Redacted(Cow<'a, str>),
}

/// Reads an item's `encrypted_content`. `is_readable`: its reasoning is there as text too.
pub(super) fn unseal<'a>(id: &str, content: &'a str, is_readable: bool) -> Sealed<'a> {
    if let Some(signature) = content.strip_prefix(SIGNATURE) {
        return Sealed::Signature(signature.into());
    }
    if let Some(data) = content.strip_prefix(REDACTED) {
        return Sealed::Redacted(data.into());
    }
    let own = format!("{OWN}{id}:{content}").into();
    if is_readable { Sealed::Signature(own) } else { Sealed::Redacted(own) }
}

/// The id, where it is this dialect's own, and the `encrypted_content` of an item for a signature.
pub(super) fn seal_signature(signature: &str) -> (Option<&str>, Cow<'_, str>) {
    seal(signature, SIGNATURE)
}

/// The same for redacted reasoning.
pub(super) fn seal_redacted(data: &str) -> (Option<&str>, Cow<'_, str>) {
    seal(data, REDACTED)
}

fn seal<'a>(sealed: &'a str, prefix: &str) -> (Option<&'a str>, Cow<'a, str>) {
    match sealed.strip_prefix(OWN).and_then(|own| own.split_once(':')) {
        Some((id, content)) => (Some(id).filter(|id| !id.is_empty()), content.into()),
        None => (None, format!("{prefix}{sealed}").into()),
    }
}
