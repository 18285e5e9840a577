//! Who is linked to whom in one layer of the graph, seen from both ends: a slot that goes must find all that name it.

use std::collections::HashMap;

use super::distance::prefetch;
use super::rows::Rows;

/// Links of a slot in an upper layer; twice as many in the lowest.
pub const LINKS: usize = 16;

/// A slot's links in one layer. Those that a search follows lie in place, with room for one more than may stay.
#[derive(Debug, Clone)]
struct Links {
    count: u8,
    out: [u32; 2 * LINKS + 1],
    into: Vec<u32>,
}

impl Default for Links {
    fn default() -> Self {
        Self { count: 0, out: [0; 2 * LINKS + 1], into: Vec::new() }
    }
}

impl Links {
    fn out(&self) -> &[u32] {
        self.out.get(..self.count.into()).unwrap_or_default()
    }

    fn push(&mut self, to: u32) {
        if let Some(place) = self.out.get_mut(usize::from(self.count)) {
            *place = to;
            self.count += 1;
        }
    }

    fn forget(&mut self, to: u32) {
        if let Some(at) = self.out().iter().position(|&each| each == to) {
            self.count -= 1;
            self.out.swap(at, self.count.into());
        }
    }
}

/// Links of the slots of one layer. All slots are in the lowest, and a sixteenth of each layer in the one above it.
#[derive(Debug)]
pub struct Layer {
    most: usize,
    rows: Linked,
}

#[derive(Debug)]
enum Linked {
    All(Rows<Links>),
    Few(HashMap<u32, Links>),
}

impl Layer {
    /// The lowest.
    pub const fn lowest() -> Self {
        Self { most: 2 * LINKS, rows: Linked::All(Rows::new(1)) }
    }

    /// One above it.
    pub fn upper() -> Self {
        Self { most: LINKS, rows: Linked::Few(HashMap::new()) }
    }

    /// The most links that a slot has.
    pub const fn most(&self) -> usize {
        self.most
    }

    /// Makes room for a slot's links.
    pub fn add(&mut self, slot: u32) {
        match &mut self.rows {
            Linked::All(rows) => rows.grow(slot as usize + 1),
            Linked::Few(rows) => {
                rows.entry(slot).or_default();
            }
        }
    }

    /// The slots that one links to.
    pub fn out(&self, slot: u32) -> &[u32] {
        self.links(slot).map_or(&[], Links::out)
    }

    /// How many link to it.
    pub fn in_degree(&self, slot: u32) -> usize {
        self.links(slot).map_or(0, |links| links.into.len())
    }

    /// Whether it has as many links as it may have.
    pub fn is_full(&self, slot: u32) -> bool {
        self.out(slot).len() >= self.most
    }

    /// Links one to another.
    pub fn link(&mut self, from: u32, to: u32) {
        if let Some(links) = self.links_mut(from) {
            links.push(to);
        }
        if let Some(links) = self.links_mut(to) {
            links.into.push(from);
        }
    }

    /// Ends one link.
    pub fn unlink(&mut self, from: u32, to: u32) {
        if let Some(links) = self.links_mut(from) {
            links.forget(to);
        }
        if let Some(links) = self.links_mut(to) {
            forget(&mut links.into, from);
        }
    }

    /// Ends all links of a slot, and gives back whom it linked to and who linked to it.
    pub fn remove(&mut self, slot: u32) -> (Vec<u32>, Vec<u32>) {
        let links = match &mut self.rows {
            Linked::All(_) => self.links_mut(slot).map(std::mem::take),
            Linked::Few(rows) => rows.remove(&slot),
        };
        let links = links.unwrap_or_default();
        for &to in links.out() {
            if let Some(links) = self.links_mut(to) {
                forget(&mut links.into, slot);
            }
        }
        for &from in &links.into {
            if let Some(links) = self.links_mut(from) {
                links.forget(slot);
            }
        }
        (links.out().to_vec(), links.into)
    }

    /// Has a slot's links on their way from memory before they are asked for.
    pub fn expect(&self, slot: u32) {
        if let Linked::All(rows) = &self.rows {
            prefetch(rows.row(slot));
        }
    }

    /// Any slot of the layer but the lowest; none where it is empty.
    pub fn any(&self) -> Option<u32> {
        match &self.rows {
            Linked::All(_) => None,
            Linked::Few(rows) => rows.keys().next().copied(),
        }
    }

    /// What the links take, about, in bytes.
    pub fn bytes(&self) -> usize {
        let into = |links: &Links| 4 * links.into.capacity();
        match &self.rows {
            Linked::All(rows) => rows.bytes() + rows.iter().map(into).sum::<usize>(),
            Linked::Few(rows) => {
                rows.capacity() * size_of::<(u32, Links)>() + rows.values().map(into).sum::<usize>()
            }
        }
    }

    fn links(&self, slot: u32) -> Option<&Links> {
        match &self.rows {
            Linked::All(rows) => rows.row(slot).first(),
            Linked::Few(rows) => rows.get(&slot),
        }
    }

    fn links_mut(&mut self, slot: u32) -> Option<&mut Links> {
        match &mut self.rows {
            Linked::All(rows) => rows.row_mut(slot).first_mut(),
            Linked::Few(rows) => rows.get_mut(&slot),
        }
    }
}

fn forget(slots: &mut Vec<u32>, slot: u32) {
    if let Some(at) = slots.iter().position(|&each| each == slot) {
        slots.swap_remove(at);
    }
}
