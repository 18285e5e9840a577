//! What does recording one attempt cost the request path?
//!
//! Baseline of the same run: one positioned write of the same bytes into the same kind of file.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sluicegate::journal::{Journal, Options, RecordId};
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Attempts per journal: some 40 MB, so that making segments is part of the figure.
const ATTEMPTS: u64 = 32_000;
const INTENT: [u8; 500] = [b'i'; 500];
const SETTLEMENT: [u8; 550] = [b's'; 550];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-journal-{}", std::process::id()))
}

fn id(number: u64) -> RecordId {
    RecordId { request_id: u128::from(number).to_be_bytes(), attempt: 1 }
}

/// Times `attempt` over as many fresh journals as `iterations` need.
fn journals(iterations: u64, attempt: impl Fn(&mut Journal, RecordId)) -> Duration {
    let (dir, mut spent, mut left) = (directory(), Duration::ZERO, iterations);
    while left > 0 {
        let mut journal = Journal::open(&dir, Options::default()).expect("a journal");
        let attempts = left.min(ATTEMPTS);
        let start = Instant::now();
        for number in 0..attempts {
            attempt(&mut journal, id(number));
        }
        spent += start.elapsed();
        left -= attempts;
        drop(journal);
        std::fs::remove_dir_all(&dir).expect("to remove the journal");
    }
    spent
}

fn attempts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journal");
    group.throughput(Throughput::Elements(1));
    group.bench_function("intent, sent, settle", |bencher| {
        bencher.iter_custom(|iterations| {
            journals(iterations, |journal, id| {
                journal.intent(id, &INTENT).expect("room");
                journal.sent(id).expect("room");
                journal.settle(id, &SETTLEMENT).expect("room");
            })
        });
    });
    group.bench_function("intent sent at once, settle", |bencher| {
        bencher.iter_custom(|iterations| {
            journals(iterations, |journal, id| {
                journal.intent_sent(id, &INTENT).expect("room");
                journal.settle(id, &SETTLEMENT).expect("room");
            })
        });
    });
    group.bench_function("baseline: one bare write of 1,146 bytes", |bencher| {
        let path = directory().with_extension("bare");
        let file = std::fs::File::create(&path).expect("a file");
        let bytes = [b'x'; 1146];
        let mut offset = 0;
        bencher.iter(|| {
            file.write_all_at(black_box(&bytes), offset).expect("room");
            offset = (offset + 1146) % (8 << 20);
        });
        std::fs::remove_file(&path).expect("to remove the file");
    });
    group.finish();
}

criterion_group!(benches, attempts);
criterion_main!(benches);
