//! The index of vectors, beside a search that looks at all of them.

use std::collections::HashMap;

use proptest::prelude::*;
use sluicegate::similarity::{Capacity, FLAT_AT_MOST, Hit, Index};

/// Numbers that look like chance, the same in each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound).unwrap()).unwrap()
    }

    /// Between -1 and 1.
    fn float(&mut self) -> f32 {
        f32::from(i16::from_le_bytes(self.next().to_le_bytes()[..2].try_into().unwrap())) / 32768.0
    }

    fn vector(&mut self, dimensions: usize) -> Vec<f32> {
        (0..dimensions).map(|_| self.float()).collect()
    }

    /// One of many that lie around some centres, as texts on the same matters do.
    fn around(&mut self, centres: &[Vec<f32>]) -> Vec<f32> {
        let centre = &centres[self.below(centres.len())];
        centre.iter().map(|value| value + 0.4 * self.float()).collect()
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// All that is in a scope, looked at one by one.
#[derive(Default)]
struct Plain(HashMap<u64, (u128, Vec<f32>)>);

impl Plain {
    fn nearest(&self, scope: u128, question: &[f32], most: usize) -> Vec<(u64, f32)> {
        let in_scope = self.0.iter().filter(|(_, (of, _))| *of == scope);
        let mut all: Vec<(u64, f32)> =
            in_scope.map(|(&id, (_, vector))| (id, cosine(question, vector))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all.truncate(most);
        all
    }
}

fn index(dimensions: usize, entries: usize) -> Index {
    Index::new(Capacity { dimensions, entries })
}

fn found(hits: &[Hit], exact: &[(u64, f32)]) -> usize {
    exact.iter().filter(|(id, _)| hits.iter().any(|hit| hit.id == *id)).count()
}

#[derive(Debug, Clone)]
enum Act {
    Insert(u8, u8),
    Remove(u8),
    Search(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (any::<u8>(), 0..3_u8).prop_map(|(id, scope)| Act::Insert(id, scope)),
        any::<u8>().prop_map(Act::Remove),
        (0..4_u8).prop_map(Act::Search),
    ]
}

proptest! {
    /// Whatever is inserted, replaced, moved to another scope and removed: few vectors are found as by looking at all.
    #[test]
    fn as_by_looking_at_all(acts in prop::collection::vec(act(), 1..200), seed in 1..u64::MAX) {
        let (mut chance, mut plain, mut index) = (Chance(seed), Plain::default(), index(12, 1000));
        for act in acts {
            match act {
                Act::Insert(id, scope) => {
                    let (vector, mut gone) = (chance.vector(12), Vec::new());
                    prop_assert!(index.insert(scope.into(), id.into(), &vector, &mut gone));
                    prop_assert!(gone.is_empty());
                    plain.0.insert(id.into(), (scope.into(), vector));
                }
                Act::Remove(id) => {
                    let was = plain.0.remove(&id.into()).is_some();
                    prop_assert_eq!(index.remove(id.into()), was);
                }
                Act::Search(scope) => {
                    let question = chance.vector(12);
                    let hits = index.search(scope.into(), &question, 3);
                    let exact = plain.nearest(scope.into(), &question, 3);
                    prop_assert_eq!(hits.len(), exact.len());
                    for (hit, (_, similarity)) in hits.iter().zip(&exact) {
                        prop_assert!((hit.similarity - similarity).abs() < 1e-4);
                    }
                }
            }
            prop_assert_eq!(index.len(), plain.0.len());
        }
    }
}

/// A graph that nine of ten of its vectors left and came into ten times over finds what a new one finds.
#[test]
fn recall_after_ten_turnovers() {
    const DIMENSIONS: usize = 48;
    let entries = FLAT_AT_MOST + 1000;
    let mut chance = Chance(11);
    let centres: Vec<Vec<f32>> = (0..100).map(|_| chance.vector(DIMENSIONS)).collect();
    let (mut plain, mut index) = (Plain::default(), index(DIMENSIONS, 2 * entries));
    let mut ids: Vec<u64> = Vec::new();
    for id in 0..u64::try_from(11 * entries).unwrap() {
        if ids.len() == entries {
            let gone = ids.swap_remove(chance.below(ids.len()));
            assert!(index.remove(gone));
            plain.0.remove(&gone);
        }
        let vector = chance.around(&centres);
        assert!(index.insert(1, id, &vector, &mut Vec::new()));
        plain.0.insert(id, (1, vector));
        ids.push(id);
    }
    let (mut first, mut ten) = (0, 0);
    for _ in 0..200 {
        let question = chance.around(&centres);
        let exact = plain.nearest(1, &question, 10);
        let hits = index.search(1, &question, 10);
        first += found(&hits[..1], &exact[..1]);
        ten += found(&hits, &exact);
    }
    assert!(ten >= 1900, "recall@10 is {ten} of 2000");
    assert!(first >= 196, "recall@1 is {first} of 200");
    // And each is still found by itself.
    let lost = plain.0.iter().filter(|(id, (_, vector))| index.search(1, vector, 1)[0].id != **id);
    assert!(lost.count() <= entries / 200);
}

/// The oldest makes room, and is told of.
#[test]
fn the_oldest_makes_room() {
    let (mut chance, mut index, mut gone) = (Chance(3), index(8, 3), Vec::new());
    for id in [1, 2, 3, 1, 4, 5] {
        assert!(index.insert(7, id, &chance.vector(8), &mut gone));
    }
    assert_eq!(gone, [2, 3], "1 came again, behind 3");
    assert_eq!(index.len(), 3);
}

/// A scope that shrinks and grows over the border between scan and graph goes on finding.
#[test]
fn over_the_border_and_back() {
    let (mut chance, mut index) = (Chance(5), index(16, 10_000));
    let mut vectors = HashMap::new();
    let most = u64::try_from(FLAT_AT_MOST).unwrap() + 300;
    for round in 0..2 {
        for id in 0..most {
            let vector = chance.vector(16);
            assert!(index.insert(1, id, &vector, &mut Vec::new()));
            vectors.insert(id, vector);
        }
        for id in most / 4..most {
            assert!(index.remove(id), "round {round}");
        }
        for id in 0..most / 4 {
            assert_eq!(index.search(1, &vectors[&id], 1)[0].id, id);
        }
    }
}

/// An entry with links and ids takes little more than its floats would alone, however many there are.
#[test]
fn what_an_entry_takes() {
    const DIMENSIONS: usize = 384;
    let (mut chance, mut index) = (Chance(7), index(DIMENSIONS, 10_000));
    for entries in [100_u64, 2100, 5000] {
        for id in u64::try_from(index.len()).unwrap()..entries {
            assert!(index.insert(1, id, &chance.vector(DIMENSIONS), &mut Vec::new()));
        }
        let each = index.bytes() / index.len();
        assert!(each <= 1800, "{each} bytes each of {entries}");
    }
}

#[test]
fn what_has_no_direction_is_no_vector() {
    let (mut index, mut gone) = (index(2, 10), Vec::new());
    for bad in [&[0.0, 0.0][..], &[f32::NAN, 1.0], &[f32::INFINITY, 1.0], &[1.0], &[1.0, 2.0, 3.0]]
    {
        assert!(!index.insert(1, 1, bad, &mut gone));
        assert!(index.search(1, bad, 1).is_empty());
    }
    assert!(index.is_empty());
    assert!(index.insert(1, 1, &[3.0, 4.0], &mut gone));
    assert!((index.search(1, &[6.0, 8.0], 1)[0].similarity - 1.0).abs() < 1e-6);
    assert!(index.search(2, &[6.0, 8.0], 1).is_empty(), "another scope");
    assert!(index.bytes() > 0);
}
