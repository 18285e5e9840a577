//! The nearest that a walk has met, and which of them it has yet to leave from.

use super::scored::Scored;

/// At most `width` slots, the nearest first.
///
/// One array in order, where the paper has two heaps: from what falls out of it no walk would go on, and to move some
/// dozens of entries takes less than to keep heaps.
#[derive(Debug)]
pub struct Beam {
    width: usize,
    met: Vec<(Scored, bool)>,
    /// All before it were left from.
    next: usize,
}

impl Beam {
    pub fn new(width: usize) -> Self {
        Self { width, met: Vec::with_capacity(width), next: 0 }
    }

    /// Takes a slot in if there is room, or in the place of the farthest if it is nearer.
    pub fn meet(&mut self, scored: Scored) {
        if self.met.len() >= self.width {
            match self.met.last() {
                Some((farthest, _)) if farthest.score < scored.score => self.met.pop(),
                _ => return,
            };
        }
        let at = self.met.partition_point(|(it, _)| it.score >= scored.score);
        self.met.insert(at, (scored, false));
        self.next = self.next.min(at);
    }

    /// The nearest that was not left from; from now on it was.
    pub fn leave(&mut self) -> Option<u32> {
        let (scored, is_left) = self.met.get_mut(self.next)?;
        let slot = scored.slot;
        *is_left = true;
        let ahead = &self.met[self.next..];
        self.next += ahead.iter().position(|(_, is_left)| !is_left).unwrap_or(ahead.len());
        Some(slot)
    }

    /// What is left from next, unless something nearer is met.
    pub fn next(&self) -> Option<u32> {
        self.met.get(self.next).map(|(scored, _)| scored.slot)
    }

    /// All that it holds, the nearest first.
    pub fn into_nearest(self) -> Vec<Scored> {
        self.met.into_iter().map(|(scored, _)| scored).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is met and left in between: the nearest stay in order, and each is left from once, the nearest first.
        #[test]
        fn as_by_sorting(acts in prop::collection::vec(prop::option::of(0..50_u8), 0..100), width in 1..9_usize) {
            let (mut beam, mut plain) = (Beam::new(width), Vec::<(Scored, bool)>::new());
            for (slot, act) in (0..).zip(acts) {
                if let Some(score) = act {
                    let scored = Scored { score: score.into(), slot };
                    beam.meet(scored);
                    plain.push((scored, false));
                    plain.sort_by_key(|(scored, _)| Reverse(*scored));
                    plain.truncate(width);
                } else {
                    let next = plain.iter_mut().find(|(_, is_left)| !is_left);
                    let expected = next.map(|(scored, is_left)| (scored.slot, *is_left = true).0);
                    prop_assert_eq!(beam.next(), expected);
                    prop_assert_eq!(beam.leave(), expected);
                }
            }
            let expected: Vec<Scored> = plain.into_iter().map(|(scored, _)| scored).collect();
            prop_assert_eq!(beam.into_nearest(), expected);
        }
    }
}
