//! Programs of the distribution, against witnesses that know nothing of this recorder.

mod memory;
mod redis;
mod stress_ng;

use std::path::Path;

use crate::recording::is_root;

/// Whether a test that records this program can run; says why not.
fn can_record(program: &str) -> bool {
    if !is_root() {
        eprintln!("skipped: needs root, to see faults in kernel mode");
        return false;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).exists());
    // The names of these programs are those of their Debian packages.
    if !found {
        eprintln!("skipped: {program} is missing: apt-get install {program}");
    }
    found
}

/// The value of `name:` in a text of the kernel or of a program, as a number.
fn number_in(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.split_whitespace().next()?.parse().ok()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
