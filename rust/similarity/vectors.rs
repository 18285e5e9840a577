//! Directions of vectors, each in a slot: in codes of eight bits to search by, and eight bits more to have the last word.

use super::distance::{LINE, Line, dot, prefetch};
use super::rows::Rows;

/// The greatest code, of the greatest number.
const GREATEST: f32 = 127.0;
/// A step of the rests in one of the codes: a rest is half a step of its code at most, and then the greatest itself.
const FINER: f32 = 2.0 * GREATEST;

/// A direction: a code for each number, and the rest that the code leaves of it.
#[derive(Debug)]
pub struct Coded {
    codes: Vec<Line>,
    rests: Vec<Line>,
    /// What a step of the codes is worth, where the length of codes and rests together is one.
    step: f32,
}

/// What of a direction is searched by.
#[derive(Debug, Clone, Copy)]
pub struct Codes<'a> {
    lines: &'a [Line],
    step: f32,
}

impl Coded {
    /// None of a vector without direction.
    pub fn of(vector: &[f32]) -> Option<Self> {
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if !length.is_finite() || length == 0.0 {
            return None;
        }
        let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        let lines = vec![Line::default(); vector.len().div_ceil(LINE)];
        let mut direction = Self { codes: lines.clone(), rests: lines, step: 0.0 };
        let lines = direction.codes.iter_mut().zip(&mut direction.rests);
        for ((codes, rests), values) in lines.zip(vector.chunks(LINE)) {
            for ((code, rest), value) in codes.0.iter_mut().zip(&mut rests.0).zip(values) {
                let value = value * (GREATEST / largest);
                *code = rounded(value);
                *rest = rounded((value - f32::from(*code)) * FINER);
            }
        }
        direction.step =
            shortened(product(&direction, &direction.codes, &direction.rests).sqrt().recip());
        Some(direction)
    }

    pub fn codes(&self) -> Codes<'_> {
        Codes { lines: &self.codes, step: self.step }
    }
}

/// Slots of directions, all of one dimension. A freed slot is used again.
#[derive(Debug)]
pub struct Vectors {
    codes: Rows<Line>,
    /// Apart from the codes, for a search reads them of a few alone.
    rests: Rows<Line>,
    steps: Vec<f32>,
    is_free: Vec<bool>,
    free: Vec<u32>,
}

impl Vectors {
    pub const fn new(dimensions: usize) -> Self {
        let lines = dimensions.div_ceil(LINE);
        Self {
            codes: Rows::new(lines),
            rests: Rows::new(lines),
            steps: Vec::new(),
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

    /// Puts a vector into a slot.
    pub fn put(&mut self, coded: &Coded) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| self.grow());
        self.codes.row_mut(slot).copy_from_slice(&coded.codes);
        self.rests.row_mut(slot).copy_from_slice(&coded.rests);
        self.steps[slot as usize] = coded.step;
        self.is_free[slot as usize] = false;
        slot
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

    /// A slot's codes.
    pub fn codes(&self, slot: u32) -> Codes<'_> {
        Codes { lines: self.codes.row(slot), step: self.steps[slot as usize] }
    }

    /// How near a slot is to a question, about: by codes.
    #[expect(clippy::cast_precision_loss, reason = "a cosine of eight bits has no more of it")]
    pub fn near(&self, question: Codes<'_>, slot: u32) -> f32 {
        let codes = self.codes(slot);
        dot(question.lines, codes.lines) as f32 * question.step * codes.step
    }

    /// How near two slots are, about.
    pub fn between(&self, a: u32, b: u32) -> f32 {
        self.near(self.codes(a), b)
    }

    /// The cosine of a slot and a question, to some hundred thousandths.
    pub fn exactly(&self, question: &Coded, slot: u32) -> f32 {
        let product = product(question, self.codes.row(slot), self.rests.row(slot));
        shortened(product * f64::from(question.step) * f64::from(self.steps[slot as usize]))
    }

    /// Has a slot's codes on their way before `near` asks for them.
    pub fn expect_codes(&self, slot: u32) {
        prefetch(self.codes.row(slot));
        prefetch(&self.steps[slot as usize..=slot as usize]);
    }

    /// Has a slot's rests on their way before `exactly` asks for them.
    pub fn expect_rests(&self, slot: u32) {
        prefetch(self.rests.row(slot));
    }

    /// What the vectors take, in bytes.
    pub fn bytes(&self) -> usize {
        let of_slots = 4 * (self.steps.capacity() + self.free.capacity()) + self.is_free.capacity();
        self.codes.bytes() + self.rests.bytes() + of_slots
    }

    fn grow(&mut self) -> u32 {
        let slot = self.steps.len();
        self.codes.grow(slot + 1);
        self.rests.grow(slot + 1);
        self.steps.push(0.0);
        self.is_free.push(true);
        u32::try_from(slot).unwrap_or(u32::MAX)
    }
}

/// Of codes and rests together, in steps of the codes.
fn product(a: &Coded, codes: &[Line], rests: &[Line]) -> f64 {
    let finer = f64::from(FINER);
    let once = f64::from(dot(&a.codes, rests)) + f64::from(dot(&a.rests, codes));
    let twice = f64::from(dot(&a.rests, rests));
    f64::from(dot(&a.codes, codes)) + (once + twice / finer) / finer
}

/// The nearest whole number of what is 127 at most: the last bits of a float that is so great that it has no others.
const fn rounded(value: f32) -> i8 {
    const GREAT: f32 = 12_582_912.0; // 1.5 * 2^23
    (value + GREAT).to_bits().to_le_bytes()[0].cast_signed()
}

#[expect(clippy::cast_possible_truncation, reason = "a float of 32 bits is near enough")]
const fn shortened(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &[f32], b: &[f32]) -> f64 {
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
        };
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    /// Numbers that look like chance, between -1 and 1.
    fn numbers(count: usize, seed: f32) -> Vec<f32> {
        let mut angle = seed;
        std::iter::repeat_with(|| {
            angle += 12.9898;
            (angle.sin() * 43_758.547).fract()
        })
        .take(count)
        .collect()
    }

    #[test]
    fn a_cosine_to_some_hundred_thousandths() {
        for dimensions in [1, 2, 12, 64, 65, 384, 1024] {
            for seed in [0.1, 0.2, 0.3, 0.4, 0.5] {
                let (a, b) = (numbers(dimensions, seed), numbers(dimensions, 10.0 * seed));
                // Near to `a`, and one number far above all others: what is rounded most.
                let mut near: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a + 0.1 * b).collect();
                let (question, mut vectors) = (Coded::of(&a).unwrap(), Vectors::new(dimensions));
                let mut check = |vector: &[f32]| {
                    let slot = vectors.put(&Coded::of(vector).unwrap());
                    let found = f64::from(vectors.exactly(&question, slot));
                    assert!((found - cosine(&a, vector)).abs() < 4e-5, "{dimensions}: {found}");
                };
                check(&a);
                check(&b);
                check(&near);
                near[0] = 30.0;
                check(&near);
            }
        }
    }

    #[test]
    fn what_points_the_same_way_is_one() {
        for scale in [1e-15, 0.3, 1.0, 7.0, 1e15] {
            let vector = numbers(384, 0.7);
            let scaled: Vec<f32> = vector.iter().map(|value| value * scale).collect();
            let mut vectors = Vectors::new(384);
            let slot = vectors.put(&Coded::of(&scaled).unwrap());
            let found = vectors.exactly(&Coded::of(&vector).unwrap(), slot);
            assert!((found - 1.0).abs() < 1e-6, "{found}");
        }
    }

    #[test]
    fn rounded_to_the_nearest() {
        for (value, code) in [(127.0, 127), (-127.0, -127), (0.4, 0), (-0.6, -1), (63.7, 64)] {
            assert_eq!(rounded(value), code);
        }
    }
}
