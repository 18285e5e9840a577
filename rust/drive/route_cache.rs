//! Routes of `provider/model` names, made once for each name that is asked for.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::snapshot::Route;

/// Routes in one generation; there are two. Above it names were made up by somebody.
const GENERATION: usize = 2048;
/// A name beyond it is looked up anew each time: memory is bounded by bytes, not only by names.
const LONGEST_NAME: usize = 512;

/// The routes that were asked for lately.
///
/// When the young generation is full it becomes the old one, and what is asked for again moves back: so a
/// flood of invented names pushes out what nobody uses, at one look-up more for what is in use.
#[derive(Debug, Default)]
pub(super) struct RouteCache {
    generations: RwLock<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<String, Arc<Route>>,
    old: HashMap<String, Arc<Route>>,
}

impl RouteCache {
    /// The route of a name, made by `make` where it is not known.
    pub(super) fn get(
        &self,
        name: &str,
        make: impl FnOnce() -> Option<Arc<Route>>,
    ) -> Option<Arc<Route>> {
        if name.len() > LONGEST_NAME {
            return make();
        }
        let known = {
            let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(route) = generations.young.get(name) {
                return Some(route.clone());
            }
            generations.old.get(name).cloned()
        };
        let route = known.or_else(make)?;
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        if generations.young.len() >= GENERATION {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(name.to_owned(), route.clone());
        Some(route)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        generations.young.len() + generations.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::unnecessary_wraps)] // as `get` wants it
    fn route() -> Option<Arc<Route>> {
        Some(Arc::new(Route::to(Vec::new())))
    }

    #[test]
    fn a_name_in_use_is_made_once_whatever_else_is_asked_for() {
        let cache = RouteCache::default();
        let mut made = 0;
        for round in 0..20 * GENERATION {
            cache.get(&format!("invented/{round}"), route);
            cache.get("openai/gpt-5", || {
                made += 1;
                route()
            });
        }
        assert_eq!(made, 1);
        assert!(cache.len() <= 2 * GENERATION);
    }

    #[test]
    fn a_name_beyond_all_measure_is_not_kept() {
        let cache = RouteCache::default();
        assert!(cache.get(&"x".repeat(LONGEST_NAME + 1), route).is_some());
        assert!(cache.get("unknown", || None).is_none());
        assert_eq!(cache.len(), 0);
    }
}
