//! Many rows of the journal: those to write, and those that no column can hold.

use std::collections::HashSet;

use super::read::{Reader, Values};
use crate::error::Error;

/// One row as the journal hands it out.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The gateway's request id.
    pub request_id: &'a str,
    /// Which attempt.
    pub attempt: u32,
    /// The row as JSON.
    pub payload: &'a [u8],
}

/// Rows, sorted out.
#[derive(Debug)]
pub struct Sorted<'a> {
    /// One for each attempt, in the order of the journal: the last that can be read.
    pub rows: Vec<Values<'a>>,
    /// Places of those that cannot, and why.
    pub unreadable: Vec<(usize, Error)>,
}

/// Reads rows. Of several about one attempt the last counts: a store may be given all of them in one statement, which
/// can write each attempt but once.
pub fn sort_out<'a>(entries: &[Entry<'a>]) -> Sorted<'a> {
    let mut sorted = Sorted { rows: Vec::with_capacity(entries.len()), unreadable: Vec::new() };
    let mut reader = Reader::default();
    let mut known = HashSet::with_capacity(entries.len());
    for (place, entry) in entries.iter().enumerate().rev() {
        let id = (entry.request_id, entry.attempt);
        if known.contains(&id) {
            continue;
        }
        match reader.read(entry.request_id, entry.attempt, entry.payload) {
            Ok(values) => {
                known.insert(id);
                sorted.rows.push(values);
            }
            Err(cause) => sorted.unreadable.push((place, cause)),
        }
    }
    sorted.rows.reverse();
    sorted.unreadable.reverse();
    sorted
}
