//! Whether an agent goes round in circles: the same calls with the same results, again and again.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::history::{History, Message, text_of};
use crate::dialect::Dialect;

/// Messages that are looked back over.
const MAX_MESSAGES: usize = 128;
/// The longest circle: A, B, C, A, B, C.
const MAX_PERIOD: usize = 3;

/// A circle at the end of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    /// What is repeated, for people: a tool's name, or several; empty where it is text.
    pub tools: String,
    /// How often it was done.
    pub times: usize,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.tools.is_empty() { "the same answer" } else { &self.tools };
        write!(f, "{what}, {} times with nothing new", self.times)
    }
}

/// What an assistant did, and everything that it heard of it before its next turn.
struct Turn {
    sign: u64,
    tools: String,
}

/// The circle that a conversation ends in, if its last turns were made `repeats` times or more with nothing new heard.
///
/// Cost: reads the last 128 messages whole; some tens of microseconds for an agent's request of 32 KB.
pub fn circle(dialect: Dialect, request: &[u8], repeats: usize) -> Option<Circle> {
    let history = History::read(dialect, request)?;
    let turns = turns(&history);
    (1..=MAX_PERIOD)
        .filter_map(|period| repeated(&turns, period))
        .filter(|circle| circle.times >= repeats.max(2))
        .max_by_key(|circle| circle.times)
}

/// The last turns, newest first.
fn turns(history: &History<'_>) -> Vec<Turn> {
    let mut turns = Vec::new();
    let mut heard: Vec<String> = Vec::new();
    for message in history.newest().take(MAX_MESSAGES) {
        if message.is_assistant() {
            turns.push(turn(&message, &heard));
            heard.clear();
        } else {
            heard.push(text_of(&message.content));
        }
    }
    turns
}

fn turn(message: &Message<'_>, heard: &[String]) -> Turn {
    let mut calls = message.calls();
    calls.sort();
    let mut hasher = DefaultHasher::new();
    calls.hash(&mut hasher);
    if calls.is_empty() {
        text_of(&message.content).hash(&mut hasher); // beside a call, words vary and change nothing
    }
    heard.hash(&mut hasher);
    let mut names: Vec<&str> = calls.iter().map(|call| call.tool.as_str()).collect();
    names.dedup();
    Turn { sign: hasher.finish(), tools: names.join(", ") }
}

/// How often the newest `period` turns were made in a row.
fn repeated(turns: &[Turn], period: usize) -> Option<Circle> {
    let newest = turns.get(..period)?;
    let signs = |part: &[Turn]| part.iter().map(|turn| turn.sign).collect::<Vec<_>>();
    let first = signs(newest);
    if period > 1 && first.iter().all(|sign| Some(sign) == first.first()) {
        return None; // a shorter circle
    }
    let times = turns.chunks_exact(period).take_while(|part| signs(part) == first).count();
    let mut tools: Vec<&str> = newest.iter().rev().map(|turn| turn.tools.as_str()).collect();
    tools.retain(|tools| !tools.is_empty());
    Some(Circle { tools: tools.join(", "), times })
}
