//! The one reader that moves the journal into the store.

use super::cursor::Cursor;
use super::io_error;
use super::lock::FileLock;
use super::owner::{self, OwnerId};
use super::position::Position;
use super::replay::Row;
use crate::error::Error;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The elected drainer; any process may try to be it, and the next one can when this ends.
///
/// Loop: [`next_batch`](Self::next_batch), upsert the rows in one transaction, [`commit`](Self::commit).
/// A crash between the transaction and the commit brings the same rows again, in the same order.
#[derive(Debug)]
pub struct Drain {
    dir: PathBuf,
    cursors: BTreeMap<OwnerId, Cursor>,
    _lock: FileLock,
}

impl Drain {
    /// The drainer of the journal in `dir`, or none while another process is it.
    pub fn try_open(dir: &Path) -> Result<Option<Self>, Error> {
        super::make_directory(dir)?;
        let path = dir.join("drain.lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|cause| io_error("open", &path, cause))?;
        let lock = FileLock::try_take(file, &path)?;
        Ok(lock.map(|lock| Self { dir: dir.to_path_buf(), cursors: BTreeMap::new(), _lock: lock }))
    }

    /// Up to `max_rows` rows that no batch has had: each owner's in order, oldest owner first.
    ///
    /// Fewer than `max_rows` means that there are no more for now. Dead owners' open intents follow
    /// their settlements.
    pub fn next_batch(&mut self, max_rows: usize) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        self.read(&mut rows, max_rows)?;
        if rows.len() < max_rows {
            // Not before it is needed: looking lists the directory twice, and tries a lock for each worker.
            self.observe()?;
            self.read(&mut rows, max_rows)?;
        }
        Ok(rows)
    }

    fn read(&mut self, rows: &mut Vec<Row>, max_rows: usize) -> Result<(), Error> {
        for cursor in self.cursors.values_mut() {
            while rows.len() < max_rows {
                let Some(row) = cursor.next_row()? else { break };
                rows.push(row);
            }
        }
        Ok(())
    }

    /// Marks every row handed out so far as drained and removes files that nothing needs any more.
    pub fn commit(&mut self) -> Result<(), Error> {
        for cursor in self.cursors.values_mut() {
            cursor.commit()?;
        }
        self.cursors.retain(|_, cursor| !cursor.is_finished());
        Ok(())
    }

    /// Forgets what was handed out since the last commit: it comes again. For a failed transaction.
    pub fn rewind(&mut self) {
        self.cursors.clear();
    }

    fn observe(&mut self) -> Result<(), Error> {
        let mut dead = BTreeMap::new();
        for id in owner::list(&self.dir)?.into_keys() {
            dead.insert(id, owner::is_dead(id, &self.dir)?);
        }
        // Listed again, as an owner may have written between the first listing and its death.
        for (id, segments) in owner::list(&self.dir)? {
            let Some(dead) = dead.get(&id) else { continue };
            let cursor = match self.cursors.entry(id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let position = Position::load(&self.dir, id)?;
                    new.insert(Cursor::new(&self.dir, id, position))
                }
            };
            cursor.observe(*dead, &segments);
        }
        Ok(())
    }
}
