//! How long the answers of a model become, learned from those that it gave.

use std::hash::{Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use siphasher::sip::SipHasher13;

use super::snapshot::Target;

/// Models that are learned of; further ones are not.
const MODELS: usize = 256;
/// Places that are looked at for a model.
const LOOKED_AT: usize = 8;
/// Four sizes to a power of two, up to 2^24 tokens.
const SIZES: usize = 96;
/// Answers before anything is said.
const ENOUGH: u32 = 30;
/// Of so many answers each counts half as much as of later ones.
const MANY: u32 = 2000;
/// Of twenty answers, nineteen are no longer.
const SHORTER: (u32, u32) = (19, 20);

/// What was learned; its memory is fixed, and it is read and written without a lock.
#[derive(Debug)]
pub struct Learned {
    models: Vec<Model>,
}

#[derive(Debug)]
struct Model {
    /// 0 is free.
    name: AtomicU64,
    /// Answers by their size.
    answers: [AtomicU32; SIZES],
}

impl Default for Learned {
    fn default() -> Self {
        let model =
            || Model { name: AtomicU64::new(0), answers: [const { AtomicU32::new(0) }; SIZES] };
        Self { models: (0..MODELS).map(|_| model()).collect() }
    }
}

impl Learned {
    /// Learns of an answer. Updates that meet may be lost, which changes no estimate that matters.
    pub fn note(&self, target: &Target, output_tokens: u64) {
        let Some(model) = self.model(&target.upstream.provider, &target.model, true) else {
            return;
        };
        if let Some(answers) = model.answers.get(size_of(output_tokens)) {
            answers.fetch_add(1, Ordering::Relaxed);
        }
        if model.total() >= MANY {
            for answers in &model.answers {
                answers.store(answers.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
            }
        }
    }

    /// Tokens that hardly an answer of the target's has more of; None while too few were seen.
    pub fn estimate(&self, target: &Target) -> Option<u64> {
        self.model(&target.upstream.provider, &target.model, false)?.estimate()
    }

    fn model(&self, provider: &str, model: &str, is_new: bool) -> Option<&Model> {
        let mut hasher = SipHasher13::new();
        (provider, model).hash(&mut hasher);
        let name = hasher.finish().max(1);
        let first = usize::try_from(name % MODELS as u64).unwrap_or(0);
        for step in 0..LOOKED_AT {
            let found = self.models.get((first + step) % MODELS)?;
            let known = match found.name.load(Ordering::Acquire) {
                0 if is_new => {
                    let order = (Ordering::AcqRel, Ordering::Acquire);
                    let taken = found.name.compare_exchange(0, name, order.0, order.1);
                    taken.map_or_else(|other| other, |_| name)
                }
                known => known,
            };
            if known == name {
                return Some(found);
            }
            if known == 0 {
                return None;
            }
        }
        None
    }
}

impl Model {
    fn total(&self) -> u32 {
        self.answers.iter().map(|answers| answers.load(Ordering::Relaxed)).sum()
    }

    fn estimate(&self) -> Option<u64> {
        let total = self.total();
        if total < ENOUGH {
            return None;
        }
        let wanted = u64::from(total) * u64::from(SHORTER.0);
        let mut seen = 0;
        let size = self.answers.iter().position(|answers| {
            seen += u64::from(answers.load(Ordering::Relaxed)) * u64::from(SHORTER.1);
            seen >= wanted
        });
        size.map(longest_of)
    }
}

/// The size of an answer: its power of two, and which quarter of it.
fn size_of(tokens: u64) -> usize {
    let tokens = tokens.max(1);
    let power = tokens.ilog2();
    let quarter = ((tokens - (1 << power)) * 4) >> power;
    let size = u64::from(power) * 4 + quarter;
    usize::try_from(size).unwrap_or(SIZES).min(SIZES - 1)
}

/// The longest answer of a size.
fn longest_of(size: usize) -> u64 {
    let (power, quarter) = (size / 4, size as u64 % 4);
    (1 << power) + ((quarter + 1) * (1 << power)).div_ceil(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_holds_all_that_are_of_it() {
        for tokens in (1..5000).chain([1 << 20, (1 << 24) - 1]) {
            let longest = longest_of(size_of(tokens));
            assert!(longest >= tokens, "{tokens}: {longest}");
            assert!(longest <= 2 + tokens + tokens / 3, "{tokens}: {longest}");
        }
    }

    fn learned(answers: impl IntoIterator<Item = u64>) -> Option<u64> {
        let learned = Learned::default();
        for tokens in answers {
            let model = learned.model("u", "m", true).unwrap();
            model.answers[size_of(tokens)].fetch_add(1, Ordering::Relaxed);
        }
        assert!(learned.model("u", "other", false).is_none());
        learned.model("u", "m", false)?.estimate()
    }

    #[test]
    fn nineteen_of_twenty_answers_are_no_longer() {
        assert_eq!(learned([]), None);
        assert_eq!(learned([100; 29]), None);
        for (answers, least, most) in [
            (vec![100; 30], 100, 130),
            ([vec![100; 95], vec![4000; 5]].concat(), 100, 130),
            ([vec![100; 94], vec![4000; 6]].concat(), 4000, 5400),
            ((1..=1000).collect(), 950, 1280),
        ] {
            let estimate = learned(answers).unwrap();
            assert!((least..=most).contains(&estimate), "{estimate}");
        }
    }

    #[test]
    fn there_is_room_for_so_many_models_and_no_more() {
        let learned = Learned::default();
        let known = (0..10 * MODELS).filter(|n| learned.model("u", &n.to_string(), true).is_some());
        assert!(known.count() <= MODELS);
    }
}
