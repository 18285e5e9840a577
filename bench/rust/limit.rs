//! What does one decision cost, with few keys and with many?

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use sluicegate::limit::{Bucket, Rate, Shards, Table};

const MINUTE: u64 = 60_000_000_000;

fn limit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("limit");
    let rate = Rate::new(100_000, MINUTE, 100_000).unwrap();
    let mut now_ns = 0;
    let mut bucket = Bucket::new(rate);
    group.bench_function("bucket", |bencher| {
        bencher.iter(|| {
            now_ns += 1_000_000;
            bucket.take(black_box(2), now_ns)
        });
    });

    // A key in the cache, as it is when it was just read from a request; its bucket is where it is.
    for (name, keys) in
        [("table/100_keys", 100_u64), ("table/100000_keys", 100_000), ("table/evicting", 400_000)]
    {
        let mut table = Table::new(100_000);
        let shards = Shards::new(100_000);
        let mut at = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                at = (at + 7919) % keys;
                now_ns += 100;
                table.take(&at.to_le_bytes(), black_box(&rate), 200, now_ns)
            });
        });
        group.bench_function(format!("{name}/shards"), |bencher| {
            bencher.iter(|| {
                at = (at + 7919) % keys;
                now_ns += 100;
                shards.take(&at.to_le_bytes(), black_box(&rate), 200, now_ns)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, limit);
criterion_main!(benches);
