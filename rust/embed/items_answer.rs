//! An answer in the client's form, taken apart into its items and put together from them.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use super::asked::Client;
use super::items::Gathering;
use super::items_kept::{Frame, Item, Kept};
use crate::body::{Step, Unseen, Walk, unescaped};
use crate::cache::Key;
use crate::stream::MAX_REPORTED_TOKENS;

/// Where answers say what was read, in a client's form: all of them say the same number.
const COUNTS: [&str; 4] = ["prompt_tokens", "promptTokenCount", "total_tokens", "totalTokenCount"];
/// Stands in a frame's hole while it is read.
const HOLE: &[u8] = b"null";

/// A request's whole answer.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Whole {
    /// As the client gets it.
    pub body: Vec<u8>,
    /// What is to be kept of what was asked, in the order in which it was.
    pub fresh: Vec<(Key, Vec<u8>)>,
    /// What the answer says was read: of all its texts.
    pub input_tokens: u64,
    /// How much of that nobody was asked for.
    pub saved_input_tokens: u64,
}

impl Gathering {
    /// The whole answer, of what is kept and the upstream's `answer` to [`Self::asking`], in the client's form. None
    /// where that has not the vectors that were asked for, or cannot be read: a failure of the upstream's.
    ///
    /// An upstream counts what it read in all. `weigh` counts the tokens of a request for one text, by which that is
    /// told apart; it is not called where one text was asked for.
    ///
    /// Cost: a pass over the answer, and a copy.
    pub fn whole(&self, answer: Option<&Bytes>, weigh: impl Fn(&[u8]) -> u64) -> Option<Whole> {
        let fresh = match answer {
            Some(answer) => self.fresh(answer, weigh)?,
            None => Vec::new(),
        };
        if fresh.len() != self.asked.len() {
            return None;
        }
        let keys = self.items.keys();
        let in_order = || self.asked.iter().filter_map(|at| keys.get(*at)).zip(&fresh);
        let asked: HashMap<&Key, &Kept> = in_order().collect();
        let each = keys.iter().zip(&self.kept);
        let all: Option<Vec<&Kept>> =
            each.map(|(key, kept)| kept.as_ref().or_else(|| asked.get(key).copied())).collect();
        let all = all?;
        let frame = &fresh.first().or_else(|| all.first().copied())?.frame;
        let input_tokens = tokens(all.iter().copied());
        let body = write(&all, frame, input_tokens);
        let client = self.items.client;
        let written = in_order().map(|(key, kept)| (*key, kept.write(client))).collect();
        Some(Whole {
            body,
            fresh: written,
            input_tokens,
            saved_input_tokens: input_tokens.saturating_sub(tokens(fresh.iter())),
        })
    }

    /// What came of the texts that were asked for, in their order.
    fn fresh(&self, answer: &Bytes, weigh: impl Fn(&[u8]) -> u64) -> Option<Vec<Kept>> {
        let Apart { items, frame } = Apart::read(self.items.client, answer)?;
        if items.len() != self.asked.len() {
            return None;
        }
        let reported = frame.input_tokens();
        let weights: Vec<u64> = match (items.len(), reported) {
            (1, Some(_)) => vec![1],
            _ => self.asked.iter().map(|at| weigh(&self.items.asking_for(&[*at]))).collect(),
        };
        let total = reported.unwrap_or_else(|| weights.iter().sum());
        let each = items.into_iter().zip(shares(total, &weights));
        Some(each.map(|(item, tokens)| Kept { tokens, item, frame: frame.clone() }).collect())
    }
}

fn tokens<'a>(kept: impl Iterator<Item = &'a Kept>) -> u64 {
    kept.fold(0, |sum, kept| sum.saturating_add(kept.tokens))
}

/// A total in parts as the weights say, to the last one.
fn shares(total: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    let even = [1].repeat(weights.len());
    let (weights, sum) = if sum == 0 { (&even[..], even.len() as u128) } else { (weights, sum) };
    let (mut before, mut given) = (0_u128, 0_u64);
    let share = |weight: &u64| {
        before += u128::from(*weight);
        let until = u64::try_from(u128::from(total) * before / sum).unwrap_or(total);
        let share = until - given;
        given = until;
        share
    };
    weights.iter().map(share).collect()
}

fn write(all: &[&Kept], frame: &Frame, input_tokens: u64) -> Vec<u8> {
    let (before, behind) = frame.with(input_tokens);
    let length: usize = all.iter().map(|kept| kept.item.before.len() + 16).sum();
    let mut out = Vec::with_capacity(length + before.len() + behind.len());
    out.extend_from_slice(&before);
    for (at, Kept { item, .. }) in all.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&item.before);
        if let Some(behind) = &item.behind {
            out.extend_from_slice(at.to_string().as_bytes());
            out.extend_from_slice(behind);
        }
    }
    out.extend_from_slice(&behind);
    out
}

/// An answer's items, in the order of the texts, and what stands around them.
struct Apart {
    items: Vec<Item>,
    frame: Frame,
}

/// Where an item stands, and the number of its place.
#[derive(Default)]
struct Found {
    span: Range<usize>,
    number: Option<(Range<usize>, u64)>,
    has_vector: bool,
}

impl Apart {
    /// None where it is no answer of this form.
    fn read(client: Client, answer: &Bytes) -> Option<Self> {
        let mut found = Vec::new();
        let mut hole = None;
        let mut walk = Walk::new(answer);
        walk.space();
        let walked = walk.each_field(|walk, key| {
            let begin = walk.at;
            let is_it = unescaped(answer.get(key).unwrap_or_default()) == field(client);
            match walk.peek() {
                b'[' if is_it && client != Client::One => {
                    walk.each_item(|walk| item(walk, &mut found))?;
                    hole = Some(begin + 1..walk.at - 1);
                }
                b'{' if is_it && client == Client::One => {
                    item(walk, &mut found)?;
                    hole = Some(begin..walk.at);
                }
                _ => walk.value(&mut Unseen)?,
            }
            Ok(())
        });
        walked.ok()?;
        let hole = hole?;
        let frame = Frame { before: answer.slice(..hole.start), behind: answer.slice(hole.end..) };
        let found = in_order(found)?;
        let cut = |found: Found| match found.number {
            Some((number, _)) => Item {
                before: answer.slice(found.span.start..number.start),
                behind: Some(answer.slice(number.end..found.span.end)),
            },
            None => Item { before: answer.slice(found.span), behind: None },
        };
        found
            .iter()
            .all(|item| item.has_vector)
            .then(|| Self { items: found.into_iter().map(cut).collect(), frame })
    }
}

/// Where answers have their vectors.
const fn field(client: Client) -> &'static str {
    match client {
        Client::OpenAi => "data",
        Client::One => "embedding",
        Client::Batch => "embeddings",
    }
}

fn item(walk: &mut Walk<'_>, found: &mut Vec<Found>) -> Step {
    let (begin, mut item) = (walk.at, Found::default());
    walk.each_field(|walk, key| {
        let begin = walk.at;
        let key = unescaped(walk.bytes.get(key).unwrap_or_default());
        walk.value(&mut Unseen)?;
        let value = walk.since(begin);
        match &*key {
            "index" => item.number = number(value).map(|number| (begin..walk.at, number)),
            "embedding" | "values" => {
                item.has_vector = matches!(value.first(), Some(b'[' | b'"'));
            }
            _ => {}
        }
        Ok(())
    })?;
    item.span = begin..walk.at;
    found.push(item);
    Ok(())
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// By their numbers, where they have some: those of all places, each once.
fn in_order(mut found: Vec<Found>) -> Option<Vec<Found>> {
    let place = |item: &Found| item.number.as_ref().map(|(_, number)| *number);
    if found.iter().all(|item| item.number.is_none()) {
        return Some(found);
    }
    found.sort_by_key(place);
    found.iter().map(place).eq((0..).map(Some).take(found.len())).then_some(found)
}

impl Frame {
    /// What was read, as far as it says.
    fn input_tokens(&self) -> Option<u64> {
        let mut counts = counts(&self.whole());
        counts.sort_by_key(|(name, ..)| *name);
        let mut known = counts.into_iter().map(|(_, _, tokens)| tokens);
        known.find(|tokens| *tokens <= MAX_REPORTED_TOKENS)
    }

    /// What stands before and behind the items, where it says that so much was read.
    fn with(&self, input_tokens: u64) -> (Vec<u8>, Vec<u8>) {
        let whole = self.whole();
        let spans: Vec<Range<usize>> =
            counts(&whole).into_iter().map(|(_, span, _)| span).collect();
        let hole = self.before.len();
        let before = replaced(&whole, 0..hole, &spans, input_tokens);
        (before, replaced(&whole, hole + HOLE.len()..whole.len(), &spans, input_tokens))
    }

    /// JSON, with something in the hole.
    fn whole(&self) -> Vec<u8> {
        [&self.before, HOLE, &self.behind].concat()
    }
}

/// The counts in an answer: which each is, where it stands, and what it says.
fn counts(answer: &[u8]) -> Vec<(usize, Range<usize>, u64)> {
    let mut counts = Vec::new();
    let mut walk = Walk::new(answer);
    walk.space();
    // What cannot be read has none.
    let _ = walk.each_field(|walk, key| {
        let key = unescaped(answer.get(key).unwrap_or_default());
        if !matches!(&*key, "usage" | "usageMetadata") || walk.peek() != b'{' {
            return walk.value(&mut Unseen);
        }
        walk.each_field(|walk, key| {
            let begin = walk.at;
            walk.value(&mut Unseen)?;
            let key = unescaped(answer.get(key).unwrap_or_default());
            let which = COUNTS.iter().position(|name| *name == key);
            if let (Some(which), Some(count)) = (which, number(walk.since(begin))) {
                counts.push((which, begin..walk.at, count));
            }
            Ok(())
        })
    });
    counts
}

/// A part of an answer, in which these spans say something else.
fn replaced(whole: &[u8], part: Range<usize>, spans: &[Range<usize>], count: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(part.len() + 16);
    let mut from = part.start;
    for span in spans.iter().filter(|span| part.start <= span.start && span.end <= part.end) {
        out.extend_from_slice(whole.get(from..span.start).unwrap_or_default());
        out.extend_from_slice(count.to_string().as_bytes());
        from = span.end;
    }
    out.extend_from_slice(whole.get(from..part.end).unwrap_or_default());
    out
}
