//! Attaching while threads are being created, or beside another recorder: no fault is missed and none
//! is counted twice.

use crate::recording::{Lab, Recorder, User, pfreport};

#[test]
fn every_fault_of_a_thread_storm_counts_once() {
    // The storm rages before the recorder attaches; what counts begins after that.
    for _ in 0..5 {
        let lab = Lab::new(User::Own);
        let workload = lab.workload("thread-storm").args(["--seconds", "0.5", "--pages", "16"]);
        let recording = lab.attach(&workload).unwrap();
        let made: u64 =
            recording.expected(ToOwned::to_owned).values().flat_map(|k| k.values()).sum();
        let found: u64 = recording.found().values().flat_map(|kinds| kinds.values()).sum();
        assert_eq!(found, made, "{}", recording.said);
        assert!(made > 1000, "{made}");
        let said = &recording.said;
        assert!(said.contains("0 lost, captured + lost = the kernel's count"), "{said}");
    }
}

#[test]
fn two_recorders_of_one_process_see_the_same() {
    let (first, second) = (Lab::new(User::Own), Lab::alongside(User::Own));
    let workload = first.workload("anon").args(["--pages", "2000", "--rounds", "5"]);
    let mut running = workload.start().unwrap().unwrap();
    let pid = running.pid().to_string();
    let mut recorders =
        [&first, &second].map(|lab| Recorder::start(lab.pfrecord().args(["-p", &pid])));
    running.go().unwrap();
    let report = running.finish().unwrap();
    let made: u64 = report.expectations.iter().map(|e| e.count).sum();
    for (recorder, lab) in recorders.iter_mut().zip([&first, &second]) {
        let (status, said) = recorder.finish();
        assert!(status.success(), "{said}");
        assert!(said.contains("0 lost, captured + lost = the kernel's count"), "{said}");
        let table = pfreport(&lab.trace(), &["--by", "region", "--csv"]).stdout;
        let table = String::from_utf8(table).unwrap();
        let line = table.lines().find(|line| line.starts_with("[anon],")).unwrap();
        assert!(line.split(',').nth(1).unwrap().parse::<u64>().unwrap() >= made, "{table}");
    }
}
