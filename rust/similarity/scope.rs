//! The vectors of one scope: looked through one by one while they are few, by a graph when they are many.

use super::graph::Graph;
use super::scored::Scored;
use super::vectors::{Coded, Codes, Vectors};

/// Up to so many vectors a scan finds all there is in little more than a graph's search takes (40 us and 29 for 384
/// dimensions), and an insert has nothing to link.
pub const FLAT_AT_MOST: usize = 2000;
/// The search by codes gives so many for each that is wanted; of what the codes leave is the last word.
const FOR_EACH: usize = 4;
/// And at least so many, for the walk not to end in a corner.
const LEAST_WIDTH: usize = 64;

/// Vectors with the ids that they stand for.
#[derive(Debug)]
pub struct Scope {
    vectors: Vectors,
    ids: Vec<u64>,
    graph: Option<Graph>,
}

impl Scope {
    pub const fn new(dimensions: usize) -> Self {
        Self { vectors: Vectors::new(dimensions), ids: Vec::new(), graph: None }
    }

    pub const fn len(&self) -> usize {
        self.vectors.len()
    }

    pub fn bytes(&self) -> usize {
        let graph = self.graph.as_ref().map_or(0, Graph::bytes);
        self.vectors.bytes() + 8 * self.ids.capacity() + graph
    }

    /// Adds a vector; its slot.
    pub fn add(&mut self, id: u64, coded: &Coded) -> u32 {
        let slot = self.vectors.put(coded);
        if self.ids.len() <= slot as usize {
            self.ids.resize(slot as usize + 1, 0);
        }
        self.ids[slot as usize] = id;
        match &mut self.graph {
            Some(graph) => graph.add(&self.vectors, slot),
            None if self.vectors.len() > FLAT_AT_MOST => {
                let mut graph = Graph::new();
                for slot in self.vectors.taken() {
                    graph.add(&self.vectors, slot);
                }
                self.graph = Some(graph);
            }
            None => {}
        }
        slot
    }

    /// Takes what is in a slot out.
    pub fn remove(&mut self, slot: u32) {
        if let Some(graph) = &mut self.graph {
            graph.remove(&self.vectors, slot);
        }
        self.vectors.free(slot);
        // Half of it, so that a scope at the border does not build a graph again and again.
        if self.vectors.len() < FLAT_AT_MOST / 2 {
            self.graph = None;
        }
    }

    /// The nearest `most` to a question, each with its cosine, the nearest first.
    pub fn search(&self, question: &Coded, most: usize) -> Vec<(u64, f32)> {
        let width = (FOR_EACH * most).max(LEAST_WIDTH);
        let near = match &self.graph {
            Some(graph) => graph.search(&self.vectors, question.codes(), width),
            None => self.scan(question.codes(), width),
        };
        for it in &near {
            self.vectors.expect_rests(it.slot);
        }
        let exact = near
            .iter()
            .map(|it| Scored { score: self.vectors.exactly(question, it.slot), slot: it.slot });
        let mut exact: Vec<Scored> = exact.collect();
        exact.sort_unstable_by(|a, b| b.cmp(a));
        exact.truncate(most);
        exact.iter().map(|it| (self.ids[it.slot as usize], it.score)).collect()
    }

    fn scan(&self, question: Codes<'_>, width: usize) -> Vec<Scored> {
        let slots = self.vectors.taken();
        let mut scored: Vec<Scored> =
            slots.map(|slot| Scored { score: self.vectors.near(question, slot), slot }).collect();
        if scored.len() > width {
            scored.select_nth_unstable_by(width, |a, b| b.cmp(a));
            scored.truncate(width);
        }
        scored
    }
}
