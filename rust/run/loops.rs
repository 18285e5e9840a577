//! Whether an agent goes round in circles: the same calls with the same results, again and again.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::history::{Call, History, Message};

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

/// What the model did in one go, and everything that it heard of it before it went on.
struct Turn {
    sign: u64,
    tools: String,
}

/// The circle that a conversation ends in, if its last turns were made `repeats` times or more with nothing new heard.
///
/// Cost: reads the last 128 messages whole; some tens of microseconds for an agent's request of 32 KB.
pub fn circle(request: &[u8], repeats: usize) -> Option<Circle> {
    let history = History::read(request)?;
    let turns = turns(&history);
    (1..=MAX_PERIOD)
        .filter_map(|period| repeated(&turns, period))
        .filter(|circle| circle.times >= repeats.max(2))
        .max_by_key(|circle| circle.times)
}

/// The last turns, newest first.
fn turns(history: &History<'_>) -> Vec<Turn> {
    let mut turns = Vec::new();
    let mut heard = Vec::new();
    let mut done: Vec<Message> = Vec::new();
    for message in history.newest().take(MAX_MESSAGES).filter(|message| !message.is_thought()) {
        if message.is_models() {
            done.push(message); // several calls may be as many items
            continue;
        }
        if !done.is_empty() {
            turns.push(turn(&done, &heard));
            done.clear();
            heard.clear();
        }
        heard.push(message);
    }
    if !done.is_empty() {
        turns.push(turn(&done, &heard));
    }
    turns
}

fn turn(done: &[Message], heard: &[Message]) -> Turn {
    let mut calls: Vec<Call> = done.iter().flat_map(Message::calls).collect();
    calls.sort();
    let mut hasher = DefaultHasher::new();
    calls.hash(&mut hasher);
    if calls.is_empty() {
        // Beside a call, words vary and change nothing.
        for said in done {
            said.sign(&mut hasher);
        }
    }
    heard.len().hash(&mut hasher);
    for message in heard {
        message.sign(&mut hasher);
    }
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
