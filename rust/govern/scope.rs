//! What of a request a limit can be about.

use serde::Deserialize;

/// One property of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Dimension {
    /// The top of the identity tree.
    Organisation,
    /// Below it.
    Team,
    /// Below that.
    Project,
    /// The key's owner.
    User,
    /// The key, by its name.
    Key,
    /// Who stands behind the key's owner: a header's or the body's word.
    EndUser,
    /// The request's tag.
    Tag,
    /// The agent run.
    Run,
    /// The requested model; of a target `provider/model`.
    Model,
    /// The target's provider.
    Provider,
}

pub(super) const DIMENSIONS: usize = 10;

/// A request's properties; empty is none. What has none is not bound by limits on it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a>([&'a str; DIMENSIONS]);

impl<'a> Subject<'a> {
    /// This subject with a property.
    #[must_use]
    pub const fn with(mut self, dimension: Dimension, value: &'a str) -> Self {
        self.0[dimension as usize] = value;
        self
    }

    /// A property.
    pub const fn get(&self, dimension: Dimension) -> &'a str {
        self.0[dimension as usize]
    }
}
