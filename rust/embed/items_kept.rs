//! What is kept of one text: its item of an answer, and the answer around it.

use bytes::{Buf as _, BufMut as _, Bytes};

use super::asked::Client;

/// Changes with the layout: what another version kept is not read.
const VERSION: u8 = 1;

/// A vector as it stood in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    /// What its text was charged as.
    pub tokens: u64,
    /// Its item in the answer's list, before and behind the number of its place.
    pub item: Item,
    /// What stands around the list.
    pub frame: Frame,
}

/// An item of an answer's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub before: Bytes,
    /// None where it has no number.
    pub behind: Option<Bytes>,
}

/// An answer without its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub before: Bytes,
    pub behind: Bytes,
}

impl Kept {
    /// As it is kept.
    pub fn write(&self, client: Client) -> Vec<u8> {
        let behind = self.item.behind.as_ref();
        let parts = [&self.item.before, &self.frame.before, &self.frame.behind];
        let parts = parts.into_iter().chain(behind);
        let mut out = Vec::with_capacity(64 + parts.clone().map(Bytes::len).sum::<usize>());
        out.put_u8(VERSION);
        out.put_u8(client as u8);
        out.put_u8(u8::from(behind.is_some()));
        out.put_u64(self.tokens);
        for part in parts {
            out.put_u64(part.len() as u64);
            out.put_slice(part);
        }
        out
    }

    /// None where it is not of this form, or of a client of another kind.
    pub fn read(client: Client, bytes: &Bytes) -> Option<Self> {
        let mut rest = bytes.clone();
        let head = (rest.try_get_u8().ok()?, rest.try_get_u8().ok()?);
        if head != (VERSION, client as u8) {
            return None;
        }
        let is_numbered = rest.try_get_u8().ok()? != 0;
        let tokens = rest.try_get_u64().ok()?;
        let mut part = || {
            let length = usize::try_from(rest.try_get_u64().ok()?).ok()?;
            (length <= rest.len()).then(|| rest.split_to(length))
        };
        let (before, frame) = (part()?, Frame { before: part()?, behind: part()? });
        let behind = if is_numbered { Some(part()?) } else { None };
        rest.is_empty().then_some(Self { tokens, item: Item { before, behind }, frame })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(behind: Option<&'static [u8]>) -> Kept {
        Kept {
            tokens: 7,
            item: Item { before: "{\"index\":".into(), behind: behind.map(Bytes::from_static) },
            frame: Frame { before: "{\"data\":[".into(), behind: "]}".into() },
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else_is() {
        for behind in [None, Some(&b"}"[..]), Some(b"")] {
            let kept = kept(behind);
            let bytes: Bytes = kept.write(Client::Batch).into();
            assert_eq!(Kept::read(Client::Batch, &bytes), Some(kept));
            assert_eq!(Kept::read(Client::One, &bytes), None, "a client of another kind");
            let longer: Bytes = [&bytes[..], b"x"].concat().into();
            assert_eq!(Kept::read(Client::Batch, &longer), None);
        }
        let bytes: Bytes = kept(Some(b"}")).write(Client::OpenAi).into();
        for end in 0..bytes.len() {
            assert_eq!(Kept::read(Client::OpenAi, &bytes.slice(..end)), None, "{end}");
        }
    }
}
