//! What the one text of a plain event is, for hosts that give one answer.

use super::Delta;

#[derive(Debug, Clone, Copy)]
pub(super) enum Plain {
    Text,
    Reasoning,
}

impl Plain {
    /// Hands out a piece of it; nothing where there is none.
    pub(super) fn tell(self, text: &str, sink: &mut impl FnMut(&Delta<'_>)) {
        if text.is_empty() {
            return;
        }
        let text = text.into();
        sink(&match self {
            Self::Text => Delta::Text { choice: 0, text },
            Self::Reasoning => Delta::Reasoning { choice: 0, text },
        });
    }
}
