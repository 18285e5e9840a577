//! What does it cost to hold and to settle what one request may use, by the number of its limits?

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use sluicegate::budget::{
    Actual, AtCap, Budgets, Calendar, Charge, Demand, Instances, Limit, Measure, Now, Period,
    Window,
};
use sluicegate::limit::Rate;

const MINUTE: u64 = 60_000_000_000;

/// As a key of a team has them: money and tokens by the calendar, requests by the minute, slots.
fn charges(count: usize) -> Vec<Charge> {
    let measures = [
        Measure::Cost,
        Measure::TotalTokens,
        Measure::Requests,
        Measure::Parallel,
        Measure::Cost,
        Measure::Cost,
        Measure::TotalTokens,
    ];
    let limits = measures.into_iter().take(count).enumerate();
    limits
        .map(|(at, measure)| {
            let window = match measure {
                Measure::Requests => Window::Sliding(Rate::new(1 << 40, MINUTE, 1 << 40).unwrap()),
                Measure::Parallel => Window::Total,
                _ => Window::Calendar(Calendar::new(Period::Day, "UTC").unwrap()),
            };
            let limit = Limit {
                name: format!("limit-{at}"),
                epoch: 0,
                measure,
                amount: 1 << 60,
                unit_pico: 1,
                window,
                at_cap: AtCap::Cut,
                notify: vec![50, 80, 100],
                instances: Instances::Given,
            };
            Charge::new(Arc::new(limit), String::new())
        })
        .collect()
}

fn budget(criterion: &mut Criterion) {
    let directory = std::env::temp_dir().join(format!("sluicegate-bench-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&directory).unwrap();
    let budgets = Budgets::open(&directory).unwrap().budgets;
    budgets.seeded().unwrap();
    let demand = Demand {
        input_tokens: 100,
        output_tokens: 4096,
        least_output_tokens: 1,
        fixed_pico: 1_000_000,
        output_pico: 2_000_000,
    };
    let actual = Actual { requests: 1, input_tokens: 80, output_tokens: 30, cost_pico: 61_000_000 };
    let mut group = criterion.benchmark_group("budget");
    for count in [1, 3, 7] {
        let charges = charges(count);
        let mut request = 0;
        group.bench_function(format!("reserve_and_settle/{count}_limits"), |bencher| {
            bencher.iter(|| {
                request += 1;
                let held =
                    budgets.reserve(request, charges.clone(), black_box(&demand), Now::read());
                let held = held.unwrap();
                budgets.mark_sent(&held);
                budgets.settle(held, black_box(&actual), Now::read()).unwrap()
            });
        });
    }
    group.finish();
    let _ = std::fs::remove_dir_all(directory);
}

criterion_group!(benches, budget);
criterion_main!(benches);
