//! How limits stand, as `OpenAI`'s clients read it.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::budget::{Denied, Limit, Measure, Standing};

/// `x-ratelimit-*` of the limits with the smallest part left: one on requests and one on tokens.
pub(super) fn of_standings(
    standings: impl Iterator<Item = Standing>,
) -> Vec<(&'static str, String)> {
    let (mut requests, mut tokens, mut budget) = (None, None, None);
    let mut runs = RunsLeft::default();
    for standing in standings {
        if is_of_runs(&standing.limit) {
            runs.add(&standing.limit, standing.remaining);
            continue;
        }
        let tightest = match standing.limit.measure {
            Measure::Requests => &mut requests,
            Measure::InputTokens | Measure::OutputTokens | Measure::TotalTokens => &mut tokens,
            Measure::Cost => &mut budget,
            Measure::Parallel => continue,
        };
        if tightest.as_ref().is_none_or(|known: &Standing| is_tighter(&standing, known)) {
            *tightest = Some(standing);
        }
    }
    let mut headers = Vec::new();
    for standing in [requests, tokens, budget].into_iter().flatten() {
        write(&standing.limit, standing.remaining, standing.reset_ns, &mut headers);
    }
    runs.write(&mut headers);
    headers
}

/// What is left of each limit of runs: of a run and those above it, the least.
#[derive(Default)]
pub(super) struct RunsLeft(Vec<(Arc<Limit>, u64)>);

impl RunsLeft {
    pub fn add(&mut self, limit: &Arc<Limit>, remaining: u64) {
        match self.0.iter_mut().find(|(known, _)| known.name == limit.name) {
            Some((_, least)) => *least = remaining.min(*least),
            None => self.0.push((limit.clone(), remaining)),
        }
    }

    pub fn write(self, headers: &mut Vec<(&'static str, String)>) {
        headers.extend(self.0.iter().map(|(limit, left)| of_run_limit(limit, *left)));
    }
}

/// The names of the limits that the configuration's `runs` stands for.
const RUN_LIMITS: [&str; 3] = ["run:cost", "run:tokens", "run:steps"];

/// Whether a limit is one of those that bind each run.
pub(super) fn is_of_runs(limit: &Limit) -> bool {
    RUN_LIMITS.contains(&limit.name.as_str())
}

/// What is left of a limit of runs.
fn of_run_limit(limit: &Limit, remaining: u64) -> (&'static str, String) {
    match limit.measure {
        Measure::Cost => ("x-sluicegate-run-remaining-usd", limit.usd(remaining)),
        Measure::Requests => ("x-sluicegate-run-remaining-steps", remaining.to_string()),
        _ => ("x-sluicegate-run-remaining-tokens", remaining.to_string()),
    }
}

/// Which run it is about, as far as a header can say it.
pub(super) fn of_run(run: &str, headers: &mut Vec<(&'static str, String)>) {
    if run.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        headers.push(("x-sluicegate-run", run.to_owned()));
    }
}

/// A text that names tools of a client's, as a header can say it.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).take(512).collect()
}

pub(super) fn of_denied(denied: &Denied, headers: &mut Vec<(&'static str, String)>) {
    if is_of_runs(&denied.limit) {
        return; // told with the run
    }
    write(&denied.limit, denied.remaining, denied.wait_ns, headers);
}

fn is_tighter(one: &Standing, other: &Standing) -> bool {
    let part = |s: &Standing, of: &Standing| u128::from(s.remaining) * u128::from(of.limit.amount);
    part(one, other) < part(other, one)
}

fn write(
    limit: &Arc<Limit>,
    remaining: u64,
    reset_ns: u64,
    headers: &mut Vec<(&'static str, String)>,
) {
    let [amount_name, remaining_name, reset_name] = match limit.measure {
        Measure::Requests => [
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ],
        Measure::InputTokens | Measure::OutputTokens | Measure::TotalTokens => {
            ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"]
        }
        Measure::Cost => {
            headers.push(("x-sluicegate-budget-usd", limit.usd(limit.amount)));
            headers.push(("x-sluicegate-budget-remaining-usd", limit.usd(remaining)));
            return;
        }
        Measure::Parallel => return,
    };
    headers.push((amount_name, limit.amount.to_string()));
    headers.push((remaining_name, remaining.to_string()));
    if reset_ns != u64::MAX {
        headers.push((reset_name, duration(reset_ns)));
    }
}

/// As `OpenAI` writes durations: `1h2m3s`, `1.5s`, `20ms`.
fn duration(ns: u64) -> String {
    let ms = ns.div_ceil(1_000_000);
    if ms < 1000 {
        return format!("{ms}ms");
    }
    let (hours, minutes, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms % 60_000);
    let mut text = String::new();
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if hours > 0 || minutes > 0 {
        let _ = write!(text, "{minutes}m");
    }
    let (seconds, rest) = (ms / 1000, ms % 1000);
    if rest == 0 {
        let _ = write!(text, "{seconds}s");
    } else {
        text.push_str(format!("{seconds}.{rest:03}").trim_end_matches('0'));
        text.push('s');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_written_as_openai_does() {
        for (ns, text) in [
            (0, "0ms"),
            (1, "1ms"),
            (20_000_000, "20ms"),
            (1_500_000_000, "1.5s"),
            (60_000_000_000, "1m0s"),
            (3_723_000_000_000, "1h2m3s"),
        ] {
            assert_eq!(duration(ns), text);
        }
    }
}
