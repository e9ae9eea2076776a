//! For programs: `schemas/info.schema.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::GENERATOR;
use crate::outputs::json::Gap;

use super::content::Content;

/// Name and version of the document; another one where names change or go.
const SCHEMA: &str = "pft-info/1";

/// The document about some traces.
#[derive(Serialize)]
pub struct Document<'a> {
    schema: &'static str,
    generator: &'static str,
    traces: Vec<Trace<'a>>,
}

#[derive(Serialize)]
struct Trace<'a> {
    name: &'a str,
    path: &'a str,
    format: Format,
    uuid: String,
    file_bytes: u64,
    page_size_bytes: u32,
    clock_id: u32,
    start_ns: u64,
    start_realtime_ns: u64,
    duration_ns: u64,
    whole: bool,
    flaws: Vec<&'static str>,
    ended: bool,
    damage: &'a [String],
    gaps: Vec<Gap>,
    notes: &'a [String],
    frames: Vec<Kind>,
    labels: &'a BTreeMap<String, String>,
    facts: &'a BTreeMap<String, String>,
    marks: Vec<Mark<'a>>,
    checkpoint: Option<Checkpoint>,
}

#[derive(Serialize)]
struct Format {
    major: u16,
    minor: u16,
}

#[derive(Serialize)]
struct Kind {
    kind: String,
    version: u16,
    frames: u64,
    rows: u64,
    stored_bytes: u64,
    raw_bytes: u64,
    first_ns: Option<u64>,
    last_ns: Option<u64>,
}

#[derive(Serialize)]
struct Mark<'a> {
    time_ns: u64,
    name: &'a str,
}

#[derive(Serialize)]
struct Checkpoint {
    time_ns: u64,
    end: bool,
    ledger: BTreeMap<String, u64>,
}

/// What is said of some traces.
pub fn document(contents: &[Content]) -> Document<'_> {
    Document { schema: SCHEMA, generator: GENERATOR, traces: contents.iter().map(trace).collect() }
}

fn trace(content: &Content) -> Trace<'_> {
    let header = &content.header;
    let kinds = content.frames.iter().map(|kind| Kind {
        kind: kind.kind.to_string(),
        version: kind.version,
        frames: kind.frames,
        rows: kind.rows,
        stored_bytes: kind.stored_bytes,
        raw_bytes: kind.raw_bytes,
        first_ns: kind.times_ns.map(|times| times.0),
        last_ns: kind.times_ns.map(|times| times.1),
    });
    let marks = content.marks.iter();
    Trace {
        name: &content.name,
        path: &content.path,
        format: Format { major: content.version.0, minor: content.version.1 },
        uuid: content.uuid(),
        file_bytes: content.file_bytes,
        page_size_bytes: header.page_size_bytes,
        clock_id: header.clock_id,
        start_ns: header.start_ns,
        start_realtime_ns: header.start_realtime_ns,
        duration_ns: content.duration_ns,
        whole: content.is_whole(),
        flaws: content.flaws(),
        ended: content.ended(),
        damage: &content.damage,
        gaps: Gap::all(&content.gaps, header.start_ns),
        notes: &content.notes,
        frames: kinds.collect(),
        labels: &content.labels,
        facts: &content.facts,
        marks: marks.map(|mark| Mark { time_ns: mark.time_ns, name: &mark.name }).collect(),
        checkpoint: content.checkpoint.as_ref().map(|checkpoint| Checkpoint {
            time_ns: checkpoint.time_ns.saturating_sub(header.start_ns),
            end: checkpoint.end,
            ledger: content.ledger(),
        }),
    }
}
