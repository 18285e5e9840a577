//! What one worker's listener has in its hands.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::Notify;

use super::case::{Case, Counsel, Trouble, Verdict};
use super::options::FrontOptions;
use crate::drive::{Cancel, Engine, Exchange, ModelRoute};

/// Lives on the runtime's thread.
pub(super) struct Floor {
    pub engine: Arc<Engine>,
    pub options: FrontOptions,
    pub counsel: Arc<dyn Counsel>,
    /// Connections end after what runs on them.
    pub closing: Notify,
    pub is_draining: Cell<bool>,
    /// Largest request body.
    pub max_body_bytes: Cell<usize>,
    pub active: Arc<AtomicUsize>,
    exchanges: RefCell<HashMap<u64, Weak<Exchange>>>,
    ids: Cell<u64>,
}

/// A request that runs, from its head to its end.
pub(super) struct Presence {
    floor: Rc<Floor>,
    /// Names it.
    pub id: u64,
}

impl Floor {
    pub fn new(
        engine: Arc<Engine>,
        options: FrontOptions,
        counsel: Arc<dyn Counsel>,
        active: Arc<AtomicUsize>,
    ) -> Self {
        Self {
            max_body_bytes: Cell::new(options.max_body_bytes),
            engine,
            options,
            counsel,
            closing: Notify::new(),
            is_draining: Cell::new(false),
            active,
            exchanges: RefCell::default(),
            ids: Cell::new(1),
        }
    }

    /// Counts a request.
    pub fn enter(self: &Rc<Self>) -> Presence {
        let id = self.ids.get();
        self.ids.set(id + 1);
        self.active.fetch_add(1, Ordering::Relaxed);
        Presence { floor: self.clone(), id }
    }

    /// A question in a case of its own: a request's begins with its admission.
    pub async fn ask_apart(self: &Rc<Self>, route: Arc<ModelRoute>, trouble: Trouble) -> Verdict {
        let presence = self.enter();
        // Also where nobody waits for the answer any more: this future ends with its client.
        let _closing = Closing { floor: self, id: presence.id };
        let case = Arc::new(Case::new(presence.id, route, None));
        let answered = case.put(trouble);
        self.counsel.ask(case);
        answered.await.unwrap_or(Verdict::Gone)
    }

    fn running(&self) -> Vec<Arc<Exchange>> {
        self.exchanges.borrow().values().filter_map(Weak::upgrade).collect()
    }

    /// Ends every request; clients are told.
    pub fn shut_down(&self) {
        for x in self.running() {
            x.cancel(Cancel::Shutdown);
        }
    }

    /// Ends requests of runs that were ended.
    pub fn end_killed(&self) {
        let governance = self.engine.governance();
        for x in self.running() {
            x.end_if_killed(&governance);
        }
    }
}

/// Closes a case however its question ends: whoever decides keeps it, with the request's body, until then.
struct Closing<'a> {
    floor: &'a Floor,
    id: u64,
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.floor.counsel.close(self.id);
    }
}

impl Presence {
    /// Remembers what can be ended.
    pub fn admitted(&self, x: &Arc<Exchange>) {
        self.floor.exchanges.borrow_mut().insert(self.id, Arc::downgrade(x));
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.floor.exchanges.borrow_mut().remove(&self.id);
        self.floor.active.fetch_sub(1, Ordering::Relaxed);
    }
}
