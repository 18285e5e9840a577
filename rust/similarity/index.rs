//! Vectors of many scopes, by ids, as many as there is room for.

use std::collections::{HashMap, VecDeque};

use super::scope::Scope;
use super::vectors::Coded;

/// What lies near a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// What was inserted.
    pub id: u64,
    /// The cosine, up to 1.
    pub similarity: f32,
}

/// How much there is room for.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Numbers in each vector.
    pub dimensions: usize,
    /// Vectors in all scopes together; the oldest makes room.
    pub entries: usize,
}

/// An index of vectors. A search sees one scope, and there is no way to ask for more.
#[derive(Debug)]
pub struct Index {
    capacity: Capacity,
    scopes: HashMap<u128, Scope>,
    places: HashMap<u64, Place>,
    /// Ids as they came; some are gone, or came again behind.
    order: VecDeque<(u64, u64)>,
    arrivals: u64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    scope: u128,
    slot: u32,
    arrival: u64,
}

impl Index {
    /// An empty index.
    pub fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            scopes: HashMap::new(),
            places: HashMap::new(),
            order: VecDeque::new(),
            arrivals: 0,
        }
    }

    /// Inserts a vector under an id, in the place of what had it; false where it has no direction or another dimension.
    /// The ids that made room for it are added to `gone`.
    pub fn insert(&mut self, scope: u128, id: u64, vector: &[f32], gone: &mut Vec<u64>) -> bool {
        let Some(coded) = self.coded(vector) else { return false };
        self.remove(id);
        while self.places.len() >= self.capacity.entries.max(1) {
            let Some((oldest, arrival)) = self.order.pop_front() else { break };
            if self.places.get(&oldest).is_some_and(|place| place.arrival == arrival) {
                self.remove(oldest);
                gone.push(oldest);
            }
        }
        let dimensions = self.capacity.dimensions;
        let slot =
            self.scopes.entry(scope).or_insert_with(|| Scope::new(dimensions)).add(id, &coded);
        self.arrivals += 1;
        self.places.insert(id, Place { scope, slot, arrival: self.arrivals });
        self.order.push_back((id, self.arrivals));
        self.tidy();
        true
    }

    /// Removes what has an id; whether there was any.
    pub fn remove(&mut self, id: u64) -> bool {
        let Some(place) = self.places.remove(&id) else { return false };
        if let Some(scope) = self.scopes.get_mut(&place.scope) {
            scope.remove(place.slot);
            if scope.len() == 0 {
                self.scopes.remove(&place.scope);
            }
        }
        true
    }

    /// The nearest `most` of a scope, the nearest first; none to a vector without direction or of another dimension.
    pub fn search(&self, scope: u128, question: &[f32], most: usize) -> Vec<Hit> {
        let Some(scope) = self.scopes.get(&scope) else { return Vec::new() };
        let Some(question) = self.coded(question) else { return Vec::new() };
        let found = scope.search(&question, most).into_iter();
        found.map(|(id, similarity)| Hit { id, similarity }).collect()
    }

    /// How many vectors it holds.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What it takes, about, in bytes.
    pub fn bytes(&self) -> usize {
        let scopes: usize = self.scopes.values().map(Scope::bytes).sum();
        let ids = size_of::<(u64, Place)>() * self.places.capacity();
        scopes + ids + size_of::<(u64, u64)>() * self.order.capacity()
    }

    /// None of a vector without direction, or of another dimension.
    fn coded(&self, vector: &[f32]) -> Option<Coded> {
        (vector.len() == self.capacity.dimensions).then(|| Coded::of(vector)).flatten()
    }

    /// Forgets the order of what is gone, once that is most of it.
    fn tidy(&mut self) {
        if self.order.len() > 2 * self.places.len() + 64 {
            let places = &self.places;
            self.order.retain(|(id, arrival)| {
                places.get(id).is_some_and(|place| place.arrival == *arrival)
            });
        }
    }
}
