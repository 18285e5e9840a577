//! One owner's records from the oldest kept segment on, as rows.

use super::owner::OwnerId;
use super::position::Position;
use super::replay::{Replay, Row};
use super::segment::SegmentReader;
use crate::error::Error;
use std::path::{Path, PathBuf};

/// Reads one owner; what was drained before is replayed silently.
#[derive(Debug)]
pub(super) struct Cursor {
    dir: PathBuf,
    owner: OwnerId,
    /// What is drained, as the file says.
    position: Position,
    /// Known segments in order; those before the position wait for their removal.
    segments: Vec<u32>,
    /// Whether the owner was dead before its segments were listed, so that nothing can follow.
    dead: bool,
    /// The oldest segment that is still to be read.
    reached: u32,
    reader: Option<SegmentReader>,
    replay: Replay,
    /// What a dead owner left open, still to be handed out, last first.
    abandoned: Option<Vec<Row>>,
}

impl Cursor {
    /// A cursor that hands out what `position` does not cover.
    pub(super) fn new(dir: &Path, owner: OwnerId, position: Position) -> Self {
        let mut replay = Replay::default();
        for (id, intent) in &position.carried {
            replay.restore(*id, intent.clone());
        }
        Self {
            dir: dir.to_path_buf(),
            owner,
            reached: position.sequence,
            position,
            segments: Vec::new(),
            dead: false,
            reader: None,
            replay,
            abandoned: None,
        }
    }

    /// Takes note of newer segments and of the owner's death.
    ///
    /// `dead` must have been found out before `segments` were listed.
    pub(super) fn observe(&mut self, dead: bool, segments: &[u32]) {
        self.dead = dead;
        self.segments.clear();
        self.segments.extend(segments);
    }

    /// The next row, or none for now.
    pub(super) fn next_row(&mut self) -> Result<Option<Row>, Error> {
        if let Some(rows) = &mut self.abandoned {
            return Ok(rows.pop());
        }
        while self.open_reader()? {
            let Some(reader) = &mut self.reader else {
                break;
            };
            let (sequence, start) = (reader.sequence(), reader.offset());
            let Some(record) = reader.next_record()? else {
                // A next segment was there before this one's end was read, so the end is final.
                if self.segments.last().is_none_or(|last| *last <= sequence) {
                    break;
                }
                self.reached = sequence + 1;
                self.reader = None;
                continue;
            };
            let row = self.replay.apply(record, sequence);
            let drained = (sequence, start) < (self.position.sequence, self.position.offset);
            if row.is_some() && !drained {
                return Ok(row);
            }
        }
        if !self.dead {
            return Ok(None);
        }
        let mut rows = self.replay.abandon();
        rows.reverse();
        let first = rows.pop();
        self.abandoned = Some(rows);
        Ok(first)
    }

    /// Whether there is a segment to read from; one that vanished is passed over.
    fn open_reader(&mut self) -> Result<bool, Error> {
        let wanted = self.segments.iter().filter(|sequence| **sequence >= self.reached);
        for sequence in wanted {
            if self.reader.is_some() {
                break;
            }
            self.reader = SegmentReader::open(&self.dir, self.owner, *sequence)?;
        }
        Ok(self.reader.is_some())
    }

    /// Whether the owner is dead and all that it left was handed out.
    pub(super) fn is_finished(&self) -> bool {
        self.abandoned.as_ref().is_some_and(Vec::is_empty)
    }

    /// Makes what was handed out the drained part, and removes the files that are not needed for the rest.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        let Some(reader) = &self.reader else {
            return self.remove_if_finished();
        };
        let (sequence, offset) = (reader.sequence(), reader.offset());
        // While abandoned rows are being handed out the old position stands: they would come again.
        let moved = (sequence, offset) != (self.position.sequence, self.position.offset);
        if moved && (self.abandoned.is_none() || self.is_finished()) {
            let carried = self
                .replay
                .open_before(sequence)
                .map(|(id, intent)| (*id, intent.clone()))
                .collect();
            let next =
                Position { generation: self.position.generation + 1, sequence, offset, carried };
            next.store(&self.dir, self.owner)?;
            self.position = next;
        }
        for older in self.segments.extract_if(.., |older| *older < self.position.sequence) {
            remove(&self.owner.segment_path(&self.dir, older))?;
        }
        self.remove_if_finished()
    }

    fn remove_if_finished(&mut self) -> Result<(), Error> {
        if !self.is_finished() {
            return Ok(());
        }
        for sequence in self.segments.drain(..) {
            remove(&self.owner.segment_path(&self.dir, sequence))?;
        }
        for unfinished in self.owner.unfinished_paths(&self.dir) {
            remove(&unfinished)?;
        }
        // The lock goes last: its absence tells readers that the owner's files are not whole.
        remove(&self.owner.position_path(&self.dir))?;
        remove(&self.owner.lock_path(&self.dir))
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(super::io_error("remove", path, cause))
        }
        _ => Ok(()),
    }
}
