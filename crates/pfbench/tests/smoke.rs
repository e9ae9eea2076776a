//! Every measurement runs, and what it writes can be read. No figure is looked at.

use std::process::Command;

use serde_json::Value;

/// The programs that are measured are built with the workspace: `cargo build --workspace`.
#[test]
fn a_hundredth_of_everything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let [json, markdown, picture] =
        ["figures.json", "figures.md", "cost.svg"].map(|name| folder.path().join(name));
    let mut bench = Command::new(env!("CARGO_BIN_EXE_pfbench"));
    bench.args(["--smoke", "--runs", "1"]).arg("--dir").arg(env!("CARGO_TARGET_TMPDIR"));
    bench.arg("--json").arg(&json).arg("--markdown").arg(&markdown).arg("--picture").arg(&picture);
    let output = bench.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);

    let figures: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    let names = |list: &str, name: &str| -> Vec<String> {
        let all = figures[list].as_array().unwrap().iter();
        all.map(|item| item[name].as_str().unwrap().to_owned()).collect()
    };
    let (titles, goals) = (names("tables", "title"), names("goals", "what"));
    for begin in
        ["Cost", "What the kernel", "Loss", "The recorder", "Size", "Reports", "Windows", "Growth"]
    {
        assert!(titles.iter().any(|title| title.starts_with(begin)), "{begin} in {titles:?}");
    }
    // Those of pfrecord and pfreport alone can be measured everywhere.
    for goal in figures["goals"].as_array().unwrap() {
        let is_alone = !goal["unit"].as_str().unwrap().starts_with("times pf");
        assert!(!is_alone || goal["is_met"].is_boolean(), "{goal}");
    }
    assert!(std::fs::read_to_string(markdown).unwrap().contains(&titles[0]));
    let picture = std::fs::read_to_string(picture).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("pfrecord -g"), "{picture:.200}");
    assert!(goals.len() > 20, "{goals:?}");
}
