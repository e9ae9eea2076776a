//! Inputs that are kept in `testdata`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use pffuzz::Target;

/// One input.
pub struct Input {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// The corpus of a target and the cases that were found with it, in the order of their names.
pub fn inputs(target: &Target) -> Vec<Input> {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let mut paths: Vec<PathBuf> = ["corpora", "cases"]
        .into_iter()
        .filter_map(|kept| testdata.join(kept).join(target.name).read_dir().ok())
        .flat_map(|folder| folder.map(|entry| entry.unwrap().path()))
        .collect();
    paths.sort();
    let read = |path: PathBuf| Input { bytes: std::fs::read(&path).unwrap(), path };
    paths.into_iter().map(read).collect()
}

/// Runs a target; a broken promise names the input.
pub fn run(target: &Target, bytes: &[u8], name: impl Fn() -> String) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).is_err() {
        panic!("{} does not hold for {}", target.name, name());
    }
}
