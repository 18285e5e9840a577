//! Tells the crate which profile it is built with, so that no figure is taken for another build's.

use std::path::Path;

/// Cargo says only which profile another one inherits from; its folder has the name itself:
/// `target/<profile>/build/<package>/out`.
fn main() {
    println!("cargo::rerun-if-changed=rust/build.rs");
    let out = std::env::var("OUT_DIR").unwrap_or_default();
    let profile = Path::new(&out).ancestors().nth(3).and_then(Path::file_name);
    let name = profile.map_or("unknown".into(), |it| it.to_string_lossy());
    println!("cargo::rustc-env=BUILD_PROFILE={name}");
}
