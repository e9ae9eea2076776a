//! The package of fuzzers, which is not built here.

use pffuzz::TARGETS;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");

/// A target that is never fuzzed, or a fuzzer without a target, is found here.
#[test]
fn each_target_has_a_fuzzer() {
    let manifest = std::fs::read_to_string(format!("{FOLDER}/Cargo.toml")).unwrap();
    let paths = manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
    let mut fuzzers: Vec<&str> = paths.filter_map(|path| path.strip_suffix(".rs\"")).collect();
    let mut targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    fuzzers.sort_unstable();
    targets.sort_unstable();
    assert_eq!(fuzzers, targets);
    for target in targets {
        let path = format!("{FOLDER}/fuzz_targets/{target}.rs");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("pffuzz::run(\"{target}\", bytes)")), "{path}");
    }
}
