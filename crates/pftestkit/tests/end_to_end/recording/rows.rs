//! The report's tables, read back.

use std::collections::HashMap;
use std::path::Path;

use crate::recording::pfreport;

/// One fault as the report has it.
#[derive(Debug, Clone)]
pub struct Row {
    pub pid: u32,
    pub tid: u32,
    pub comm: String,
    /// Name of the last mark before it.
    pub phase: String,
    pub mode: String,
    pub addr: u64,
    pub kind: String,
    pub time_ns: u64,
    pub latency_ns: Option<u64>,
    pub attempts: u64,
    pub access: String,
    pub region: String,
    pub region_kind: String,
    pub nth: u64,
    pub slow: bool,
    pub path: String,
    pub file_offset: Option<u64>,
    pub perms: String,
    pub failure: String,
    pub map_confidence: String,
}

/// Every fault of a trace. No fault counts as slow, however busy the machine: waits for I/O in flight
/// are told by time only.
pub fn rows(trace: &Path) -> Vec<Row> {
    rows_with(trace, &["--slow-threshold", "1h"])
}

/// A line of CSV by the names of its columns.
pub type Record = HashMap<String, String>;

/// What the report writes as CSV with these options: every fault, or a grouped table.
pub fn records(trace: &Path, options: &[&str]) -> Vec<Record> {
    let output = pfreport(trace, &[&["--csv"], options].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    reader.deserialize().map(Result::unwrap).collect()
}

/// Every fault of a trace, with these options of the report.
pub fn rows_with(trace: &Path, options: &[&str]) -> Vec<Row> {
    records(trace, options)
        .into_iter()
        .map(|record| {
            let text = |name: &str| record[name].clone();
            Row {
                pid: text("pid").parse().unwrap(),
                tid: text("tid").parse().unwrap(),
                comm: text("comm"),
                phase: text("phase"),
                mode: text("mode"),
                addr: u64::from_str_radix(text("addr").strip_prefix("0x").unwrap(), 16).unwrap(),
                kind: format!("{}/{}", record["class"], record["cause"]),
                time_ns: text("time_ns").parse().unwrap(),
                latency_ns: text("latency_ns").parse().ok(),
                attempts: text("attempts").parse().unwrap(),
                access: text("access"),
                region: text("region"),
                region_kind: text("region_kind"),
                nth: text("nth").parse().unwrap(),
                slow: text("slow").parse().unwrap(),
                path: text("path"),
                file_offset: text("file_offset").parse().ok(),
                perms: text("perms"),
                failure: text("failure"),
                map_confidence: text("map_confidence"),
            }
        })
        .collect()
}
