//! The tables that `testdata/read_pft.py` prints, made by the Rust reader.

use std::fmt::{Display, Write as _};

use pft::Trace;
use pft::record::{
    CallKind, CallRecord, FaultBatch, Frame, LATENCY_UNKNOWN, MarkRecord, OomRecord,
};

/// Names of the tables, as the script takes them, and their columns.
pub const TABLES: [(&str, &str); 4] = [
    ("faults", "time_ns,latency_ns,addr,ip,pid,tid,flags,attempts,cpu\n"),
    (
        "oom",
        "time_ns,pid,comm,by_pid,by_tid,total_vm_kib,anon_rss_kib,file_rss_kib,shmem_rss_kib,\
         pgtables_kib,uid,oom_score_adj\n",
    ),
    ("marks", "time_ns,name\n"),
    ("calls", "time_ns,end_ns,pid,tid,kind,addr,len_bytes,new_len_bytes,argument,result\n"),
];

/// One table of all frames of a trace.
pub fn table(trace: &Trace, name: &str) -> String {
    let (_, columns) = TABLES.iter().find(|(table, _)| *table == name).unwrap();
    let mut rows = String::new();
    for (_, frame) in trace.iter() {
        rows += &match (name, frame.unwrap()) {
            ("faults", Frame::Faults(batch)) => faults(&batch),
            ("oom", Frame::Oom(victims)) => victims.iter().map(oom).collect(),
            ("marks", Frame::Marks(marks)) => marks.iter().map(mark).collect(),
            ("calls", Frame::Calls(calls)) => calls.iter().map(call).collect(),
            _ => String::new(),
        };
    }
    format!("{columns}{rows}")
}

fn faults(batch: &FaultBatch) -> String {
    let c = &batch.columns;
    let mut rows = String::new();
    for row in 0..c.len() {
        let latency = known(Some(c.latency_ns[row]).filter(|&ns| ns != LATENCY_UNKNOWN));
        writeln!(
            rows,
            "{},{latency},{:#x},{:#x},{},{},{:#x},{},{}",
            c.time_ns[row],
            c.addr[row],
            c.ip[row],
            c.pid[row],
            c.tid[row],
            c.flags[row],
            c.attempts[row],
            batch.cpu
        )
        .unwrap();
    }
    rows
}

fn oom(v: &OomRecord) -> String {
    format!(
        "{},{},{},{},{},{},{},{},{},{},{},{}\n",
        v.time_ns,
        v.pid,
        text(&v.comm),
        v.by_pid,
        v.by_tid,
        known(v.total_vm_kib),
        known(v.anon_rss_kib),
        known(v.file_rss_kib),
        known(v.shmem_rss_kib),
        known(v.pgtables_kib),
        known(v.uid),
        known(v.oom_score_adj),
    )
}

fn mark(mark: &MarkRecord) -> String {
    format!("{},{}\n", mark.time_ns, text(&mark.name))
}

fn call(call: &CallRecord) -> String {
    let kind = match call.kind {
        CallKind::Munmap => "munmap",
        CallKind::Mremap => "mremap",
        CallKind::Madvise => "madvise",
    };
    let end_ns = Some(call.end_ns).filter(|&ns| ns != u64::MAX);
    format!(
        "{},{},{},{},{kind},{:#x},{},{},{},{}\n",
        call.time_ns,
        known(end_ns),
        call.pid,
        call.tid,
        call.addr,
        call.len_bytes,
        call.new_len_bytes,
        call.argument,
        known(end_ns.map(|_| call.result)),
    )
}

fn known(value: Option<impl Display>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Printable ASCII as it is, `\xNN` for the rest and for what would need quotes.
fn text(bytes: &[u8]) -> String {
    let mut shown = String::new();
    for &byte in bytes {
        match byte {
            b',' | b'"' | b'\\' => write!(shown, "\\x{byte:02x}").unwrap(),
            b' '..=b'~' => shown.push(byte.into()),
            _ => write!(shown, "\\x{byte:02x}").unwrap(),
        }
    }
    shown
}
