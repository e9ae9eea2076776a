//! Tables and the summary for other programs.

use std::fs;
use std::path::Path;

use pft::FrameKind;

use crate::scene::{Scene, assert_harmless, program, text};

const OPTIONS: [&str; 5] = ["csv", "jsonl", "parquet", "arrow", "json"];

/// What a file of each format begins with.
const BEGINNINGS: [&[u8]; 5] =
    [b"trace,phase,", b"{\"trace\":\"run.pft\",", b"PAR1", b"ARROW1\0\0", b"{\n  \"schema\": "];

#[test]
fn every_format_goes_to_standard_output_or_a_file() {
    let scene = Scene::new(3);
    for (option, beginning) in OPTIONS.into_iter().zip(BEGINNINGS) {
        let output = scene.run(&["run.pft", &format!("--{option}")]);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{option}");
        assert!(output.stdout.starts_with(beginning), "{option}");
        let dash = scene.run(&["run.pft", &format!("--{option}=-")]);
        assert_eq!(dash.stdout, output.stdout, "{option}");

        let (file, to_file) = (format!("out.{option}"), format!("--{option}=out.{option}"));
        let written = scene.run(&["run.pft", &to_file]);
        assert_eq!(
            (written.status.code(), text(&written.stdout)),
            (Some(0), &*format!("{file}\n"))
        );
        assert_eq!(fs::read(scene.path(&file)).unwrap(), output.stdout, "{option}");
        let again = scene.run(&["run.pft", &to_file]);
        assert_eq!(again.status.code(), Some(2));
        let message = format!("error: {file} exists; use -f to replace it\n");
        assert_eq!(text(&again.stderr), message);
        fs::write(scene.path(&file), "old").unwrap();
        assert_eq!(scene.run(&["run.pft", &to_file, "-f"]).status.code(), Some(0));
        assert_eq!(fs::read(scene.path(&file)).unwrap(), output.stdout, "{option}");
    }
}

#[test]
fn several_formats_at_once_are_the_same_as_one_by_one() {
    let scene = Scene::new(3);
    let outputs = OPTIONS.map(|option| format!("--{option}=all.{option}"));
    let words: Vec<&str> =
        ["run.pft", "--by=class"].into_iter().chain(outputs.iter().map(String::as_str)).collect();
    let output = scene.run(&words);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let names: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(names, ["all.csv", "all.jsonl", "all.parquet", "all.arrow", "all.json"]);
    for option in OPTIONS {
        let alone = match option {
            "json" => scene.run(&["run.pft", "--json"]),
            _ => scene.run(&["run.pft", "--by=class", &format!("--{option}")]),
        };
        assert_eq!(fs::read(scene.path(&format!("all.{option}"))).unwrap(), alone.stdout);
    }
    // Data on standard output is not followed by names.
    let mixed = scene.run(&["run.pft", "--by=class", "--jsonl", "--csv=mixed.csv"]);
    assert_eq!(
        text(&mixed.stdout),
        "{\"class\":\"major\",\"faults\":2,\"major\":2,\"pages\":2,\"touched_bytes\":8192,\"stall_ns\":200000,\
         \"p50_ns\":100000,\"p90_ns\":100000,\"p99_ns\":100000,\"max_ns\":100000}\n\
         {\"class\":\"minor\",\"faults\":3,\"major\":0,\"pages\":3,\"touched_bytes\":12288,\"stall_ns\":2100,\
         \"p50_ns\":700,\"p90_ns\":700,\"p99_ns\":700,\"max_ns\":700}\n"
    );
}

#[test]
fn standard_output_takes_one() {
    let scene = Scene::new(3);
    for (words, first, second) in [
        (&["--csv", "--parquet"][..], "--csv", "--parquet"),
        (&["--jsonl", "--json", "--csv=a.csv"], "--jsonl", "--json"),
        (&["--json", "--by=class"], "a text", "--json"),
        (&["--json", "--patterns"], "a text", "--json"),
        (&["--arrow", "--folded"], "--arrow", "--folded"),
    ] {
        let output = scene.run(&[&["run.pft"], words].concat());
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{words:?}");
        assert_eq!(
            text(&output.stderr),
            format!(
                "error: {first} and {second} would both go to standard output; give one of them a file\n"
            )
        );
    }
    assert!(!scene.path("a.csv").exists());
    for view in ["--by=class", "--patterns"] {
        let beside = scene.run(&["run.pft", view, "--json=beside.json", "-f"]);
        assert_eq!(beside.status.code(), Some(0), "{}", text(&beside.stderr));
        let lines: Vec<&str> = text(&beside.stdout).lines().collect();
        assert!(lines.len() > 2 && lines.last() == Some(&"beside.json"), "{lines:?}");
    }
}

#[test]
fn hostile_names_are_harmless_in_text() {
    let scene = Scene::new(3);
    for words in [&["--jsonl"][..], &["--json"], &["--by=comm,path", "--jsonl"]] {
        let output = scene.run(&[&["run.pft"], words].concat());
        assert_eq!(output.status.code(), Some(0));
        assert_harmless(&output.stdout);
        for line in text(&output.stdout).lines().filter(|_| words != ["--json"]) {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(row["comm"], "\\x1b[2Jevil,\"name\"");
        }
    }
}

#[test]
fn what_cannot_be_written_leaves_nothing_behind() {
    let scene = Scene::new(3);
    for option in OPTIONS {
        let nowhere = scene.run(&["run.pft", &format!("--{option}=none/out")]);
        let message = "error: cannot write none/out: No such file or directory (os error 2); make the folder first: mkdir -p none\n";
        assert_eq!((nowhere.status.code(), text(&nowhere.stderr)), (Some(2), message));
        let input = scene.run(&["run.pft", "-f", &format!("--{option}=run.pft")]);
        assert_eq!(input.status.code(), Some(2));
        assert!(text(&input.stderr).contains("is the trace being read"));
    }
    // The second file cannot be made: the first does not stay half written.
    let half = scene.run(&["run.pft", "--csv=half.csv", "--parquet=none/half"]);
    assert_eq!(half.status.code(), Some(2));
    let names = fs::read_dir(scene.trace.parent().unwrap()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["run.pft"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_device_is_an_error() {
    let scene = Scene::new(3);
    for option in OPTIONS {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program()
            .arg(&scene.trace)
            .arg(format!("--{option}"))
            .stdout(full)
            .stderr(std::process::Stdio::piped())
            .output()
            .unwrap();
        let message = "error: cannot write the output: No space left on device (os error 28)\n";
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), message), "{option}");
    }
}

#[test]
fn damaged_traces_are_exported_with_3() {
    let scene = Scene::new(50);
    let trace = pft::Trace::open(&scene.trace).unwrap();
    let frame = trace.frames().iter().find(|frame| frame.kind == FrameKind::Faults).unwrap();
    let mut bytes = fs::read(&scene.trace).unwrap();
    let last = usize::try_from(frame.offset + frame.stored_bytes - 1).unwrap();
    bytes[last] ^= 1;
    fs::write(&scene.trace, &bytes).unwrap();
    for option in OPTIONS {
        let output = scene.run(&["run.pft", &format!("--{option}")]);
        assert_eq!(output.status.code(), Some(3), "{option}");
        assert!(text(&output.stderr).starts_with("warning: the file is damaged"), "{option}");
    }
    let summary = scene.run(&["run.pft", "--json"]);
    let summary: serde_json::Value = serde_json::from_str(text(&summary.stdout)).unwrap();
    assert_eq!(summary["exactness"]["whole"], false);
    assert_eq!(summary["damage"]["rows"].as_array().unwrap().len(), 1);
    assert_eq!(summary["traces"][0]["flaws"], serde_json::json!(["the file is damaged"]));
    let taken = serde_json::json!({ "faults": 52, "at_least": false });
    assert_eq!(summary["exactness"]["taken_by_damage"], taken);
}

#[test]
fn the_document_says_what_it_is_about() {
    let scene = Scene::new(3);
    fs::copy(&scene.trace, scene.path("other.pft")).unwrap();
    let document = |words: &[&str]| -> serde_json::Value {
        let output = scene.run(&[&["--json", "-n", "1"], words].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_str(text(&output.stdout)).unwrap()
    };
    let two = document(&["run.pft", "other.pft"]);
    let traces = two["traces"].as_array().unwrap();
    let names: Vec<_> = traces.iter().map(|trace| (&trace["name"], &trace["faults"])).collect();
    assert_eq!(names, [(&"run.pft".into(), &5.into()), (&"other.pft".into(), &5.into())]);
    assert_eq!((&two["totals"]["faults"], &two["exactness"]), (&10.into(), &().into()));
    assert_eq!(two["processes"]["left_out"]["rows"], 1);

    let some = document(&["run.pft", "--class=major", "--from=1s"]);
    assert_eq!(some["totals"]["faults"], 2);
    assert_eq!(
        (&some["selection"]["of_faults"], &some["exactness"]["whole"]),
        (&5.into(), &true.into())
    );
    let window = &some["selection"]["windows"][0]["from_ns"];
    assert_eq!(window, &serde_json::json!(1_000_000_000));
    assert_eq!(document(&["run.pft"])["selection"], serde_json::Value::Null);
}

/// Compares with `tests/golden/NAME`; PFT_BLESS=1 rewrites it.
fn assert_golden(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("PFT_BLESS").is_some() {
        fs::write(&path, found).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, golden, "{} differs; PFT_BLESS=1 rewrites it", path.display());
}

#[test]
fn the_golden_traces_are_exported_as_ever() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let whole = ["v1.0-cgroups", "v1.0-code", "v1.0-moments", "v1.0-zero-page", "v1.9-newer"];
    for (trace, code) in whole.map(|name| (name, 0)).into_iter().chain([("v1.0-recovered", 3)]) {
        let run = |option: &str| {
            let output =
                program().current_dir(&testdata).arg(format!("{trace}.pft")).arg(option).output();
            let output = output.unwrap();
            assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
            text(&output.stdout).replace(env!("CARGO_PKG_VERSION"), "VERSION")
        };
        assert_golden(&format!("{trace}.json"), &run("--json"));
        assert_golden(&format!("{trace}.jsonl"), &run("--jsonl"));
    }
}
