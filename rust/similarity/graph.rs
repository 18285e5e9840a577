//! A hierarchical navigable small world: layers of links, through which a search walks towards what is nearest.
//!
//! Source: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
//! Small World graphs", 2016, algorithms 1 to 4. What is removed is gone at once: who linked to it is linked to what
//! it linked to, so that nothing is left to sweep and its slot can be used again.

use super::beam::Beam;
use super::layer::{LINKS, Layer};
use super::scored::Scored;
use super::vectors::{Codes, Vectors};
use super::visited::Visited;

/// How many are looked at for a new slot's links.
const BUILD_WIDTH: usize = 100;
/// A sixteenth of each layer is in the next.
const LEVEL_BITS: u32 = LINKS.ilog2();
const MOST_LEVELS: usize = 8;

/// The links between the slots of some vectors.
#[derive(Debug)]
pub struct Graph {
    layers: Vec<Layer>,
    /// How many layers each slot is in, less one.
    levels: Vec<u8>,
    entry: Option<u32>,
    /// Slots ever added: what the levels are drawn by, so that the same inserts make the same graph.
    drawn: u64,
    visited: Visited,
}

impl Graph {
    pub fn new() -> Self {
        Self {
            layers: vec![Layer::lowest()],
            levels: Vec::new(),
            entry: None,
            drawn: 0,
            visited: Visited::default(),
        }
    }

    /// Adds a slot that the vectors have.
    pub fn add(&mut self, vectors: &Vectors, slot: u32) {
        let level = self.draw_level();
        if self.levels.len() <= slot as usize {
            self.levels.resize(slot as usize + 1, 0);
        }
        self.levels[slot as usize] = u8::try_from(level).unwrap_or(u8::MAX);
        while self.layers.len() <= level {
            self.layers.push(Layer::upper());
        }
        for layer in &mut self.layers[..=level] {
            layer.add(slot);
        }
        let Some(entry) = self.entry else {
            self.entry = Some(slot);
            return;
        };
        let top = self.level_of(entry);
        let question = vectors.codes(slot);
        let mut nearest = vec![Scored { score: vectors.near(question, entry), slot: entry }];
        for level in (level + 1..=top).rev() {
            nearest = vec![self.walk(vectors, question, nearest[0], level)];
        }
        for level in (0..=level.min(top)).rev() {
            nearest = self.search_layer(vectors, question, &nearest, BUILD_WIDTH, level);
            let most = self.layers[level].most().min(LINKS);
            for near in diverse(vectors, &nearest, most) {
                self.layers[level].link(slot, near.slot);
                self.link_back(vectors, near.slot, slot, level);
            }
        }
        if level > top {
            self.entry = Some(slot);
        }
    }

    /// Takes a slot out. Its vector must still be there.
    pub fn remove(&mut self, vectors: &Vectors, slot: u32) {
        for level in (0..=self.level_of(slot)).rev() {
            let (out, into) = self.layers[level].remove(slot);
            for &from in &into {
                self.bridge(vectors, from, &out, level);
            }
            for &to in &out {
                self.rescue(vectors, to, level);
            }
        }
        if self.entry == Some(slot) {
            self.entry = self.highest(vectors, slot);
        }
    }

    /// The nearest slots, at most `width` of them, the nearest first.
    pub fn search(&self, vectors: &Vectors, question: Codes<'_>, width: usize) -> Vec<Scored> {
        let Some(entry) = self.entry else { return Vec::new() };
        let mut nearest = Scored { score: vectors.near(question, entry), slot: entry };
        for level in (1..=self.level_of(entry)).rev() {
            nearest = self.walk(vectors, question, nearest, level);
        }
        self.search_layer(vectors, question, &[nearest], width, 0)
    }

    /// What the links take, about, in bytes.
    pub fn bytes(&self) -> usize {
        self.layers.iter().map(Layer::bytes).sum::<usize>() + self.levels.capacity()
    }

    fn level_of(&self, slot: u32) -> usize {
        self.levels.get(slot as usize).copied().unwrap_or(0).into()
    }

    fn draw_level(&mut self) -> usize {
        self.drawn += 1;
        let level = mixed(self.drawn).trailing_zeros() / LEVEL_BITS;
        (level as usize).min(MOST_LEVELS - 1)
    }

    /// From one slot to nearer ones, until none is.
    fn walk(&self, vectors: &Vectors, question: Codes<'_>, from: Scored, level: usize) -> Scored {
        let mut nearest = from;
        loop {
            let links = self.layers[level].out(nearest.slot).iter();
            let best =
                links.map(|&slot| Scored { score: vectors.near(question, slot), slot }).max();
            match best {
                Some(best) if best.score > nearest.score => nearest = best,
                _ => return nearest,
            }
        }
    }

    /// The `width` nearest of one layer that can be walked to from `entries`, the nearest first.
    fn search_layer(
        &self,
        vectors: &Vectors,
        question: Codes<'_>,
        entries: &[Scored],
        width: usize,
        level: usize,
    ) -> Vec<Scored> {
        let layer = &self.layers[level];
        let mut visited = self.visited.take(vectors.slots());
        let mut beam = Beam::new(width);
        for &entry in entries {
            if visited.is_new(entry.slot) {
                beam.meet(entry);
            }
        }
        // What lies in memory decides how long it takes: all that a slot links to is fetched at once, and the links of
        // the next slot in the meantime.
        let mut unseen = Vec::with_capacity(layer.most());
        while let Some(at) = beam.leave() {
            if let Some(next) = beam.next() {
                layer.expect(next);
            }
            unseen.clear();
            unseen.extend(layer.out(at).iter().filter(|&&slot| visited.is_new(slot)));
            for &slot in &unseen {
                vectors.expect_codes(slot);
            }
            for &slot in &unseen {
                beam.meet(Scored { score: vectors.near(question, slot), slot });
            }
        }
        self.visited.give_back(visited);
        beam.into_nearest()
    }

    /// Links an old slot to a new one. Where it has links enough, the most diverse of all stay.
    fn link_back(&mut self, vectors: &Vectors, from: u32, to: u32, level: usize) {
        let layer = &mut self.layers[level];
        layer.link(from, to);
        if layer.out(from).len() <= layer.most() {
            return;
        }
        let links = layer.out(from).iter();
        let mut links: Vec<Scored> =
            links.map(|&slot| Scored { score: vectors.between(from, slot), slot }).collect();
        links.sort_unstable_by(|a, b| b.cmp(a));
        let stay = diverse(vectors, &links, layer.most());
        for link in &links {
            let is_last_way = layer.in_degree(link.slot) <= 1;
            let stays = stay.iter().any(|each| each.slot == link.slot);
            if !stays && (!is_last_way || layer.out(from).len() > layer.most()) {
                layer.unlink(from, link.slot);
            }
        }
    }

    /// Links one whose link is gone to the nearest of those behind it that it does not know.
    fn bridge(&mut self, vectors: &Vectors, from: u32, behind: &[u32], level: usize) {
        let layer = &mut self.layers[level];
        if layer.is_full(from) {
            return;
        }
        let known = layer.out(from);
        let unknown = behind.iter().filter(|&&slot| slot != from && !known.contains(&slot));
        let scored = unknown.map(|&slot| Scored { score: vectors.between(from, slot), slot });
        if let Some(nearest) = scored.max() {
            layer.link(from, nearest.slot);
        }
    }

    /// Nothing may be left that no link leads to: the nearest that it links to links back.
    fn rescue(&mut self, vectors: &Vectors, slot: u32, level: usize) {
        let layer = &self.layers[level];
        if layer.in_degree(slot) > 0 {
            return;
        }
        let links = layer.out(slot).iter();
        let nearest = links.map(|&to| Scored { score: vectors.between(slot, to), slot: to }).max();
        if let Some(nearest) = nearest {
            self.link_back(vectors, nearest.slot, slot, level);
        }
    }

    /// Where searches begin when the slot they began at has gone.
    fn highest(&mut self, vectors: &Vectors, gone: u32) -> Option<u32> {
        while self.layers.len() > 1 {
            if let Some(slot) = self.layers.last().and_then(Layer::any) {
                return Some(slot);
            }
            self.layers.pop();
        }
        vectors.taken().find(|&slot| slot != gone)
    }
}

/// Of some slots, nearest first: those that are nearer to what they are for than to each other, so that links lead in
/// all directions.
fn diverse(vectors: &Vectors, nearest: &[Scored], most: usize) -> Vec<Scored> {
    let mut chosen: Vec<Scored> = Vec::with_capacity(most);
    for candidate in nearest {
        if chosen.len() == most {
            break;
        }
        let is_hidden =
            chosen.iter().any(|it| vectors.between(it.slot, candidate.slot) > candidate.score);
        if !is_hidden {
            chosen.push(*candidate);
        }
    }
    chosen
}

/// Bits that look like chance. Source: Steele et al., `SplitMix64`.
const fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
