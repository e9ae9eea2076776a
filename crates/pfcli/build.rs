//! Finds out which commit is built, for `--version` and for the traces that this build records.
//!
//! Nothing depends on it: outside of a checkout (an archive of the source, a package of a registry) the
//! version has no commit.

use std::path::Path;
use std::process::Command;

/// What git prints, of a command that succeeds.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}

/// The commit, and a note where the files are not those of the commit.
fn commit() -> Option<String> {
    // Not that of a repository that happens to be above the source.
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo::rerun-if-changed={log}");
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    // A build for development would run this for each edit, and build both programs anew.
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return Some(commit);
    }
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    println!("cargo::rerun-if-changed=..");
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}, modified") })
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let version = env!("CARGO_PKG_VERSION");
    let Some(commit) = commit() else {
        println!("cargo::rustc-env=PFT_VERSION={version}");
        return;
    };
    println!("cargo::rustc-env=PFT_VERSION={version} ({commit})");
    println!("cargo::rustc-env=PFT_COMMIT={commit}");
}
