//! Without root: a `pfrecord` whose file has capabilities, run by nobody, sees what they allow, and lends them to
//! nothing and nobody.

mod environment;
mod kept;
mod paths;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use pft::Trace;
use pft::record::{Frame, ModuleRecord};

use crate::recording::{AGREED, Lab, Recorder, User, is_root, rows};

/// What SECURITY.md gives a group.
const RECOMMENDED: &str = "cap_perfmon,cap_sys_ptrace,cap_syslog";

/// A lab of nobody whose `pfrecord` has capabilities; `None` where there can be none.
fn lent(capabilities: &str) -> Option<Lab> {
    lent_to(Lab::new, capabilities)
}

/// The same, of labs made so.
fn lent_to(lab: impl FnOnce(User) -> Lab, capabilities: &str) -> Option<Lab> {
    if !is_root() {
        eprintln!("skipped: needs root, to give capabilities to a file");
        return None;
    }
    let lab = lab(User::Nobody);
    let mut setcap = Command::new("setcap");
    setcap.arg(format!("{capabilities}+ep")).arg(lab.dir.path().join("pfrecord"));
    if !setcap.status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: setcap is missing, or the file system takes no capabilities");
        return None;
    }
    Some(lab)
}

/// The faults of a workload are all found.
fn assert_recorded(lab: Lab, options: &[&str]) {
    let workload = lab.workload("anon").args(["--pages", "300"]);
    let (status, recording) = lab.launch_anyhow(options, &workload);
    assert!(status.success(), "{}", recording.said);
    let faults = |kinds: std::collections::BTreeMap<_, crate::recording::Kinds>| -> u64 {
        kinds.values().flat_map(|kinds| kinds.values()).sum()
    };
    assert_eq!(faults(recording.found()), 300);
    assert_eq!(faults(recording.expected(ToOwned::to_owned)), 300);
    assert!(recording.said.contains(AGREED), "{}", recording.said);
    let content = recording.content();
    assert_eq!(content.fact(pft::keys::fact::CAPTURE_KERNEL_MODE), Some("yes"));
}

#[test]
fn own_processes_are_recorded_with_kernel_mode() {
    for capabilities in ["cap_perfmon", RECOMMENDED] {
        let Some(lab) = lent(capabilities) else { return };
        assert_recorded(lab, &[]);
    }
}

#[test]
fn the_machine_is_recorded() {
    // Alone: for the faults of other tests the rings that nobody may have are too small.
    let Some(lab) = lent_to(Lab::alone_as, RECOMMENDED) else { return };
    assert_recorded(lab, &["-a"]);
}

#[test]
fn a_process_of_another_user_is_recorded_with_its_mappings() {
    let Some(lab) = lent(RECOMMENDED) else { return };
    let workload = lab.workload("anon").args(["--pages", "300"]);
    let mut running = workload.start().unwrap().unwrap();
    let pid = running.pid().to_string();
    let mut recorder = Recorder::start(lab.pfrecord().args(["-p", &pid]));
    running.go().unwrap();
    let report = running.finish().unwrap();
    let (status, said) = recorder.finish();
    assert!(status.success() && said.contains(AGREED), "{said}");
    let expected = report.expectations.iter().find(|e| e.count == 300).unwrap();
    let mut rows = rows(&lab.trace());
    rows.retain(|row| (expected.start..expected.end).contains(&row.addr));
    assert_eq!(rows.len(), 300);
    // What was mapped before the recording has its region: the maps were read.
    assert!(rows.iter().all(|row| row.region.starts_with("[anon")), "{rows:?}");
}

/// The modules of a trace with this path.
fn modules(trace: &Path, path: &Path) -> Vec<ModuleRecord> {
    let trace = Trace::open(trace).unwrap();
    let modules = trace.iter().filter_map(|(_, frame)| match frame.unwrap() {
        Frame::Modules(modules) => Some(modules),
        _ => None,
    });
    let wanted = path.as_os_str().as_encoded_bytes();
    modules.flatten().filter(|module| module.path == wanted).collect()
}

/// A copy of the workload that only its owner, root, may read.
fn secret_program(lab: &Lab) -> PathBuf {
    let program = lab.dir.path().join("secret-program");
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_pf-workload")).arg(&program).status();
    assert!(copied.unwrap().success());
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    program
}

/// Records a process of root that runs a program that only root may read.
fn record_secret(lab: &Lab) -> Vec<ModuleRecord> {
    let program = secret_program(lab);
    let workload = pftestkit::Workload::new(&program, "anon").args(["--pages", "300"]);
    let mut running = workload.start().unwrap().unwrap();
    let pid = running.pid().to_string();
    let mut recorder = Recorder::start(lab.pfrecord().args(["-p", &pid]));
    running.go().unwrap();
    running.finish().unwrap();
    let (status, said) = recorder.finish();
    assert!(status.success(), "{said}");
    modules(&lab.trace(), &program)
}

#[test]
fn what_the_user_may_not_read_is_not_read_for_him() {
    // With every capability that would open the file, were it not given up.
    let all = "cap_perfmon,cap_sys_ptrace,cap_syslog,cap_dac_read_search,cap_dac_override,\
               cap_checkpoint_restore,cap_sys_admin";
    let Some(lab) = lent(all) else { return };
    let of_nobody = record_secret(&lab);
    assert_eq!(of_nobody.len(), 1);
    assert!(of_nobody[0].build_id.is_empty() && of_nobody[0].sections.is_empty());
    drop(lab);
    let of_root = record_secret(&Lab::new(User::Own));
    assert_eq!(of_root.len(), 1);
    assert!(!of_root[0].sections.is_empty());
}

#[test]
fn a_command_that_its_user_may_run_but_not_read_is_told() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    let lab = Lab::new(User::Nobody);
    let program = lab.dir.path().join("closed");
    assert!(Command::new("cp").arg("/bin/sleep").arg(&program).status().unwrap().success());
    for (mode, is_told) in [(0o711, true), (0o755, false)] {
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(mode)).unwrap();
        let mut recorder =
            Recorder::start(lab.pfrecord().arg("-f").arg("--").arg(&program).arg("60"));
        recorder.signal("INT");
        let (_, said) = recorder.finish();
        assert_eq!(said.contains("this user may not read the command"), is_told, "{said}");
        assert_eq!(rows(&lab.trace()).is_empty(), is_told, "{said}");
    }
}

#[test]
fn a_mark_reaches_a_recorder_of_the_same_user() {
    let Some(lab) = lent(RECOMMENDED) else { return };
    let mut recorder = Recorder::start(lab.pfrecord().args(["--", "sleep", "60"]));
    let pid = recorder.child.id().to_string();
    let marked = lab.pfrecord_bare().args(["mark", "phase", "--to", &pid]).output().unwrap();
    assert!(marked.status.success(), "{}", String::from_utf8_lossy(&marked.stderr));
    recorder.signal("INT");
    let (status, said) = recorder.finish();
    assert!(status.success(), "{said}");
}

#[test]
fn a_set_user_id_program_refuses_to_run() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    let lab = Lab::new(User::Nobody);
    for mode in [0o4755, 0o2755] {
        let program = lab.dir.path().join("pfrecord");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(mode)).unwrap();
        let output = lab.pfrecord().args(["--", "true"]).output().unwrap();
        crate::refusals::refused(&output, 2, "pfrecord must not be set-user-id or set-group-id");
        assert!(!lab.trace().exists());
    }
}
