//! What plugins that watch are shown: what clients are given, and what became of their requests. Nothing waits for them.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::exchange::{Cancel, Exchange};
use super::outbox::Ready;

/// What may wait to be looked at; beyond it no more is shown of the answers that go on.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// Something that is shown of one request.
#[derive(Debug)]
pub struct Sight {
    /// The request.
    pub id: Uuid,
    /// What.
    pub what: What,
}

/// What is shown. Of each request it begins with [`What::Begun`] and ends with [`What::Over`].
#[derive(Debug)]
pub enum What {
    /// It was admitted; JSON that says whose it is and what it asks for.
    Begun(Vec<u8>),
    /// Its client was given a head: the status, the key that the answer is kept under if it is, the content type.
    Head(u16, Bytes, Bytes),
    /// Its client was given these bytes.
    Bytes(Vec<u8>),
    /// Nobody looked for too long: more bytes follow, and are not shown.
    Lost,
    /// A row of the ledger, of one of its attempts. The last one of an attempt holds.
    Row(Vec<u8>),
    /// Nothing follows.
    Over,
}

/// What waits to be looked at, of one worker.
#[derive(Debug, Default)]
pub struct Watching {
    inner: Mutex<Inner>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Sight>,
    bytes: usize,
    running: HashMap<Uuid, Weak<Exchange>>,
}

impl Watching {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to show an exchange.
    pub(super) fn begin(&self, x: &Arc<Exchange>, facts: Vec<u8>) {
        let mut inner = self.lock();
        inner.running.insert(x.id, Arc::downgrade(x));
        inner.put(x.id, What::Begun(facts));
        drop(inner);
        self.bell.notify_one();
    }

    /// Puts something behind the rest; whether there was room.
    fn put(&self, id: Uuid, what: What) -> bool {
        let mut inner = self.lock();
        let has_room = inner.bytes < MAX_WAITING_BYTES || !matches!(what, What::Bytes(_));
        if matches!(what, What::Over) {
            inner.running.remove(&id);
        }
        inner.put(id, if has_room { what } else { What::Lost });
        drop(inner);
        self.bell.notify_one();
        has_room
    }

    /// All that waits, waited for a while. Blocks.
    pub fn take(&self, within: Duration) -> VecDeque<Sight> {
        let waited =
            self.bell.wait_timeout_while(self.lock(), within, |inner| inner.waiting.is_empty());
        let (mut inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        inner.bytes = 0;
        std::mem::take(&mut inner.waiting)
    }

    /// Ends a request that is shown; its client is told.
    pub fn end(&self, id: Uuid) {
        let x = self.lock().running.get(&id).and_then(Weak::upgrade);
        if let Some(x) = x {
            x.cancel(Cancel::Plugin);
        }
    }
}

impl Inner {
    fn put(&mut self, id: Uuid, what: What) {
        if let What::Bytes(bytes) = &what {
            self.bytes += bytes.len();
        }
        self.waiting.push_back(Sight { id, what });
    }
}

/// One exchange's way to who watches.
#[derive(Debug)]
pub(super) struct Watched {
    watching: Arc<Watching>,
    id: Uuid,
    /// Whether what its client is given is shown, or only what became of it.
    shows_bytes: bool,
    is_lost: AtomicBool,
}

impl Watched {
    /// One that nothing is shown of yet.
    pub(super) const fn new(watching: Arc<Watching>, id: Uuid, shows_bytes: bool) -> Self {
        Self { watching, id, shows_bytes, is_lost: AtomicBool::new(false) }
    }

    /// Adds to what is ready for the client, and shows what that is.
    pub(super) fn fill(&self, ready: &mut Ready, add: impl FnOnce(&mut Ready)) {
        let (had_head, before) = (ready.head.is_some(), ready.body.len());
        add(ready);
        if !self.shows_bytes {
            return;
        }
        if let Some(head) = ready.head.as_ref().filter(|_| !had_head) {
            let said = |wanted: &[u8]| {
                let found = head.headers.iter().find(|(name, _)| name.as_ref() == wanted);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            };
            let (key, kind) = (said(b"x-sluicegate-cache-key"), said(b"content-type"));
            self.watching.put(self.id, What::Head(head.status, key, kind));
        }
        let added = ready.body.get(before..).unwrap_or_default();
        if added.is_empty() || self.is_lost.load(Ordering::Relaxed) {
            return;
        }
        if !self.watching.put(self.id, What::Bytes(added.to_vec())) {
            self.is_lost.store(true, Ordering::Relaxed);
        }
    }

    /// Shows a row.
    pub(super) fn row(&self, row: &[u8]) {
        self.watching.put(self.id, What::Row(row.to_vec()));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watching.put(self.id, What::Over);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Head;
    use super::*;

    fn shown(watching: &Watching) -> Vec<String> {
        let say = |sight: Sight| match sight.what {
            What::Begun(_) => "begun".to_owned(),
            What::Head(status, key, kind) => {
                let [key, kind] = [&key, &kind].map(|bytes| String::from_utf8_lossy(bytes));
                format!("{status} {key} {kind}")
            }
            What::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            What::Lost => "lost".to_owned(),
            What::Row(_) => "row".to_owned(),
            What::Over => "over".to_owned(),
        };
        watching.take(Duration::ZERO).into_iter().map(say).collect()
    }

    #[test]
    fn what_is_added_is_shown_once_and_in_order() {
        let watching = Arc::new(Watching::default());
        let watched = Watched::new(watching.clone(), Uuid::nil(), true);
        let mut ready = Ready::default();
        watched.fill(&mut ready, |ready| {
            let kind = (Bytes::from_static(b"content-type"), Bytes::from_static(b"text/plain"));
            let key = (Bytes::from_static(b"x-sluicegate-cache-key"), Bytes::from_static(b"k"));
            ready.head = Some(Head { status: 200, headers: vec![key, kind] });
            ready.body.extend(b"one");
        });
        watched.fill(&mut ready, |ready| ready.body.extend(b"two"));
        watched.fill(&mut ready, |_| {});
        watched.row(b"{}");
        drop(watched);
        assert_eq!(shown(&watching), ["200 k text/plain", "one", "two", "row", "over"]);
        assert_eq!(ready.body, b"onetwo");
    }

    #[test]
    fn who_does_not_look_is_shown_no_more_of_an_answer() {
        let watching = Arc::new(Watching::default());
        let watched = Watched::new(watching.clone(), Uuid::nil(), true);
        let more = || {
            let mut ready = Ready::default();
            watched.fill(&mut ready, |ready| ready.body = vec![b'x'; MAX_WAITING_BYTES]);
        };
        more();
        more();
        assert_eq!(shown(&watching).get(1).map(String::as_str), Some("lost"));
        more();
        watched.row(b"{}");
        drop(watched);
        assert_eq!(shown(&watching), ["row", "over"], "nothing of it, now that there is room");
    }

    #[test]
    fn where_only_ends_are_watched_no_bytes_are_copied() {
        let watching = Arc::new(Watching::default());
        let watched = Watched::new(watching.clone(), Uuid::nil(), false);
        watched.fill(&mut Ready::default(), |ready| ready.body.extend(b"one"));
        drop(watched);
        assert_eq!(shown(&watching), ["over"]);
    }
}
