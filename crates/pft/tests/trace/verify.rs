//! For every rule a file that breaks it, and what is found there.

mod changes;
mod forgeries;
mod newer;
mod sound;
mod taken_apart;

use std::collections::BTreeSet;

use pft::Trace;
use pft::verify::{Report, Rule, verify};

use sound::{Records, with};
use taken_apart::forged;

fn report(bytes: Vec<u8>) -> Report {
    verify(&Trace::from_bytes(bytes).unwrap(), 3).unwrap()
}

/// Findings without the bytes at which they lie, in the order in which they were made.
fn told(report: &Report) -> Vec<String> {
    let findings = report.findings.kept().iter();
    let told = findings.map(|finding| {
        let frame = finding.place.frame.map_or("file".to_owned(), |frame| frame.to_string());
        let row = finding.place.row.map_or(String::new(), |row| format!(", row {row}"));
        format!("{frame}{row}: {}: {}", finding.rule, finding.what)
    });
    told.collect()
}

#[test]
fn a_sound_trace_has_no_findings() {
    let bytes = with(|_| ());
    let report = report(bytes.clone());
    assert_eq!(told(&report), [""; 0]);
    assert_eq!(report.notes, [""; 0]);
    assert_eq!((report.frames, report.counts.faults, report.is_whole), (16, 3, true));
    assert_eq!((report.counts.chains, report.counts.cut_chains), (Some(2), 1));
    assert_eq!((report.counts.with_chain, report.counts.without_entry), (2, 1));
    assert_eq!((report.counts.calls, report.counts.oom, report.counts.snapshots), (3, 2, 1));
    assert_eq!((report.counts.lost_by_kernel, report.counts.lost_by_recorder), (12, u64::MAX));
    assert_eq!(report.counts.interrupted, 1);
    assert_eq!(report.counts.fact("kernel.release"), Some("6.18.0"));
    assert_eq!(report.counts.checkpoint, Some(Records::new().checkpoint));
    // What the forgeries put together is what the writer writes.
    assert_eq!(forged(&bytes, |_| ()), bytes);
}

#[test]
fn every_rule_is_broken_by_a_forgery_that_is_found() {
    let (mut broken, mut wrong) = (BTreeSet::new(), Vec::new());
    for (name, bytes, expected) in forgeries::all() {
        let report = report(bytes);
        if told(&report) != expected {
            wrong.push((name, told(&report)));
        }
        broken.extend(report.findings.counts().map(|(rule, _)| rule));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Those of the ledger are held against frames by pfreport; no reader refuses for reasons without a
    // rule.
    let elsewhere = [Rule::LedgerRows, Rule::LedgerKernel, Rule::Refused];
    let unbroken: Vec<_> = Rule::ALL
        .iter()
        .filter(|rule| !broken.contains(rule) && !elsewhere.contains(rule))
        .collect();
    assert!(unbroken.is_empty(), "{unbroken:?}");
}

#[test]
fn all_findings_are_counted_and_few_are_kept() {
    let bytes = with(|records| {
        for map in &mut records.maps {
            map.prot = 8;
        }
        let row = records.maps[0].clone();
        records.maps.splice(0..0, vec![row; 8]);
    });
    let report = report(bytes);
    assert_eq!(report.findings.kept().len(), 3);
    assert_eq!(report.findings.counts().collect::<Vec<_>>(), [(Rule::Protection, 10)]);
    assert_eq!((report.findings.total(), report.findings.is_empty()), (10, false));
}

#[test]
fn what_came_too_late_is_told_and_no_finding() {
    let late = report(forgeries::faults_behind(3));
    assert_eq!(told(&late), [""; 0]);
    let note =
        "not checked: records lie behind later ones 2 times, and 3 reached the recorder too late";
    assert_eq!(late.notes, [note]);
    // Without the ledger of the end nobody knows.
    let mut bytes = forgeries::faults_behind(0);
    let trace = Trace::from_bytes(bytes.clone()).unwrap();
    let checkpoint = trace.frames().last().unwrap();
    bytes[checkpoint.offset as usize + 64] ^= 1;
    let cut = report(bytes);
    assert_eq!(told(&cut), ["Checkpoint frame 16: checksum: the checksum of the payload is wrong"]);
    let note = "not checked: records lie behind later ones 2 times; the ledger of the end, which tells \
                whether they reached the recorder too late, is missing";
    assert_eq!(cut.notes, [note]);
}
