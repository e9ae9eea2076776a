//! Faults on a machine with swap space: a swap file that a workload makes, or another one holds.

use pftestkit::{Cgroup, Expectation, Phase, Running};

use crate::recording::{AGREED, How, Kinds, Lab, Recording, User, is_root};

/// Swap space for as long as this lives.
struct SwapSpace(Option<Running>);

impl Drop for SwapSpace {
    fn drop(&mut self) {
        // A workload that is killed would leave its swap file in use. Errors are the next test's to find.
        let _ = self.0.take().map(Running::finish);
    }
}

fn swap_space(lab: &Lab) -> Option<SwapSpace> {
    if !is_root() {
        eprintln!("skipped: needs root, for a swap file");
        return None;
    }
    let started = lab.workload("swap-space").start().unwrap();
    let running = started.map_err(|reason| eprintln!("skipped: {reason}")).ok()?;
    Some(SwapSpace(Some(running)))
}

/// The faults of phase `run` in the only range, as they were counted, and as they were found.
fn made_and_found(recording: &Recording) -> (Kinds, Kinds) {
    let mut made = Kinds::new();
    for e in recording.report.of_phase(Phase::Run).filter(|e| e.count > 0) {
        made.insert(format!("{}/{}", e.class, e.cause), e.count);
    }
    assert!(recording.said.contains(AGREED), "{}", recording.said);
    assert_eq!(recording.found().len(), 1);
    (made, recording.found().into_values().next().unwrap())
}

#[test]
fn attached_and_as_nobody_pages_come_back_from_swap() {
    let holder = Lab::new(User::Own);
    let Some(_space) = swap_space(&holder) else { return };
    let ways: [(User, How); 3] =
        [(User::Own, Lab::attach), (User::Nobody, Lab::launch), (User::Nobody, Lab::attach)];
    for (user, how) in ways {
        let lab = Lab::alongside(user);
        let workload = lab.workload("swap-in").arg("--swap-there");
        let Some(recording) = how(lab, &workload) else { continue };
        let (made, found) = made_and_found(&recording);
        assert_eq!(made.get("major/swap-in"), found.get("major/swap-in"), "{user:?}: {found:?}");
        assert!(made["major/swap-in"] > 0, "{made:?}");
        assert!(recording.content().had_swap());
    }
}

#[test]
fn at_a_limit_of_memory_anonymous_pages_swap_in() {
    at_a_limit_of_memory("anonymous");
}

#[test]
fn at_a_limit_of_memory_shared_pages_come_from_swap() {
    at_a_limit_of_memory("shared");
}

#[test]
fn at_a_limit_of_memory_private_copies_of_a_file_swap_in() {
    at_a_limit_of_memory("private-file");
}

/// Writes more than there is room for, and reads it. All kinds are those of the workload, and all counts
/// those of the kernel: a page that read-ahead brought into the swap cache is neither read nor touched
/// for the first time.
fn at_a_limit_of_memory(backing: &str) {
    let holder = Lab::new(User::Own);
    let Some(_space) = swap_space(&holder) else { return };
    let group = match Cgroup::memory_and_swap(16) {
        Ok(group) => group,
        Err(reason) => {
            eprintln!("skipped: {reason}");
            return;
        }
    };
    // In so little room the program's own code may fault in the midst; its counters show that.
    let limited = || {
        let lab = Lab::alongside(User::Own);
        let workload = group.enclose(&lab.workload("swap-limit").args(["--backing", backing]));
        let recording = lab.launch(&workload).unwrap();
        let undisturbed = |e: &Expectation| e.witness.contains(&("other_faults".to_owned(), 0));
        recording.report.expectations.iter().all(undisturbed).then_some(recording)
    };
    let recording = (0..10).find_map(|_| limited()).expect("ten times other memory faulted");
    assert!(recording.said.contains(AGREED), "{}", recording.said);
    assert_eq!(recording.found(), recording.expected(ToOwned::to_owned));
    let major = recording.report.of_phase(Phase::Run).find(|e| e.class == "major").unwrap();
    assert!(major.count > 0, "{major:?}");
    // All of them were in swap before, as far as the page table tells: that of shared memory does not.
    let swapped = if backing == "shared" { 0 } else { major.count };
    assert_eq!(major.witness[0], ("swapped_pages".to_owned(), swapped));
}

#[test]
fn a_private_page_of_a_file_may_be_in_swap_unless_its_history_is_known() {
    let holder = Lab::new(User::Own);
    let Some(_space) = swap_space(&holder) else { return };
    let private_file = |user: User, how: How| {
        let lab = Lab::alongside(user);
        let workload = lab.workload("private-file-cold");
        let recording = how(lab, &workload).unwrap();
        assert!(recording.content().had_swap());
        let kinds = recording.found().into_values();
        kinds.map(|kinds| format!("{kinds:?}")).collect::<Vec<_>>().join(" ")
    };
    let launched = r#"{"major/file-private-write": 64} {"major/file-read": 64}"#;
    assert_eq!(private_file(User::Own, Lab::launch), launched);
    let unknown = r#"{"major/file-or-swap": 64} {"major/file-or-swap": 64}"#;
    assert_eq!(private_file(User::Own, Lab::attach), unknown);
    // Without privileges it is not known which access was a write.
    let read = r#"{"major/file-read": 64} {"major/file-read": 64}"#;
    assert_eq!(private_file(User::Nobody, Lab::launch), read);
    assert_eq!(private_file(User::Nobody, Lab::attach), unknown);
}
