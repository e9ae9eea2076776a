//! Every trace that a test records is what `schemas/pft.md` says.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::program;

/// The name of traces that tests damage.
pub const DAMAGED: &str = "damaged.pft";

/// Verifies all traces in a folder but damaged ones. A recording that was killed, or that could not be
/// written to its end, lacks its end and nothing else.
pub fn assert_sound(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_trace = path.extension().is_some_and(|extension| extension == "pft");
        let is_damaged = path.file_name().is_some_and(|name| name == DAMAGED);
        let begins_as_one = |bytes: Vec<u8>| bytes.len() >= 64 && bytes.starts_with(b"\x89PFT");
        if is_trace && !is_damaged && std::fs::read(&path).is_ok_and(begins_as_one) {
            assert_trace_is_sound(&path);
        }
    }
}

fn assert_trace_is_sound(trace: &Path) {
    let output =
        Command::new(program("pfreport")).args(["verify", "--json"]).arg(trace).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}: {said}", trace.display());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = document["traces"][0]["findings"].as_array().unwrap();
    let was_closed = !findings.iter().any(|finding| finding["rule"] == "closed");
    let is_end =
        |finding: &&Value| !was_closed && (finding["rule"] == "closed" || finding["rule"] == "cut");
    let broken: Vec<_> = findings.iter().filter(|finding| !is_end(finding)).collect();
    assert!(broken.is_empty(), "{}: {broken:#?}", trace.display());
}
