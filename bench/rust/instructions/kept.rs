//! The counts that were kept: one JSON object, by profile, then by work.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One profile's.
#[derive(serde::Serialize, serde::Deserialize)]
struct Profile {
    rustc: String,
    instructions: BTreeMap<String, u64>,
}

/// All that is kept.
pub struct Kept(BTreeMap<String, Profile>);

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/results/instructions.json")
}

/// `target/ci/deps/instructions-0123` was built by the profile `ci`.
pub fn profile_of(program: &Path) -> String {
    let folder = program.parent().and_then(Path::parent).and_then(Path::file_name);
    folder.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

/// The compiler's version.
pub fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(
        |_| "an unknown compiler".to_owned(),
        |it| String::from_utf8_lossy(&it.stdout).trim().to_owned(),
    )
}

impl Kept {
    /// From the file; nothing where there is none.
    pub fn read() -> Self {
        let text = std::fs::read_to_string(path()).unwrap_or_default();
        Self(serde_json::from_str(&text).unwrap_or_default())
    }

    /// The compiler that a profile's counts are of.
    pub fn rustc(&self, profile: &str) -> Option<&str> {
        self.0.get(profile).map(|it| it.rustc.as_str())
    }

    /// What one time of this work took.
    pub fn get(&self, profile: &str, name: &str) -> Option<u64> {
        self.0.get(profile)?.instructions.get(name).copied()
    }

    /// Puts a profile's counts in the place of those that were, with the compiler that they are of.
    pub fn write(mut self, profile: &str, instructions: BTreeMap<String, u64>) {
        self.0.insert(profile.to_owned(), Profile { rustc: rustc(), instructions });
        let text = serde_json::to_string_pretty(&self.0).expect("integers and names");
        std::fs::write(path(), text + "\n").expect("to write what was counted");
    }
}
