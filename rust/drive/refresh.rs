//! Asks a model anew behind an answer that was a little too old.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::caching::Caching;
use super::exchange::Exchange;
use super::runtime::Runtime;
use crate::cache::{Control, Key, Refresh};

/// Nobody asks for the same within it: by then the answer is new, or could not be had.
const PAUSE: Duration = Duration::from_secs(30);

/// What is asked anew, since when.
#[derive(Debug, Default)]
pub(super) struct Refreshing(RefCell<HashMap<Key, Instant>>);

impl Refreshing {
    fn begins(&self, key: Key) -> bool {
        let (mut since, now) = (self.0.borrow_mut(), Instant::now());
        since.retain(|_, begun| now.duration_since(*begun) < PAUSE);
        since.insert(key, now).is_none()
    }
}

/// Has the request made once more, by the gateway itself, in the name of who asked.
pub(super) fn ask(rt: &Rc<Runtime>, x: &Arc<Exchange>, caching: &Caching) {
    if !rt.refreshing.begins(caching.key) {
        return;
    }
    let a = &x.admission;
    let nothing = Control::default();
    let control = a.headers.cache.as_deref().unwrap_or(&nothing);
    let forward = a.headers.forward.iter();
    let forward =
        forward.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    let cache = ("x-sluicegate-cache".to_owned(), control.anew().into_bytes());
    rt.cache.desk.refresh(Refresh {
        path: a.place.route.path.clone(),
        model: a.place.model.clone(),
        as_array: a.place.as_array,
        holder: serde_json::to_vec(&*a.principal).unwrap_or_default(),
        headers: forward.chain([cache]).collect(),
        body: a.body.clone(),
    });
}
