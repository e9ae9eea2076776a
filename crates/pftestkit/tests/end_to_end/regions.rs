//! What lies at an address, on real processes: kind, label and file of each region that a workload made.

use std::process::Command;

use crate::causes::record;
use crate::recording::{How, Lab, Recording, Row, User, is_root};

/// Each fault in a place of the workload is said to be there, and there are faults in each.
pub fn assert_places(recording: &Recording, what: &str) {
    let places = &recording.report.places;
    assert!(!places.is_empty(), "{what}");
    let rows = recording.rows();
    for place in places {
        let here =
            |row: &&Row| row.pid == place.pid && (place.start..place.end).contains(&row.addr);
        let found: Vec<&Row> = rows.iter().filter(here).collect();
        assert!(!found.is_empty(), "{what}: {place:?}");
        for row in found {
            let said = (row.region_kind.as_str(), row.region.as_str(), row.path.as_str());
            let path = place.path.to_str().unwrap();
            let known = (place.kind.as_str(), place.label.as_str(), path);
            assert_eq!(said, known, "{what}: {row:?}");
        }
    }
}

#[test]
fn launched_attached_and_as_nobody() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    for mode in ["regions", "vdso"] {
        let ways: [(User, How); 4] = [
            (User::Own, Lab::launch),
            (User::Own, Lab::attach),
            (User::Nobody, Lab::launch),
            (User::Nobody, Lab::attach),
        ];
        for (number, (user, how)) in ways.into_iter().enumerate() {
            if let Some(recording) = record(mode, user, how) {
                assert_places(&recording, &format!("{mode}, way {number}"));
            }
        }
    }
}

#[test]
fn code_that_runs_for_the_first_time_is_executed() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let Some(recording) = record("jit", User::Own, Lab::launch) else { return };
    let [code, touched, run] = &recording.report.expectations[..] else {
        panic!("{:?}", recording.report)
    };
    for (range, access, perms) in
        [(code, "write", "rwxp"), (touched, "write", "rw-p"), (run, "exec", "r-xs")]
    {
        let rows = recording.rows_in((range.pid, range.start, range.end));
        assert_eq!(rows.len() as u64, range.count);
        for row in rows {
            assert_eq!((row.access.as_str(), row.perms.as_str()), (access, perms), "{row:?}");
            // Code writes, and is run, in user mode.
            assert_eq!(row.mode, "user", "{row:?}");
        }
    }
}

#[test]
fn the_data_of_the_kernel_is_mapped_on_demand() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("anon");
    let recording = lab.launch(&workload).unwrap();
    // The workload measures time, which reads one page of the kernel's data by code of the kernel's.
    let of_kernel = |label: &str| -> Vec<Row> {
        let rows = recording.rows().into_iter();
        rows.filter(|row| row.region == label && row.region_kind == "vdso").collect()
    };
    let data = of_kernel("[vvar]");
    assert_eq!(data.len(), 1, "{data:?}");
    assert_eq!((data[0].kind.as_str(), data[0].access.as_str()), ("minor/unknown", "read"));
    assert!(!of_kernel("[vdso]").is_empty());
}

#[test]
fn a_file_in_another_mount_namespace_has_the_path_that_the_process_sees() {
    if !is_root() {
        eprintln!("skipped: needs root, for a mount namespace");
        return;
    }
    let lab = Lab::new(User::Own);
    let (inside, outside) = (lab.dir.path().join("inside"), lab.dir.path().join("outside"));
    std::fs::create_dir(&inside).unwrap();
    std::fs::create_dir(&outside).unwrap();
    let possible = Command::new("unshare").args(["-m", "true"]).status();
    if !possible.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no mount namespaces");
        return;
    }
    let file = inside.join("container.bin");
    let script = r#"mount --bind "$1" "$2" && shift 2 && exec "$@""#;
    let workload = lab.workload("cached-file").arg("--file").arg(&file);
    let enclosed = pftestkit::Workload::new("unshare", "-m")
        .args(["sh", "-c", script, "sh"])
        .arg(&outside)
        .arg(&inside)
        .args(workload.argv());
    let recording = lab.launch(&enclosed).unwrap();
    assert_eq!(recording.found(), recording.expected(ToOwned::to_owned), "{}", recording.said);
    let range = recording.expected(ToOwned::to_owned).into_keys().next().unwrap();
    for row in recording.rows_in(range) {
        let said = (row.path.as_str(), row.region.as_str(), row.region_kind.as_str());
        assert_eq!(said, (file.to_str().unwrap(), "container.bin", "file"), "{row:?}");
    }
}
