//! Vectors of length one, each in a slot: as codes of eight bits to search by, and whole to have the last word.

use super::distance::{dot, dot_codes};

/// A vector's codes with what one step of them is worth.
#[derive(Debug, Clone)]
pub struct Coded {
    pub codes: Vec<i8>,
    pub step: f32,
}

impl Coded {
    pub fn of(vector: &[f32]) -> Self {
        let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let step = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        #[expect(clippy::cast_possible_truncation, reason = "between -127 and 127")]
        let codes = vector.iter().map(|value| (value / step).round() as i8).collect();
        Self { codes, step }
    }
}

/// Slots of vectors, all of one dimension. A freed slot is used again.
#[derive(Debug)]
pub struct Vectors {
    dimensions: usize,
    codes: Vec<i8>,
    steps: Vec<f32>,
    exact: Vec<f32>,
    is_free: Vec<bool>,
    free: Vec<u32>,
}

impl Vectors {
    pub const fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            codes: Vec::new(),
            steps: Vec::new(),
            exact: Vec::new(),
            is_free: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Slots, free ones among them.
    pub const fn slots(&self) -> usize {
        self.steps.len()
    }

    /// How many slots hold a vector.
    pub const fn len(&self) -> usize {
        self.steps.len() - self.free.len()
    }

    /// Puts a vector of length one into a slot.
    pub fn put(&mut self, vector: &[f32]) -> u32 {
        let coded = Coded::of(vector);
        if let Some(slot) = self.free.pop() {
            let (from, to) = self.range(slot);
            self.codes[from..to].copy_from_slice(&coded.codes);
            self.exact[from..to].copy_from_slice(vector);
            self.steps[slot as usize] = coded.step;
            self.is_free[slot as usize] = false;
            return slot;
        }
        self.codes.extend_from_slice(&coded.codes);
        self.exact.extend_from_slice(vector);
        self.steps.push(coded.step);
        self.is_free.push(false);
        u32::try_from(self.steps.len() - 1).unwrap_or(u32::MAX)
    }

    /// Frees a slot.
    pub fn free(&mut self, slot: u32) {
        self.is_free[slot as usize] = true;
        self.free.push(slot);
    }

    /// Slots that hold a vector.
    pub fn taken(&self) -> impl Iterator<Item = u32> {
        (0_u32..).zip(&self.is_free).filter(|(_, is_free)| !**is_free).map(|(slot, _)| slot)
    }

    /// How near a slot is to a question, about: by codes.
    pub fn near(&self, question: &Coded, slot: u32) -> f32 {
        scaled(dot_codes(&question.codes, self.codes_of(slot)), question.step, self.step(slot))
    }

    /// How near two slots are, about.
    pub fn between(&self, a: u32, b: u32) -> f32 {
        scaled(dot_codes(self.codes_of(a), self.codes_of(b)), self.step(a), self.step(b))
    }

    /// The cosine of a slot and a question.
    pub fn exactly(&self, question: &[f32], slot: u32) -> f32 {
        let (from, to) = self.range(slot);
        dot(question, &self.exact[from..to])
    }

    /// A slot's codes, as a question.
    pub fn coded(&self, slot: u32) -> Coded {
        Coded { codes: self.codes_of(slot).to_vec(), step: self.step(slot) }
    }

    /// What the vectors take, in bytes.
    pub const fn bytes(&self) -> usize {
        self.codes.capacity() + 4 * (self.exact.capacity() + self.steps.capacity())
    }

    fn step(&self, slot: u32) -> f32 {
        self.steps[slot as usize]
    }

    fn codes_of(&self, slot: u32) -> &[i8] {
        let (from, to) = self.range(slot);
        &self.codes[from..to]
    }

    const fn range(&self, slot: u32) -> (usize, usize) {
        let from = slot as usize * self.dimensions;
        (from, from + self.dimensions)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a cosine of eight bits has no more of it")]
fn scaled(product: i32, a: f32, b: f32) -> f32 {
    product as f32 * a * b
}
