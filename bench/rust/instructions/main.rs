//! Did the core get slower? Instructions are counted, so that no other load can hide it.
//!
//!     cargo bench --profile ci --bench instructions              # compare; fails beyond 10 %
//!     cargo bench --profile ci --bench instructions -- --record  # keep what is counted as the new bar
//!
//! Each piece of work runs under valgrind in a process of its own, N times and 2N times; the
//! difference by N is one time, without start and warm-up. Counts belong to a build profile and to a
//! compiler; they are kept in `bench/results/instructions.json`, and another compiler's are compared
//! with less rigour. Where there is no valgrind nothing is counted, and that is said.

mod count;
mod gate;
mod kept;
mod work;

use std::collections::BTreeMap;
use std::process::ExitCode;

use count::{Counted, instructions_of_one};
use kept::Kept;

/// The same compiler counts the same within a hundredth; this is what nobody should lose unseen.
const TOLERANCE_PERCENT: u64 = 10;
/// What another compiler may choose to do differently.
const OTHER_COMPILER_PERCENT: u64 = 30;

/// What one work takes more than another: beside the scan of a body nobody would see what its limits cost.
const DIFFERENCES: [(&str, &str, &str); 1] =
    [("govern_32_kb", "admit_32_kb_governed", "admit_32_kb")];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["work", name, times] = arguments[..] {
        return match times.parse() {
            Ok(times) if work::run(name, times) => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        };
    }
    let profile = kept::profile_of(&std::env::current_exe().expect("a path of this program"));
    compare(&profile, arguments.contains(&"--record"))
}

/// Counts all work; then keeps it, or holds it against what was kept.
fn compare(profile: &str, record: bool) -> ExitCode {
    let mut counts = BTreeMap::new();
    for name in work::NAMES {
        match instructions_of_one(name) {
            Counted::Instructions(now) => counts.insert(name.to_owned(), now),
            Counted::NoValgrind => {
                println!(
                    "*** no valgrind: instructions NOT counted (apt-get install valgrind) ***"
                );
                return ExitCode::SUCCESS;
            }
            Counted::Failed(said) => {
                eprintln!("{name}: {said}");
                return ExitCode::FAILURE;
            }
        };
    }
    for (name, more, less) in DIFFERENCES {
        if let (Some(more), Some(less)) = (counts.get(more).copied(), counts.get(less).copied()) {
            counts.insert(name.to_owned(), more.saturating_sub(less));
        }
    }
    let kept = Kept::read();
    let slower = slower(&kept, profile, &counts);
    if record {
        kept.write(profile, counts);
    } else if !slower.is_empty() {
        eprintln!("slower than what is kept: {}", slower.join(", "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Prints each count beside the kept one; the names of those beyond the tolerance.
fn slower(kept: &Kept, profile: &str, counts: &BTreeMap<String, u64>) -> Vec<String> {
    let rustc = kept::rustc();
    let is_same = kept.rustc(profile).is_none_or(|it| it == rustc);
    let tolerance_percent = if is_same { TOLERANCE_PERCENT } else { OTHER_COMPILER_PERCENT };
    println!("profile {profile}, {rustc}, at most {tolerance_percent} % more than kept");
    println!("{:<32}{:>12}{:>12}", "instructions", "now", "kept");
    let mut slower = Vec::new();
    for (name, &now) in counts {
        let before = kept.get(profile, name);
        let shown = before.map_or_else(|| "-".to_owned(), |it| it.to_string());
        println!("{name:<32}{now:>12}{shown:>12}  {}", change(before, now));
        if before.is_some_and(|it| now * 100 > it * (100 + tolerance_percent)) {
            slower.push(name.clone());
        }
    }
    slower
}

/// What became of it, in percent.
fn change(before: Option<u64>, now: u64) -> String {
    match before {
        None => "not kept for this profile".to_owned(),
        Some(before) if now >= before => format!("+{} %", (now - before) * 100 / before.max(1)),
        Some(before) => format!("-{} %", (before - now) * 100 / before.max(1)),
    }
}
