//! Why a question has no answer by likeness.

use crate::likeness::Difference;

/// What came of a look that gives its request nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missed {
    /// Nothing that is near enough has an answer still.
    Far,
    /// All that is near enough differs in what matters; the nearest in this.
    Refused(Difference),
    /// There is an answer, and it is only compared.
    Shadow,
    /// The model that verifies did not say yes.
    Unverified,
}

impl Missed {
    /// As metrics have it: the result, and the difference where there is one.
    pub const fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Far => ("none", ""),
            Self::Refused(difference) => ("refused", difference.name()),
            Self::Shadow => ("shadow", ""),
            Self::Unverified => ("unverified", ""),
        }
    }
}
