//! Answers that the gateway keeps for clients who go on from them by their ids, on their way to the store.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::admit::Admission;
use super::alerts::{AlertKind, Alerts};
use super::snapshot::Target;

/// What may wait for the store; beyond it the oldest are lost, and their ids are not found.
const MAX_WAITING_BYTES: usize = 128 << 20;

/// An answer with what was asked.
#[derive(Debug)]
pub struct Kept {
    /// Whose it is.
    pub tenant: String,
    /// The model's name, as the client gave it.
    pub model: String,
    /// The request.
    pub request: Bytes,
    /// The response, as its client has it.
    pub response: Vec<u8>,
}

impl Kept {
    /// The answer to a request.
    pub(super) fn of(a: &Admission, response: Vec<u8>) -> Self {
        Self {
            tenant: a.principal.tenant(),
            model: a.requested_model.clone(),
            request: a.body.clone(),
            response,
        }
    }

    fn size(&self) -> usize {
        self.request.len() + self.response.len()
    }
}

/// Those that wait.
#[derive(Debug, Default)]
pub struct Keeping {
    waiting: Mutex<Vec<Kept>>,
    bell: Condvar,
}

impl Keeping {
    /// Puts one, which a target gave, behind the others. An operator hears of one that is lost for it.
    pub(super) fn hand_over(&self, kept: Kept, target: &Target, alerts: &Alerts) {
        if self.put(kept) {
            alerts.raise(AlertKind::ResponsesLost, target, Instant::now(), || {
                "the store takes no responses: those that waited longest are lost".to_owned()
            });
        }
    }

    /// Whether one was lost for it.
    fn put(&self, kept: Kept) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes: usize = waiting.iter().map(Kept::size).sum::<usize>() + kept.size();
        let before = waiting.len();
        waiting.retain(|each| {
            let fits = bytes <= MAX_WAITING_BYTES;
            bytes -= if fits { 0 } else { each.size() };
            fits
        });
        let is_lost = waiting.len() < before;
        waiting.push(kept);
        self.bell.notify_one();
        is_lost
    }

    /// All of them, waited for a while. Blocks.
    pub fn take(&self, within: Duration) -> Vec<Kept> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.wait_timeout_while(waiting, within, |waiting| waiting.is_empty());
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(bytes: usize) -> Kept {
        Kept {
            tenant: "t".to_owned(),
            model: "m".to_owned(),
            request: Bytes::new(),
            response: vec![0; bytes],
        }
    }

    #[test]
    fn the_oldest_make_room() {
        let keeping = Keeping::default();
        assert!(!keeping.put(kept(MAX_WAITING_BYTES / 2)));
        assert!(!keeping.put(kept(MAX_WAITING_BYTES / 2)));
        assert!(keeping.put(kept(1)));
        let sizes: Vec<usize> =
            keeping.take(Duration::ZERO).iter().map(|each| each.response.len()).collect();
        assert_eq!(sizes, [MAX_WAITING_BYTES / 2, 1]);
        assert!(keeping.take(Duration::ZERO).is_empty());
    }
}
