//! For programs: `schemas/verify.schema.json`.

use std::collections::BTreeMap;

use pft::FrameKind;
use pft::verify::Rule;
use serde::Serialize;

use super::Verified;
use super::ledger::Agreement;
use super::text::in_place;
use crate::GENERATOR;
use crate::files::input;
use crate::print::text::{harmless, printable_path};

/// Name and version of the document; another one where names change or go.
const SCHEMA: &str = "pft-verify/1";

/// The document about some traces.
#[derive(Serialize)]
pub struct Document {
    schema: &'static str,
    generator: &'static str,
    traces: Vec<Trace>,
}

#[derive(Serialize)]
struct Trace {
    name: String,
    path: String,
    sound: bool,
    frames: u64,
    faults: u64,
    rules: usize,
    ledger: Ledger,
    counts: BTreeMap<&'static str, u64>,
    findings: Vec<Finding>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Ledger {
    state: &'static str,
    figures: Option<u64>,
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Finding {
    rule: &'static str,
    section: &'static str,
    offset: Option<u64>,
    sequence: Option<u64>,
    kind: Option<String>,
    row: Option<u64>,
    what: String,
}

/// What is said of some traces.
pub fn document(checked: &[Verified]) -> Document {
    Document { schema: SCHEMA, generator: GENERATOR, traces: checked.iter().map(trace).collect() }
}

fn trace(verified: &Verified) -> Trace {
    let report = &verified.report;
    let (state, figures, reason) = match verified.agreement {
        Agreement::Agrees(figures) => ("agrees", Some(figures), None),
        Agreement::Differs => ("differs", None, None),
        Agreement::Untold(why) => ("untold", None, Some(why)),
    };
    Trace {
        name: input::name(&verified.path),
        path: printable_path(&verified.path),
        sound: verified.is_sound(),
        frames: report.frames,
        faults: report.counts.faults,
        rules: Rule::ALL.len(),
        ledger: Ledger { state, figures, reason },
        counts: report.findings.counts().map(|(rule, count)| (rule.word(), count)).collect(),
        findings: in_place(&report.findings).into_iter().map(finding).collect(),
        notes: report.notes.iter().map(|note| harmless(note)).collect(),
    }
}

fn finding(finding: &pft::verify::Finding) -> Finding {
    let (rule, place) = (finding.rule, finding.place);
    Finding {
        rule: rule.word(),
        section: rule.section(),
        offset: place.offset,
        sequence: place.frame.map(|frame| frame.sequence),
        kind: place.frame.map(|frame| match FrameKind::known(frame.kind, frame.version) {
            Some(kind) => kind.to_string(),
            None => frame.kind.to_string(),
        }),
        row: place.row,
        what: harmless(&finding.what),
    }
}
