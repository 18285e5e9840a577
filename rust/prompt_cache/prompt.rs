//! The beginnings of a request, each told from all others by a digest.

use std::hash::Hasher as _;
use std::ops::RangeInclusive;

use siphasher::sip::SipHasher13;

use super::Owner;
use super::bedrock::marking;
use super::blocks::{Block, Blocks, Place, Section};
use super::minimum::minimum_tokens;
use crate::dialect::Dialect;

/// Bytes of a token: most text has three to four. So many, and what counts as long enough is.
const BYTES_PER_TOKEN: usize = 4;
/// So few, and what counts as short enough is.
const LEAST_BYTES_PER_TOKEN: usize = 3;

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
    /// None where nothing of it would be kept, the client sees to it itself, or the dialect or its model has no marks.
    ///
    /// Cost: a look at the length where it is too short; else one pass over the body, and its hash.
    pub fn read(dialect: Dialect, body: &[u8], owner: Owner<'_>) -> Option<Self> {
        let least = usize::try_from(minimum_tokens(owner.model)).ok()? * BYTES_PER_TOKEN;
        if body.len() < least {
            return None;
        }
        let (blocks, most) = match dialect {
            Dialect::Anthropic => (Blocks::of_messages(body)?, None),
            Dialect::Bedrock => {
                let marking = marking(owner.model)?;
                (Blocks::of_converse(body, marking)?, marking.most_tokens)
            }
            _ => return None,
        };
        let most = most.map_or(usize::MAX, |tokens| tokens * LEAST_BYTES_PER_TOKEN);
        let beginnings = beginnings(blocks, body, owner, least..=most);
        (!beginnings.is_empty()).then_some(Self { beginnings })
    }
}

fn beginnings(
    blocks: Blocks,
    body: &[u8],
    owner: Owner<'_>,
    lengths: RangeInclusive<usize>,
) -> Vec<Beginning> {
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
        if let Some(place) = block.place.filter(|_| lengths.contains(&text_bytes)) {
            let Block { section, is_users, .. } = block;
            beginnings.push(Beginning { section, digest: hasher.finish(), place, is_users });
        }
    }
    beginnings
}
