//! Rows that the journal cannot take yet, as on a full disk.

use std::collections::VecDeque;

use crate::journal::RecordId;

/// Of rows that say of no money. Where nothing can be recorded nothing is sent, but whoever asks on and on is refused
/// each time, and must not fill the memory with that.
const MAX_FREE: usize = 16 * 1024;

/// Those rows, oldest first.
#[derive(Debug, Default)]
pub(super) struct Owing {
    rows: VecDeque<(RecordId, Vec<u8>)>,
}

impl Owing {
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Puts one behind the others; `is_free`: nothing was used by what it tells of, and it may be lost.
    pub fn push(&mut self, id: RecordId, row: &[u8], is_free: bool) {
        if !is_free || self.rows.len() < MAX_FREE {
            self.rows.push_back((id, row.to_vec()));
        }
    }

    /// Gives them away until one is not taken.
    pub fn pay(&mut self, mut take: impl FnMut(RecordId, &[u8]) -> bool) {
        while let Some((id, row)) = self.rows.front() {
            if !take(*id, row) {
                return;
            }
            self.rows.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_has_a_bound_and_money_has_none() {
        let mut owing = Owing::default();
        let id = |attempt| RecordId { request_id: [0; 16], attempt };
        for _ in 0..MAX_FREE + 10 {
            owing.push(id(0), b"free", true);
        }
        owing.push(id(1), b"paid", false);
        let mut taken = Vec::new();
        owing.pay(|id, _| {
            taken.push(id.attempt);
            taken.len() <= 3
        });
        assert_eq!(taken, [0, 0, 0, 0], "the fourth was not taken");
        taken.clear();
        owing.pay(|id, _| {
            taken.push(id.attempt);
            true
        });
        assert_eq!((taken.len(), taken.last()), (MAX_FREE - 3 + 1, Some(&1)));
        assert!(owing.is_empty());
    }
}
