//! Call chains of a known path, by frame pointers and by copies of the stack.

use std::collections::HashMap;

use pftestkit::Workload;

use crate::programs::{
    self, FRAME_POINTERS, NO_FRAME_POINTERS, Ranges, faults, of_range, without_kernel_mode,
};
use crate::recording::{AGREED, Lab, Record, Recording, User, is_root, pfreport, records};

/// From the outermost to the innermost; `between` is inlined into `middle`.
const PATH: &str = "main;outer;middle;between;inner";

/// Where read(2) is called.
const ASKING: &str = "main;ask_kernel_often;ask_kernel";

/// Call chains as text, by their number in the table of faults.
fn chains(recording: &Recording) -> HashMap<String, String> {
    let groups = records(&recording.lab.trace(), &["--by", "callchain"]);
    groups.into_iter().map(|group| (group["callchain"].clone(), group["chain"].clone())).collect()
}

/// The chain of a fault; `None` if it has none.
fn chain<'a>(chains: &'a HashMap<String, String>, fault: &Record) -> Option<&'a str> {
    let number = Some(&fault["callchain"]).filter(|number| !number.is_empty())?;
    chains.get(number).map(String::as_str)
}

/// Whether a chain is this path: what comes before is the start of the program, or a mark of its end.
fn is_path(chain: &str, path: &str) -> bool {
    let before = chain.strip_suffix(path);
    before.is_some_and(|before| {
        before.is_empty() || before.ends_with(';') && !before.contains("outer")
    })
}

fn record(user: User, program: &[&str], recorder: &[&str]) -> Option<Recording> {
    let how = |lab: Lab, workload: &Workload| {
        let recording = lab.launch_with(recorder, workload)?;
        Some(if user == User::Nobody { without_kernel_mode(recording) } else { recording })
    };
    programs::record(|| Lab::new(user), program, how)
}

/// All faults of the path have it as their chain.
fn assert_all_have_the_path(recording: &Recording) {
    assert!(recording.said.contains(AGREED), "{}", recording.said);
    let (all, chains, ranges) = (faults(recording), chains(recording), Ranges::of(recording));
    for range in ranges.of_the_path() {
        for fault in of_range(&all, range) {
            let found = chain(&chains, fault).unwrap_or_default();
            assert!(is_path(found, PATH), "{found}: {fault:?}");
        }
    }
}

#[test]
fn by_frame_pointers() {
    let Some(recording) = record(User::Own, FRAME_POINTERS, &["-g"]) else { return };
    assert_all_have_the_path(&recording);
    let said = recording.content();
    assert_eq!(said.fact("capture.call_graph"), Some("fp"));
}

#[test]
fn by_frame_pointers_of_a_running_process() {
    let new_lab = || Lab::new(User::Own);
    let how = |lab: Lab, workload: &Workload| lab.attach_with(&["-g"], workload);
    let Some(recording) = programs::record(new_lab, FRAME_POINTERS, how) else { return };
    assert_all_have_the_path(&recording);
}

#[test]
fn by_frame_pointers_as_nobody() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    let Some(recording) = record(User::Nobody, FRAME_POINTERS, &["-g"]) else { return };
    assert_all_have_the_path(&recording);
}

#[test]
fn in_kernel_mode_the_kernel_is_the_inner_part() {
    if !is_root() {
        eprintln!("skipped: needs root, to see faults in kernel mode");
        return;
    }
    let Some(recording) = record(User::Own, FRAME_POINTERS, &["-g"]) else { return };
    let (all, chains, ranges) = (faults(&recording), chains(&recording), Ranges::of(&recording));
    for fault in of_range(&all, ranges.asked) {
        let found = chain(&chains, fault).unwrap_or_default();
        let mut names: Vec<&str> = found.split(';').collect();
        let kernel = names.iter().position(|name| name.ends_with("_[k]")).unwrap_or(names.len());
        let kernel = names.split_off(kernel);
        assert!(is_path(&names.join(";"), ASKING), "{found}");
        assert!(kernel.contains(&"vfs_read_[k]"), "{found}");
        assert!(kernel.iter().all(|name| name.ends_with("_[k]")), "{found}");
        // The innermost one is the function of the fault.
        let function = format!("{}_[k]", fault["function"]);
        assert_eq!(kernel.last(), Some(&function.as_str()), "{found}");
    }
}

/// With copies of the stack: all major faults have the path, and the share of minor ones that is stated.
fn assert_share_has_the_path(recording: &Recording) {
    assert!(recording.said.contains(AGREED), "{}", recording.said);
    let (all, chains, ranges) = (faults(recording), chains(recording), Ranges::of(recording));
    for fault in of_range(&all, ranges.cold) {
        let found = chain(&chains, fault).unwrap_or_default();
        assert!(is_path(found, PATH), "{found}: {fault:?}");
    }
    for range in ranges.of_the_path() {
        for fault in of_range(&all, range) {
            if let Some(found) = chain(&chains, fault) {
                assert!(is_path(found, PATH), "{found}: {fault:?}");
            }
        }
    }
    let content = recording.content();
    assert_eq!(content.fact("capture.call_graph"), Some("dwarf"));
    let share: u64 = content.fact("capture.stack_share").unwrap().parse().unwrap();
    let minor: Vec<&Record> = all.iter().filter(|fault| fault["class"] != "major").collect();
    let with = minor.iter().filter(|fault| chain(&chains, fault).is_some()).count() as u64;
    let expected = (minor.len() as u64).checked_div(share).unwrap_or(0);
    // Each thread counts on each CPU for itself.
    let cpus = std::thread::available_parallelism().unwrap().get() as u64;
    assert!(with.abs_diff(expected) <= cpus + 1, "{with} of {} with 1 in {share}", minor.len());
}

#[test]
fn by_copies_of_the_stack() {
    for program in [NO_FRAME_POINTERS, FRAME_POINTERS] {
        let Some(recording) = record(User::Own, program, &["--call-graph", "dwarf"]) else {
            return;
        };
        assert_share_has_the_path(&recording);
    }
}

#[test]
fn by_copies_of_the_stack_as_nobody() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    let recorder = ["--call-graph", "dwarf"];
    let Some(recording) = record(User::Nobody, NO_FRAME_POINTERS, &recorder) else { return };
    assert_share_has_the_path(&recording);
    let how = |lab: Lab, workload: &Workload| {
        lab.attach_with(&recorder, workload).map(without_kernel_mode)
    };
    let new_lab = || Lab::new(User::Nobody);
    let Some(recording) = programs::record(new_lab, NO_FRAME_POINTERS, how) else { return };
    assert_share_has_the_path(&recording);
}

#[test]
fn folded_stacks_weigh_each_fault_once() {
    let Some(recording) = record(User::Own, FRAME_POINTERS, &["-g"]) else { return };
    let output = pfreport(&recording.lab.trace(), &["--folded", "--weight", "faults"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| line.rsplit_once(' ').unwrap());
    let lines: Vec<(&str, u64)> =
        lines.map(|(stack, weight)| (stack, weight.parse().unwrap())).collect();
    let all: u64 = lines.iter().map(|(_, weight)| weight).sum();
    assert_eq!(all, faults(&recording).len() as u64);
    let on_path = lines.iter().filter(|(stack, _)| stack.contains(&format!("{PATH};")));
    let on_path: u64 = on_path.map(|(_, weight)| weight).sum();
    let made: u64 = Ranges::of(&recording).of_the_path().iter().map(|range| range.count).sum();
    assert_eq!(on_path, made, "{text}");
}
