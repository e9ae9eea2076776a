//! For people.

use std::io::{self, Write};
use std::path::Path;

use pft::verify::{Finding, Findings};

use super::Verified;
use super::ledger::Agreement;
use crate::error::Error;
use crate::print::text::{harmless, printable_path, with_sources};
use crate::print::units::{count, counted};

/// The findings of a trace, and whether it is sound.
pub fn write(verified: &Verified, quiet: bool, out: &mut impl Write) -> io::Result<()> {
    let name = printable_path(&verified.path);
    let report = &verified.report;
    for finding in in_place(&report.findings) {
        let Finding { rule, place, what, .. } = finding;
        let what = harmless(what);
        let section = rule.section();
        writeln!(out, "{name}: {place}: {what} [{rule}, section {section}]")?;
    }
    for (rule, beyond) in beyond(&report.findings) {
        writeln!(out, "{name}: {} more of {rule}", count(beyond))?;
    }
    if quiet {
        return Ok(());
    }
    for note in &report.notes {
        writeln!(out, "{name}: note: {}", harmless(note))?;
    }
    let frames = counted(report.frames, "frame");
    let faults = counted(report.counts.faults, "fault");
    let rules = counted(pft::verify::Rule::ALL.len() as u64, "rule");
    let verdict = match report.findings.total() {
        0 => "sound".to_owned(),
        findings => counted(findings, "finding"),
    };
    let ledger = match &verified.agreement {
        Agreement::Agrees(checks) => format!("ledger agrees ({} figures)", count(*checks)),
        Agreement::Differs => "ledger differs".to_owned(),
        Agreement::Untold(why) => format!("ledger not checked: {why}"),
    };
    writeln!(out, "{name}: {verdict}: {frames}, {faults}, {rules} checked, {ledger}")
}

/// A further trace that cannot be read: the first one is told as every failure is.
pub fn unreadable(path: &Path, error: &Error, out: &mut impl Write) -> io::Result<()> {
    let name = printable_path(path);
    writeln!(out, "{name}: {}", harmless(&with_sources(error)))
}

/// Findings in the order of the file, those of the whole file last.
pub fn in_place(findings: &Findings) -> Vec<&Finding> {
    let mut sorted: Vec<&Finding> = findings.kept().iter().collect();
    sorted.sort_by_key(|finding| (finding.place.offset.unwrap_or(u64::MAX), finding.place.row));
    sorted
}

/// How many findings of each rule were not kept.
fn beyond(findings: &Findings) -> Vec<(pft::verify::Rule, u64)> {
    let kept = |rule| findings.kept().iter().filter(|finding| finding.rule == rule).count() as u64;
    let beyond = findings.counts().map(|(rule, all)| (rule, all.saturating_sub(kept(rule))));
    beyond.filter(|&(_, beyond)| beyond > 0).collect()
}
