//! What a scrape reads.
//!
//! Source: Prometheus, "Exposition formats", text format 0.0.4; `OpenMetrics` 1.0.

use std::fmt::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::board::{Board, DRAINED_MS, Entry, RELOAD_FAILED};
use super::bounds::{Bounds, Scale};
use super::family::{Family, Kind};
use super::seat::{self, Component, Health, Holding};
use crate::observe::process;
use crate::price::dollars;

/// Which of the two texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposition {
    /// `text/plain; version=0.0.4`.
    Prometheus,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
}

/// All metrics of a host. Reads `/proc` and the journal's directory: not for a thread that serves.
pub fn render(board: &Board, journal_dir: Option<&Path>, exposition: Exposition) -> String {
    let mut page = Page { out: String::with_capacity(1 << 16), exposition };
    page.counted(board);
    let health = seat::health(board);
    page.state(board, &health);
    page.holdings(&health);
    if let Some(directory) = journal_dir {
        page.journal(directory);
    }
    page.processes(board);
    if exposition == Exposition::OpenMetrics {
        page.out.push_str("# EOF\n");
    }
    page.out
}

struct Page {
    out: String,
    exposition: Exposition,
}

impl Page {
    fn counted(&mut self, board: &Board) {
        let mut entries: Vec<Vec<Entry>> = Family::ALL.iter().map(|_| Vec::new()).collect();
        for entry in board.entries() {
            if let Some(of_family) = entries.get_mut(entry.family as usize) {
                of_family.push(entry);
            }
        }
        for (family, entries) in Family::ALL.iter().zip(entries) {
            let spec = family.spec();
            self.head(spec.name, spec.kind.name(), spec.help);
            for entry in entries {
                self.series(board, spec.name, spec.kind, &entry);
            }
        }
    }

    fn series(&mut self, board: &Board, name: &str, kind: Kind, entry: &Entry) {
        let Entry { at, labels, .. } = entry;
        match kind {
            Kind::Counter => self.total(name, labels, board.sum(*at)),
            Kind::Money => {
                let pico = u128::from(board.sum(*at)) * 1000 + u128::from(board.sum(*at + 1));
                self.total(name, labels, dollars(i128::try_from(pico).unwrap_or(i128::MAX)));
            }
            Kind::Histogram(bounds) => self.histogram(board, name, bounds, *at, labels),
        }
    }

    fn histogram(&mut self, board: &Board, name: &str, bounds: &Bounds, at: usize, labels: &str) {
        let mut count = 0;
        for (bucket, le) in bounds.le.iter().chain(&["+Inf"]).enumerate() {
            count += board.sum(at + bucket);
            let comma = if labels.is_empty() { "" } else { "," };
            let _ = writeln!(self.out, "{name}_bucket{{{labels}{comma}le=\"{le}\"}} {count}");
        }
        let sum = board.sum(at + bounds.sum());
        let sum = match bounds.scale {
            Scale::Whole => sum.to_string(),
            Scale::Seconds => seconds(sum, 9),
        };
        self.sample(&format!("{name}_sum"), labels, sum);
        self.sample(&format!("{name}_count"), labels, count);
    }

    /// What is true now.
    fn state(&mut self, board: &Board, health: &Health) {
        self.gauge("sluicegate_active_requests", "Admitted requests that are not over.");
        self.sample("sluicegate_active_requests", "", health.active);
        self.gauge("sluicegate_workers", "Worker processes that live.");
        self.sample("sluicegate_workers", "", health.workers);
        self.gauge("sluicegate_draining_workers", "Workers that take no new requests.");
        self.sample("sluicegate_draining_workers", "", health.draining);
        self.gauge("sluicegate_component_up", "0 where a worker cannot use the component.");
        for (component, troubled) in Component::ALL.into_iter().zip(health.troubled) {
            let labels = format!("component=\"{}\"", component.name());
            self.sample("sluicegate_component_up", &labels, u8::from(troubled == 0));
        }
        let age = "Seconds since the ledger last had all that was journalled.";
        self.gauge("sluicegate_ledger_age_seconds", age);
        let drained_ms = board.get(DRAINED_MS);
        if drained_ms != 0 {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            let age = seconds(now_ms.saturating_sub(drained_ms), 3);
            self.sample("sluicegate_ledger_age_seconds", "", age);
        }
        let reload = "0 where the last reading of the configuration failed and an older one holds.";
        self.gauge("sluicegate_config_last_reload_successful", reload);
        let is_good = u8::from(board.get(RELOAD_FAILED) == 0);
        self.sample("sluicegate_config_last_reload_successful", "", is_good);
        self.gauge("sluicegate_metric_series", "Series that are counted; at most 8192.");
        self.sample("sluicegate_metric_series", "", board.len());
        self.gauge("sluicegate_build_info", "1; its labels say which build this is.");
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        let labels = format!("version=\"{}\",profile=\"{profile}\"", env!("CARGO_PKG_VERSION"));
        self.sample("sluicegate_build_info", &labels, 1);
    }

    fn holdings(&mut self, health: &Health) {
        for (holding, count) in Holding::ALL.into_iter().zip(health.holds) {
            let (name, help) = holding.gauge();
            self.gauge(name, help);
            self.sample(name, "", count);
        }
    }

    fn journal(&mut self, directory: &Path) {
        let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let segments = files.filter(|file| file.path().extension().is_some_and(|e| e == "seg"));
        let (mut count, mut bytes) = (0, 0);
        for segment in segments {
            count += 1;
            bytes += segment.metadata().map_or(0, |metadata| metadata.len());
        }
        self.gauge("sluicegate_journal_segments", "Files of the journal that are not drained yet.");
        self.sample("sluicegate_journal_segments", "", count);
        self.gauge(
            "sluicegate_journal_bytes",
            "Bytes of these files, which are made at full size.",
        );
        self.sample("sluicegate_journal_bytes", "", bytes);
    }

    fn processes(&mut self, board: &Board) {
        let living = seat::living(board);
        let usages: Vec<_> = living
            .filter_map(|(number, owner)| {
                Some((format!("worker=\"{number}\""), process::usage(owner.0 >> 32)?))
            })
            .collect();
        self.head("process_cpu_seconds", "counter", "Processor time of each worker.");
        for (labels, usage) in &usages {
            self.total("process_cpu_seconds", labels, seconds(usage.cpu_ms, 3));
        }
        for (name, help, value) in GAUGES {
            self.gauge(name, help);
            for (labels, usage) in &usages {
                self.sample(name, labels, value(usage));
            }
        }
    }

    fn gauge(&mut self, name: &str, help: &str) {
        self.head(name, "gauge", help);
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let is_total = kind == "counter" && self.exposition == Exposition::Prometheus;
        let total = if is_total { "_total" } else { "" };
        let _ = writeln!(self.out, "# HELP {name}{total} {help}\n# TYPE {name}{total} {kind}");
    }

    fn total(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        self.sample(&format!("{name}_total"), labels, value);
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        // Writing into memory cannot fail.
        let _ = if labels.is_empty() {
            writeln!(self.out, "{name} {value}")
        } else {
            writeln!(self.out, "{name}{{{labels}}} {value}")
        };
    }
}

type Figure = fn(&process::Usage) -> String;

const GAUGES: [(&str, &str, Figure); 4] = [
    (
        "process_resident_memory_bytes",
        "Memory of each worker; what workers share is in each.",
        |usage| usage.resident_bytes.to_string(),
    ),
    ("process_open_fds", "Files and connections of each worker.", |usage| {
        usage.open_fds.to_string()
    }),
    ("process_max_fds", "How many it may have.", |usage| usage.max_fds.to_string()),
    ("process_start_time_seconds", "When each worker began, since 1970.", |usage| {
        seconds(usage.started_ms, 3)
    }),
];

/// A count of parts of a second, `10^-places` each, as seconds.
fn seconds(parts: u64, places: u32) -> String {
    let in_one = 10_u64.pow(places);
    let (whole, rest) = (parts / in_one, parts % in_one);
    let text = format!("{whole}.{rest:0width$}", width = places as usize);
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}
