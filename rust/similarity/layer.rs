//! Who is linked to whom in one layer of the graph, seen from both ends: a slot that goes must find all that name it.

use std::collections::HashMap;

/// A slot's links in one layer.
#[derive(Debug, Default, Clone)]
struct Links {
    out: Vec<u32>,
    into: Vec<u32>,
}

/// Links of the slots of one layer. All slots are in the lowest, and a sixteenth of each layer in the one above it.
#[derive(Debug)]
pub struct Layer {
    most: usize,
    rows: Rows,
}

#[derive(Debug)]
enum Rows {
    All(Vec<Links>),
    Few(HashMap<u32, Links>),
}

impl Layer {
    /// The lowest, where a slot links to `most` others at most.
    pub const fn lowest(most: usize) -> Self {
        Self { most, rows: Rows::All(Vec::new()) }
    }

    /// One above it.
    pub fn upper(most: usize) -> Self {
        Self { most, rows: Rows::Few(HashMap::new()) }
    }

    /// The most links that a slot has.
    pub const fn most(&self) -> usize {
        self.most
    }

    /// Makes room for a slot's links.
    pub fn add(&mut self, slot: u32) {
        match &mut self.rows {
            Rows::All(rows) => {
                if rows.len() <= slot as usize {
                    rows.resize_with(slot as usize + 1, Links::default);
                }
            }
            Rows::Few(rows) => {
                rows.entry(slot).or_default();
            }
        }
    }

    /// The slots that one links to.
    pub fn out(&self, slot: u32) -> &[u32] {
        self.links(slot).map_or(&[], |links| &links.out)
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
            links.out.push(to);
        }
        if let Some(links) = self.links_mut(to) {
            links.into.push(from);
        }
    }

    /// Ends one link.
    pub fn unlink(&mut self, from: u32, to: u32) {
        if let Some(links) = self.links_mut(from) {
            forget(&mut links.out, to);
        }
        if let Some(links) = self.links_mut(to) {
            forget(&mut links.into, from);
        }
    }

    /// Ends all links of a slot, and gives back whom it linked to and who linked to it.
    pub fn remove(&mut self, slot: u32) -> (Vec<u32>, Vec<u32>) {
        let links = match &mut self.rows {
            Rows::All(rows) => rows.get_mut(slot as usize).map(std::mem::take),
            Rows::Few(rows) => rows.remove(&slot),
        };
        let Links { out, into } = links.unwrap_or_default();
        for &to in &out {
            if let Some(links) = self.links_mut(to) {
                forget(&mut links.into, slot);
            }
        }
        for &from in &into {
            if let Some(links) = self.links_mut(from) {
                forget(&mut links.out, slot);
            }
        }
        (out, into)
    }

    /// Any slot of the layer but the lowest; none where it is empty.
    pub fn any(&self) -> Option<u32> {
        match &self.rows {
            Rows::All(_) => None,
            Rows::Few(rows) => rows.keys().next().copied(),
        }
    }

    /// What the links take, about, in bytes.
    pub fn bytes(&self) -> usize {
        let of =
            |links: &Links| size_of::<Links>() + 4 * (links.out.capacity() + links.into.capacity());
        match &self.rows {
            Rows::All(rows) => rows.iter().map(of).sum(),
            Rows::Few(rows) => rows.values().map(|links| of(links) + 8).sum(),
        }
    }

    fn links(&self, slot: u32) -> Option<&Links> {
        match &self.rows {
            Rows::All(rows) => rows.get(slot as usize),
            Rows::Few(rows) => rows.get(&slot),
        }
    }

    fn links_mut(&mut self, slot: u32) -> Option<&mut Links> {
        match &mut self.rows {
            Rows::All(rows) => rows.get_mut(slot as usize),
            Rows::Few(rows) => rows.get_mut(&slot),
        }
    }
}

fn forget(slots: &mut Vec<u32>, slot: u32) {
    if let Some(at) = slots.iter().position(|&each| each == slot) {
        slots.swap_remove(at);
    }
}
