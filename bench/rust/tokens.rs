//! What does counting cost, for a whole prompt and for each streamed delta?

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::tokens::{StreamCounter, Vocabulary};
use std::hint::black_box;

const PROSE: &str = "The gate opens a little, and what flows through it is counted while it flows: \
    neither the client nor the provider has to wait, and nobody's bill is a surprise. In 2026 that \
    isn't too much to ask; it was, however, rarely offered.\n\n";
const CODE: &str = "fn settle(&mut self, end: usize) -> Option<u64> {\n    let head = self.tail.get(..end)?;\n    \
    self.settled += count(head) as u64;\n    Some(self.settled)\n}\n\n";
const CHINESE: &str =
    "水闸慢慢打开，流过的每一滴水都会被计算；客户和供应商都不必等待，账单也不会让人吃惊。";

fn whole(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("count");
    for vocabulary in [Vocabulary::O200kBase, Vocabulary::Cl100kBase] {
        vocabulary.load();
        for (name, text, bytes) in [
            ("prose", PROSE, 2 << 10),
            ("prose", PROSE, 32 << 10),
            ("code", CODE, 16 << 10),
            ("chinese", CHINESE, 5 << 10),
        ] {
            let text = text.repeat(bytes / text.len());
            group.throughput(Throughput::Elements(vocabulary.count(&text) as u64));
            group.bench_function(format!("{} {name} {bytes} B", vocabulary.name()), |bencher| {
                bencher.iter(|| vocabulary.count(black_box(&text)));
            });
        }
    }
    group.finish();
}

fn deltas(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("stream");
    for (name, text) in [("prose", PROSE), ("code", CODE), ("chinese", CHINESE)] {
        let characters: Vec<char> = text.chars().collect();
        let pieces: Vec<String> =
            characters.chunks(4).map(|piece| piece.iter().collect()).collect();
        group.throughput(Throughput::Elements(pieces.len() as u64));
        group.bench_function(format!("push 4 characters of {name}"), |bencher| {
            bencher.iter_batched_ref(
                || StreamCounter::new(Vocabulary::O200kBase),
                |counter| pieces.iter().for_each(|piece| counter.push(black_box(piece))),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, whole, deltas);
criterion_main!(benches);
