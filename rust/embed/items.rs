//! A request for vectors, text by text: what is kept of each of them, and what must still be asked.
//!
//! Most requests bring texts that came before beside some that did not. Each text has a key of its own, made of
//! everything that shapes its vector; the upstream is asked for those alone that are not kept, and its answer and what
//! is kept make one answer. How they are used, with `owner` begun by all that stands outside the body (the tenant, the
//! route and its targets, forwarded headers):
//!
//! ```ignore
//! let items = Items::read(client, verb, &body, &owner)?;      // None: kept as a whole, or not at all
//! let kept = items.keys().iter().map(|key| cache.get(key)).collect();
//! let gathering = items.with(kept);
//! let answer = match gathering.asking() {
//!     Some(body) => Some(ask_upstream(body)),                   // the answer as the client would get it
//!     None => None,                                             // all are kept
//! };
//! let whole = gathering.whole(answer.as_deref(), |body| count_tokens(body, vocabulary));
//! ```
//!
//! What may not be split: texts that depend on each other, and what no host would answer.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use super::asked::Client;
use super::items_kept::Kept;
use crate::body::{Step, Unseen, Walk, unescaped};
use crate::cache::{Key, KeyMaker, canonical};
use crate::dialect::Dialect;

/// A request of more texts is not split. `OpenAI` takes 2,048.
const MAX_ITEMS: usize = 4096;
/// Fields that make the vector of a text depend on the texts around it. Source: <https://jina.ai/embeddings/>.
const DEPENDENT: &str = "late_chunking";

/// The texts of a request.
#[derive(Debug, Clone)]
pub struct Items {
    pub(super) client: Client,
    body: Bytes,
    /// Where the list of them stands; None where there is no list, but one text.
    list: Option<Range<usize>>,
    places: Vec<Range<usize>>,
    keys: Vec<Key>,
}

/// A request of which some texts may be kept.
#[derive(Debug)]
pub struct Gathering {
    pub(super) items: Items,
    /// By text.
    pub(super) kept: Vec<Option<Kept>>,
    /// Which texts are asked for, each once, however often it stands in the request.
    pub(super) asked: Vec<usize>,
}

impl Items {
    /// The texts of an accepted request; None where it is not to be split. `verb`: what Gemini's path says behind the
    /// model.
    ///
    /// Cost: two passes over the body, and its hash.
    pub fn read(
        client: Dialect,
        verb: Option<&str>,
        body: &Bytes,
        owner: &KeyMaker,
    ) -> Option<Self> {
        let client = match (client, verb) {
            (Dialect::OpenAiChat, _) => Client::OpenAi,
            (Dialect::Gemini, Some(":batchEmbedContents")) => Client::Batch,
            (Dialect::Gemini, Some(":embedContent")) => Client::One,
            _ => return None,
        };
        let found = Found::read(client, body)?;
        let keys = found.keys(client, body, owner)?;
        let Found { list, places } = found;
        Some(Self { client, body: body.clone(), list, places, keys })
    }

    /// What each text's vector is kept under, in the order of the texts.
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// With what is kept of each text, as [`Whole::fresh`](super::Whole) gave it; what cannot be read counts as not
    /// kept.
    pub fn with(self, kept: Vec<Option<Bytes>>) -> Gathering {
        let mut kept: Vec<Option<Kept>> =
            kept.into_iter().map(|bytes| Kept::read(self.client, &bytes?)).collect();
        kept.resize_with(self.keys.len(), || None);
        let mut firsts = HashMap::new();
        let missing =
            self.keys.iter().zip(&kept).enumerate().filter(|(_, (_, kept))| kept.is_none());
        let asked = missing
            .filter(|(at, (key, _))| *firsts.entry(**key).or_insert(*at) == *at)
            .map(|(at, _)| at)
            .collect();
        Gathering { items: self, kept, asked }
    }

    /// The request for some of its texts alone; every byte beside them stays.
    pub(super) fn asking_for(&self, which: &[usize]) -> Bytes {
        let Some(list) = &self.list else { return self.body.clone() };
        let part = |range: Range<usize>| self.body.get(range).unwrap_or_default();
        let mut out = Vec::with_capacity(self.body.len());
        out.extend_from_slice(part(0..list.start));
        out.push(b'[');
        for (at, place) in which.iter().filter_map(|which| self.places.get(*which)).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(part(place.clone()));
        }
        out.push(b']');
        out.extend_from_slice(part(list.end..self.body.len()));
        out.into()
    }
}

impl Gathering {
    /// The request for the texts that are not kept; None where all are. Its answer, in the client's form, goes to
    /// [`Self::whole`].
    pub fn asking(&self) -> Option<Bytes> {
        match self.asked.len() {
            0 => None,
            all if all == self.items.keys.len() => Some(self.items.body.clone()),
            _ => Some(self.items.asking_for(&self.asked)),
        }
    }

    /// How many texts are answered by what is kept.
    pub fn kept(&self) -> usize {
        self.kept.iter().flatten().count()
    }
}

/// Where the texts of a body stand.
struct Found {
    list: Option<Range<usize>>,
    places: Vec<Range<usize>>,
}

impl Found {
    fn read(client: Client, body: &[u8]) -> Option<Self> {
        let mut found = Self { list: None, places: Vec::new() };
        if client == Client::One {
            found.places.push(0..body.len());
            return Some(found);
        }
        let mut is_dependent = false;
        let mut walk = Walk::new(body);
        walk.space();
        let walked = walk.each_field(|walk, key| {
            let key = unescaped(body.get(key).unwrap_or_default());
            let begin = walk.at;
            if key == field(client) {
                return found.input(client, walk);
            }
            walk.value(&mut Unseen)?;
            is_dependent |= key == DEPENDENT && !matches!(walk.since(begin), b"false" | b"null");
            Ok(())
        });
        let count = found.places.len();
        (walked.is_ok() && !is_dependent && (1..=MAX_ITEMS).contains(&count)).then_some(found)
    }

    fn input(&mut self, client: Client, walk: &mut Walk<'_>) -> Step {
        let begin = walk.at;
        if walk.peek() != b'[' {
            let is_one = client == Client::OpenAi && walk.peek() == b'"';
            walk.value(&mut Unseen)?;
            if is_one {
                self.places.push(begin..walk.at);
            }
            return Ok(());
        }
        let (mut tokens, mut others) = (0_usize, 0_usize);
        walk.each_item(|walk| {
            let begin = walk.at;
            match walk.peek() {
                b'0'..=b'9' => tokens += 1,
                b'"' | b'[' | b'{' => others += 1,
                _ => return Err(walk.fail("neither a text nor tokens")),
            }
            walk.value(&mut Unseen)?;
            // The tokens of one text may be many.
            if others > 0 && others <= MAX_ITEMS + 1 {
                self.places.push(begin..walk.at);
            }
            Ok(())
        })?;
        match (tokens, others) {
            (_, 0) if client == Client::OpenAi && tokens > 0 => self.places.push(begin..walk.at),
            (0, _) => self.list = Some(begin..walk.at),
            _ => return Err(walk.fail("texts and tokens")),
        }
        Ok(())
    }

    /// A number is another one than its text, and white space and order mean nothing.
    fn keys(&self, client: Client, body: &[u8], owner: &KeyMaker) -> Option<Vec<Key>> {
        let shape = match client {
            Client::OpenAi => canonical(body, &["input"]),
            Client::Batch => canonical(body, &["requests"]),
            Client::One => Ok(Vec::new()),
        };
        let maker = owner.clone().part(name(client)).part(&shape.ok()?);
        let key = |place: &Range<usize>| {
            let item = body.get(place.clone()).unwrap_or_default();
            let wrapped = [b"{\"\":", item, b"}"].concat();
            Some(maker.clone().part(&canonical(&wrapped, &[]).ok()?).finish())
        };
        self.places.iter().map(key).collect()
    }
}

/// Where a client has its texts.
const fn field(client: Client) -> &'static str {
    match client {
        Client::OpenAi => "input",
        Client::One | Client::Batch => "requests",
    }
}

/// Answers of different forms are never kept under one key.
const fn name(client: Client) -> &'static [u8] {
    match client {
        Client::OpenAi => b"openai",
        Client::One => b"gemini one",
        Client::Batch => b"gemini batch",
    }
}
