//! The beginnings of a request, each told from all others by a digest.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use super::Owner;
use super::blocks::{Block, Blocks, Place, Section};
use super::minimum::minimum_tokens;

/// Bytes of a token, at least: most text has three to four, so that what counts as long enough is.
const BYTES_PER_TOKEN: usize = 4;

/// A beginning that is long enough, and ends with a block that can be marked.
#[derive(Debug)]
pub(super) struct Beginning {
    pub section: Section,
    pub digest: u64,
    pub place: Place,
    pub is_users: bool,
}

/// The beginnings of a request that a vendor would keep, from the shortest to the longest.
#[derive(Debug)]
pub struct Prompt {
    pub(super) beginnings: Vec<Beginning>,
}

impl Prompt {
    /// None where nothing of it would be kept, or the client sees to it itself.
    ///
    /// Cost: a look at the length where it is too short; else one pass over the body, and its hash.
    pub fn read(body: &[u8], owner: Owner<'_>) -> Option<Self> {
        let minimum = usize::try_from(minimum_tokens(owner.model)).ok()? * BYTES_PER_TOKEN;
        if body.len() < minimum || memchr::memmem::find(body, b"\"cache_control\"").is_some() {
            return None;
        }
        let beginnings = beginnings(Blocks::of_messages(body)?, body, owner, minimum);
        (!beginnings.is_empty()).then_some(Self { beginnings })
    }
}

fn beginnings(blocks: Blocks, body: &[u8], owner: Owner<'_>, minimum: usize) -> Vec<Beginning> {
    let mut hasher = SipHasher13::new();
    for part in [owner.tenant, owner.provider, owner.key, owner.model] {
        hasher.write_usize(part.len());
        hasher.write(part.as_bytes());
    }
    hasher.write_u64(blocks.shape);
    let shape_of_messages = blocks.shape_of_messages;
    let (mut text_bytes, mut in_messages) = (0, false);
    let mut beginnings = Vec::new();
    for block in blocks.in_order() {
        if block.section == Section::Messages && !in_messages {
            in_messages = true;
            hasher.write_u64(shape_of_messages);
        }
        hasher.write_u8(block.section as u8);
        hasher.write_u64(block.header);
        hasher.write_usize(block.span.len());
        hasher.write(body.get(block.span).unwrap_or_default());
        text_bytes += block.text_bytes;
        if let Some(place) = block.place.filter(|_| text_bytes >= minimum) {
            let Block { section, is_users, .. } = block;
            beginnings.push(Beginning { section, digest: hasher.finish(), place, is_users });
        }
    }
    beginnings
}
