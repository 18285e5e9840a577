//! What one event showed.

use std::ops::{BitOr, BitOrAssign};

/// A set of what one event showed; empty for pings, roles and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sighting(u8);

impl Sighting {
    /// Nothing worth a decision.
    pub const NOTHING: Self = Self(0);
    /// Non-empty text, reasoning, refusal, tool name or argument: the commit point.
    pub const CONTENT: Self = Self(1);
    /// A finish reason.
    pub const FINISH: Self = Self(1 << 1);
    /// The success terminator: `[DONE]`, `message_stop`.
    pub const END: Self = Self(1 << 2);
    /// An error that the upstream put into the stream.
    pub const ERROR: Self = Self(1 << 3);
    /// Usage and nothing else: a client who did not ask for usage need not see the event.
    pub const USAGE_ONLY: Self = Self(1 << 4);

    /// Whether everything in `other` was seen.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Sighting {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Sighting {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}
