//! Which blocks are marked, and the body with its marks.

use std::time::Instant;

use super::blocks::{Place, Section};
use super::prompt::{Beginning, Prompt};
use super::seen::Seen;

/// As many as vendors allow.
const MOST: usize = 4;
const MARK: &[u8] = br#""cache_control":{"type":"ephemeral"}"#;
const POINT: &[u8] = br#",{"cachePoint":{"type":"default"}}"#;
const BEFORE_TEXT: &[u8] = br#"[{"type":"text","text":"#;

/// Where marks go, in the order in which they stand in the body; at most four.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks(Vec<Place>);

impl Prompt {
    /// The marks that are worth it by what was seen until now; None where none is. Remembers the request.
    ///
    /// Cost: a look-up for each block.
    pub fn remember(self, seen: &mut Seen, now: Instant) -> Option<Marks> {
        let end = self.end();
        let mut last = [None; 3];
        let (mut goes_on, mut kept) = (false, None);
        for (at, beginning) in self.beginnings.iter().enumerate() {
            let sighting = seen.see(beginning.digest, Some(at) == end, now);
            if let (Some(sighting), Some(last)) =
                (sighting, last.get_mut(beginning.section as usize))
            {
                *last = Some(at);
                if beginning.section == Section::Messages {
                    goes_on = sighting.was_end;
                    kept = if sighting.was_marked { Some(at) } else { kept };
                }
            }
        }
        let mut marked: Vec<usize> = last.into_iter().flatten().collect();
        marked.extend(end.filter(|end| goes_on && !marked.contains(end)));
        // Not every vendor looks for what it has before a mark.
        marked.extend(kept.filter(|kept| marked.len() < MOST && !marked.contains(kept)));
        for at in &marked {
            if let Some(beginning) = self.beginnings.get(*at) {
                seen.mark(beginning.digest);
            }
        }
        let places = self.beginnings.into_iter().enumerate();
        let mut places: Vec<Place> =
            places.filter(|(at, _)| marked.contains(at)).map(|(_, each)| each.place).collect();
        places.sort_by_key(Place::offset);
        (!places.is_empty()).then_some(Marks(places))
    }

    /// The end of what the client says.
    fn end(&self) -> Option<usize> {
        self.beginnings.iter().rposition(|each: &Beginning| each.is_users)
    }
}

impl Marks {
    /// How many.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The body that they were found in, with them. Every other byte stays.
    pub fn write(&self, body: &[u8]) -> Vec<u8> {
        let grown = self.0.len() * (MARK.len() + BEFORE_TEXT.len() + 3);
        let mut out = Vec::with_capacity(body.len() + grown);
        let mut from = 0;
        let part = |from, to| body.get(from..to).unwrap_or_default();
        for place in &self.0 {
            match place {
                Place::Brace(at) => {
                    out.extend_from_slice(part(from, *at));
                    out.push(b',');
                    out.extend_from_slice(MARK);
                    from = *at;
                }
                Place::Text(span) => {
                    out.extend_from_slice(part(from, span.start));
                    out.extend_from_slice(BEFORE_TEXT);
                    out.extend_from_slice(part(span.start, span.end));
                    out.push(b',');
                    out.extend_from_slice(MARK);
                    out.extend_from_slice(b"}]");
                    from = span.end;
                }
                Place::Behind(at) => {
                    out.extend_from_slice(part(from, *at));
                    out.extend_from_slice(POINT);
                    from = *at;
                }
            }
        }
        out.extend_from_slice(part(from, body.len()));
        out
    }
}

impl Place {
    const fn offset(&self) -> usize {
        match self {
            Self::Brace(at) | Self::Behind(at) => *at,
            Self::Text(span) => span.start,
        }
    }
}
