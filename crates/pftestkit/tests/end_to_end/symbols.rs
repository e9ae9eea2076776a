//! Functions, source lines and variables: found while the programs are there, and read from the trace
//! where they are not.

use std::path::Path;
use std::process::Command;

use pftestkit::Workload;

use crate::programs::{self, FRAME_POINTERS, NO_FRAME_POINTERS, Ranges, faults, line_of, of_range};
use crate::recording::{AGREED, How, Lab, Record, Recording, User, is_root, pfreport, records};
use crate::regions::assert_places;

/// What faults of `known` should say: function, source and object.
fn assert_named(recording: &Recording, kernel: bool) {
    let (all, ranges) = (faults(recording), Ranges::of(recording));
    let (write, read) = (line_of("write"), line_of("read"));
    for (range, line, object) in [
        (ranges.anon, write, ""),
        (ranges.data, write, "table"),
        (ranges.bss, write, "room"),
        (ranges.rodata, read, "words"),
        (ranges.cold, read, ""),
    ] {
        for fault in of_range(&all, range) {
            let said = (fault["function"].as_str(), fault["object"].as_str());
            assert_eq!(said, ("inner", object), "{fault:?}");
            let source = &fault["source"];
            assert!(source.ends_with(&format!("known.c:{line}")), "{source}: {fault:?}");
            assert_eq!(fault["module"], "known");
        }
    }
    let mut functions: Vec<&str> =
        of_range(&all, ranges.text).iter().map(|fault| fault["function"].as_str()).collect();
    functions.sort_unstable();
    let far: Vec<String> = (0..8).map(|number| format!("far_{number}")).collect();
    assert_eq!(functions, far);
    if kernel {
        for fault in of_range(&all, ranges.asked) {
            assert_eq!((fault["mode"].as_str(), fault["module"].as_str()), ("kernel", "[kernel]"));
            assert_ne!(fault["function"], "", "{fault:?}");
        }
    }
}

#[test]
fn functions_lines_and_variables() {
    for options in [FRAME_POINTERS, NO_FRAME_POINTERS] {
        let ways: [How; 2] = [Lab::launch, Lab::attach];
        for how in ways {
            let new_lab = || Lab::new(User::Own);
            let Some(recording) = programs::record(new_lab, options, how) else { return };
            assert!(recording.said.contains(AGREED), "{}", recording.said);
            assert_named(&recording, is_root());
        }
    }
}

#[test]
fn without_privileges_as_well() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    let new_lab = || Lab::new(User::Nobody);
    let how =
        |lab: Lab, workload: &Workload| lab.launch(workload).map(programs::without_kernel_mode);
    let Some(recording) = programs::record(new_lab, FRAME_POINTERS, how) else { return };
    assert_named(&recording, false);
}

/// The outputs that need names.
fn outputs(trace: &Path) -> Vec<(String, String)> {
    let wanted: [&[&str]; 7] = [
        &["--by", "function,source", "--csv"],
        &["--by", "object", "--csv"],
        &["--by", "region,region_kind,build_id", "--csv"],
        &["--by", "callchain", "--csv"],
        &["--folded", "--weight", "faults"],
        &["--csv"],
        &[],
    ];
    let print = |options: &[&str]| {
        let output = pfreport(trace, options);
        assert!(
            output.status.success(),
            "{options:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        // The last lines repeat the name of the trace as it was given.
        let text = String::from_utf8(output.stdout).unwrap();
        (format!("{options:?}"), text.replace(trace.to_str().unwrap(), "TRACE"))
    };
    wanted.into_iter().map(print).collect()
}

#[test]
fn a_trace_says_the_same_where_the_programs_are_not() {
    let new_lab = || Lab::new(User::Own);
    let how = |lab: Lab, workload: &Workload| lab.launch_with(&["-g"], workload);
    let Some(recording) = programs::record(new_lab, FRAME_POINTERS, how) else { return };
    let before = outputs(&recording.lab.trace());
    let text = &before[0].1;
    assert!(text.contains("inner") && text.contains("known.c:"), "{text}");
    // The program, and the folder that it was in, are gone.
    let elsewhere = tempfile::TempDir::new().unwrap();
    let trace = elsewhere.path().join("run.pft");
    std::fs::copy(recording.lab.trace(), &trace).unwrap();
    drop(recording);
    for ((options, there), (_, here)) in before.into_iter().zip(outputs(&trace)) {
        assert_eq!(there, here, "{options}");
    }
}

#[test]
fn a_program_without_symbols_has_module_and_address() {
    let options = &["-O2", "-s"];
    let new_lab = || Lab::new(User::Own);
    let Some(recording) = programs::record(new_lab, options, Lab::launch) else { return };
    let (all, ranges) = (faults(&recording), Ranges::of(&recording));
    for range in ranges.of_the_path() {
        for fault in of_range(&all, range) {
            let said = ["module", "function", "source", "object"].map(|key| fault[key].as_str());
            assert_eq!(said, ["known", "", "", ""], "{fault:?}");
        }
    }
    // Sections are told even so.
    assert!(all.iter().any(|fault| fault["region"] == "known .bss"));
}

#[test]
fn a_program_that_was_deleted_before_is_no_error() {
    let lab = Lab::new(User::Own);
    let Some(program) = programs::compile(lab.dir.path(), FRAME_POINTERS) else { return };
    let mut running = Workload::new(&program, "/var/tmp").start().unwrap().unwrap();
    std::fs::remove_file(&program).unwrap();
    let pid = running.pid().to_string();
    let mut recorder = crate::recording::Recorder::start(lab.pfrecord().args(["-p", &pid]));
    running.go().unwrap();
    let report = running.finish().unwrap();
    let (status, said) = recorder.finish();
    assert!(status.success() && said.contains(AGREED), "{said}");
    let recording = Recording::of_running(lab, [report], said);
    let (all, ranges) = (faults(&recording), Ranges::of(&recording));
    for fault in of_range(&all, ranges.anon) {
        assert!(fault["module"].starts_with("known"), "{fault:?}");
        // The file can still be read by way of the process, or it cannot.
        assert!(["inner", ""].contains(&fault["function"].as_str()), "{fault:?}");
    }
}

#[test]
fn code_made_at_run_time_is_named_by_the_map_for_perf() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    let ways: [(User, How); 4] = [
        (User::Own, Lab::launch),
        (User::Own, Lab::attach),
        (User::Nobody, Lab::launch),
        (User::Nobody, Lab::attach),
    ];
    for (user, how) in ways {
        let Some(recording) = crate::causes::record("jit", user, how) else { return };
        assert_places(&recording, "jit");
        let touched = &recording.report.expectations[1];
        for fault in of_range(&faults(&recording), touched) {
            assert_eq!(fault["function"], "jit_write_pages", "{fault:?}");
            assert_eq!(fault["source"], "");
        }
    }
}

/// A program below a mount that only it sees, at a path where others see another program.
fn elsewhere(lab: &Lab) -> Option<Workload> {
    let dir = |name: &str| {
        let dir = lab.dir.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        dir
    };
    let (inside, outside) = (dir("inside"), dir("outside"));
    programs::compile(&outside, FRAME_POINTERS)?;
    let other = Command::new("cp").arg("/bin/true").arg(inside.join("known")).status();
    assert!(other.unwrap().success());
    let script = r#"mount --bind "$1" "$2" && shift 2 && exec "$@""#;
    let workload = Workload::new("unshare", "-m").args(["sh", "-c", script, "sh"]);
    Some(workload.arg(&outside).arg(&inside).arg(inside.join("known")).arg("/var/tmp"))
}

#[test]
fn a_program_in_another_mount_namespace_has_its_own_symbols() {
    if !is_root() {
        eprintln!("skipped: needs root, for a mount namespace");
        return;
    }
    let said = |recording: &Recording| -> Vec<[String; 3]> {
        let (all, ranges) = (faults(recording), Ranges::of(recording));
        let words =
            |fault: &&Record| ["function", "object", "region"].map(|key| fault[key].clone());
        of_range(&all, ranges.bss).iter().map(words).collect()
    };
    let own = ["inner", "room", "known .bss"].map(str::to_owned);
    let lab = Lab::new(User::Own);
    let Some(workload) = elsewhere(&lab) else { return };
    let attached = lab.attach(&workload).unwrap();
    assert_eq!(said(&attached), vec![own.clone(); 48]);
    // One that ends at once takes its mounts along: then nothing is known, and nothing of the other one.
    drop(attached);
    let lab = Lab::new(User::Own);
    let Some(workload) = elsewhere(&lab) else { return };
    let nothing = ["", "", "[anon]"].map(str::to_owned);
    for words in said(&lab.launch(&workload).unwrap()) {
        assert!(words == own || words == nothing || words[2] == "known bss", "{words:?}");
    }
}

#[test]
fn names_of_rust_are_readable() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon");
    let recording = lab.launch(&workload).unwrap();
    let all = faults(&recording);
    for fault in of_range(&all, &recording.report.expectations[0]) {
        let function = &fault["function"];
        // Whatever was inlined: a path, without the marks and the hash of the compiler's name for it.
        assert!(function.contains("::"), "{function}");
        assert!(!function.starts_with("_R") && !function.starts_with("_ZN"), "{function}");
        assert!(!function.contains("17h") && !function.contains("::h"), "{function}");
        assert!(fault["source"].contains(".rs:"), "{fault:?}");
    }
}

#[test]
fn functions_can_be_grouped() {
    let new_lab = || Lab::new(User::Own);
    let Some(recording) = programs::record(new_lab, FRAME_POINTERS, Lab::launch) else { return };
    let ranges = Ranges::of(&recording);
    let groups = records(&recording.lab.trace(), &["--by", "function,object"]);
    let of = |function: &str, object: &str| -> u64 {
        let is = |group: &&Record| group["function"] == function && group["object"] == object;
        groups.iter().filter(is).map(|group| group["faults"].parse::<u64>().unwrap()).sum()
    };
    assert_eq!(of("inner", "table"), ranges.data.count);
    assert_eq!(of("inner", "room"), ranges.bss.count);
    assert_eq!(of("inner", "words"), ranges.rodata.count);
    assert_eq!(of("inner", ""), ranges.anon.count + ranges.cold.count);
}
