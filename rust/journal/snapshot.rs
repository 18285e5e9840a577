//! A look at everything undrained, for an export while the gateway serves.

use super::cursor::Cursor;
use super::owner::{self, OwnerId};
use super::position::Position;
use super::replay::{Row, RowKind};
use crate::error::Error;
use std::path::Path;

/// How often one owner is read again because a commit came between; commits are far apart.
const TRIES: u32 = 16;

/// The undrained rows of the journal in `dir`: settlements, and `Unknown` of dead owners.
///
/// Takes no lock and changes nothing. Take it **before** reading the store: what is drained in
/// between is then in both, never in neither. Per owner rows are in order, the last of an id counts.
pub fn snapshot(dir: &Path) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for owner in owner::list(dir)?.into_keys() {
        rows.extend(read(dir, owner)?);
    }
    rows.retain(|row| row.kind != RowKind::Released);
    Ok(rows)
}

fn read(dir: &Path, owner: OwnerId) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for _ in 0..TRIES {
        let before = state(dir, owner)?;
        rows = read_once(dir, owner)?;
        if state(dir, owner)? == before {
            return Ok(rows);
        }
    }
    // Settlements are true whatever else was missed; what seems open may have been settled.
    rows.retain(|row| row.kind == RowKind::Settlement);
    Ok(rows)
}

/// What a drainer's commit changes before it removes a file (the lock: after all others).
fn state(dir: &Path, owner: OwnerId) -> Result<(u64, bool), Error> {
    let generation = Position::load(dir, owner)?.generation;
    Ok((generation, owner.lock_path(dir).exists()))
}

fn read_once(dir: &Path, owner: OwnerId) -> Result<Vec<Row>, Error> {
    let mut cursor = Cursor::new(dir, owner, Position::load(dir, owner)?);
    let dead = owner::is_dead(owner, dir)?;
    let segments = owner::list(dir)?.remove(&owner).unwrap_or_default();
    cursor.observe(dead, &segments);
    let mut rows = Vec::new();
    while let Some(row) = cursor.next_row()? {
        rows.push(row);
    }
    Ok(rows)
}
