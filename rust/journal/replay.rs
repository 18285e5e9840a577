//! What one owner's records mean, in the order in which they were written.

use super::record::{Kind, Record, RecordId};
use std::collections::HashMap;

/// What became of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// The final row; replaces what was there under the same id.
    Settlement,
    /// Its process died before anything was sent: nothing is charged, what was reserved is free.
    /// The payload is the intent's. Never replaces a settlement.
    Released,
    /// Its process died after sending: the intent's payload becomes the charge. Never replaces a
    /// settlement.
    Unknown,
}

/// One attempt as it comes out of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which attempt.
    pub id: RecordId,
    /// What became of it.
    pub kind: RowKind,
    /// The ledger row, as it was given to the journal.
    pub payload: Vec<u8>,
}

/// An intent without a settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenIntent {
    pub(super) sent: bool,
    pub(super) payload: Vec<u8>,
    /// The segment that holds it.
    pub(super) sequence: u32,
}

/// The open intents of one owner. Replaying records that were already applied changes nothing.
#[derive(Debug, Default)]
pub(super) struct Replay {
    open: HashMap<RecordId, OpenIntent>,
}

impl Replay {
    /// Applies a record of the segment `sequence`; gives a row if it settles something.
    pub(super) fn apply(&mut self, record: Record<'_>, sequence: u32) -> Option<Row> {
        let Record { kind, id, payload } = record;
        match kind {
            Kind::Intent | Kind::IntentSent => {
                let sent = kind == Kind::IntentSent;
                self.open.insert(id, OpenIntent { sent, payload: payload.to_vec(), sequence });
            }
            Kind::Sent => {
                if let Some(intent) = self.open.get_mut(&id) {
                    intent.sent = true;
                }
            }
            Kind::Settlement => {
                self.open.remove(&id);
                return Some(Row { id, kind: RowKind::Settlement, payload: payload.to_vec() });
            }
            Kind::Release => {
                self.open.remove(&id);
            }
        }
        None
    }

    /// Takes back an intent whose segment is gone.
    pub(super) fn restore(&mut self, id: RecordId, intent: OpenIntent) {
        self.open.insert(id, intent);
    }

    /// The open intents of segments before `sequence`.
    pub(super) fn open_before(
        &self,
        sequence: u32,
    ) -> impl Iterator<Item = (&RecordId, &OpenIntent)> {
        self.open.iter().filter(move |(_, intent)| intent.sequence < sequence)
    }

    /// What a dead owner left open, in the order of ids; nothing is open afterwards.
    pub(super) fn abandon(&mut self) -> Vec<Row> {
        let mut rows: Vec<Row> = self
            .open
            .drain()
            .map(|(id, intent)| {
                let kind = if intent.sent { RowKind::Unknown } else { RowKind::Released };
                Row { id, kind, payload: intent.payload }
            })
            .collect();
        rows.sort_unstable_by_key(|row| row.id);
        rows
    }
}
