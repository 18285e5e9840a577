//! How many instructions one time of some work takes, by callgrind.

use std::process::Command;

/// What became of counting.
pub enum Counted {
    /// Of one time.
    Instructions(u64),
    /// It is not installed.
    NoValgrind,
    /// What it said.
    Failed(String),
}

/// Maps are seeded anew in each process, and an unlucky seed costs some percent: the least of these is taken.
const REPETITIONS: usize = 5;

/// A run twice as long differs from a run by what the work itself takes.
pub fn instructions_of_one(name: &str) -> Counted {
    let times = crate::work::times(name);
    let (once, twice) = std::thread::scope(|scope| {
        let once = scope.spawn(|| least(name, times));
        let twice = least(name, 2 * times);
        (once.join().expect("a count"), twice)
    });
    match (once, twice) {
        (Counted::Instructions(once), Counted::Instructions(twice)) => {
            Counted::Instructions(twice.saturating_sub(once) / times)
        }
        (Counted::Instructions(_), other) | (other, _) => other,
    }
}

fn least(name: &str, times: u64) -> Counted {
    let mut least = u64::MAX;
    for _ in 0..REPETITIONS {
        match under_callgrind(name, times) {
            Counted::Instructions(now) => least = least.min(now),
            other => return other,
        }
    }
    Counted::Instructions(least)
}

fn under_callgrind(name: &str, times: u64) -> Counted {
    let program = std::env::current_exe().expect("a path of this program");
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["work", name, &times.to_string()])
        .output();
    let Ok(output) = run else { return Counted::NoValgrind };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    match collected(&said) {
        Some(instructions) if output.status.success() => Counted::Instructions(instructions),
        _ => Counted::Failed(said),
    }
}

/// `==123== Collected : 45678`.
fn collected(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}
