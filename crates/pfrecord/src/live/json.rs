//! A JSON object a line; `schemas/live.schema.json` has the meaning of each name.

use std::fmt::Write as _;

use pfmodel::lines::{Address, UNKNOWN_REGION, push_hex};
use pft::record::{MarkRecord, OomRecord};
use pft::text::printable;

use super::lines::FaultLine;
use super::tally::Totals;

/// What tables print as the module of an instruction of the kernel.
const KERNEL_MODULE: &[u8] = b"[kernel]";

/// Appends the object of a fault.
pub fn push_fault(out: &mut String, line: &FaultLine<'_>) {
    let judged = line.judged;
    // Writing to a String cannot fail.
    let _ = write!(out, "{{\"type\":\"fault\",\"time_ns\":{}", line.time_ns);
    push_number(out, "end_ns", line.end_ns);
    push_number(out, "latency_ns", line.latency_ns);
    let words = [
        ("class", judged.class.as_str()),
        ("cause", judged.cause.as_str()),
        ("access", judged.access.as_str()),
        ("mode", if judged.kernel_mode { "kernel" } else { "user" }),
    ];
    for (name, word) in words {
        let _ = write!(out, ",\"{name}\":\"{word}\"");
    }
    let _ = write!(out, ",\"pid\":{},\"tid\":{}", line.pid, line.tid);
    push_name(out, "comm", Some(judged.comm));
    push_number(out, "cpu", line.cpu);
    push_address(out, "addr", line.addr);
    push_name(out, "region", Some(judged.place.map_or(UNKNOWN_REGION, |place| place.region)));
    push_name(out, "path", judged.place.and_then(|place| place.path));
    push_number(out, "file_offset", judged.place.and_then(|place| place.file_offset));
    push_address(out, "ip", line.ip);
    let module = judged.ip_place.map(|place| place.region);
    push_name(out, "module", if judged.kernel_mode { Some(KERNEL_MODULE) } else { module });
    let _ = writeln!(out, ",\"attempts\":{}}}", line.attempts);
}

/// Appends the object of a mark.
pub fn push_mark(out: &mut String, time_ns: u64, mark: &MarkRecord) {
    let _ = write!(out, "{{\"type\":\"mark\",\"time_ns\":{time_ns}");
    push_name(out, "name", Some(&mark.name));
    out.push_str("}\n");
}

/// Appends the object of a victim of the OOM killer.
pub fn push_oom(out: &mut String, time_ns: u64, (pid, by): (u32, (u32, u32)), oom: &OomRecord) {
    let _ = write!(out, "{{\"type\":\"oom\",\"time_ns\":{time_ns},\"pid\":{pid}");
    push_name(out, "comm", Some(&oom.comm[..]).filter(|comm| !comm.is_empty()));
    let _ = write!(out, ",\"by_pid\":{},\"by_tid\":{}", by.0, by.1);
    push_number(out, "total_vm_kib", oom.total_vm_kib);
    push_number(out, "anon_rss_kib", oom.anon_rss_kib);
    push_number(out, "file_rss_kib", oom.file_rss_kib);
    push_number(out, "shmem_rss_kib", oom.shmem_rss_kib);
    push_number(out, "pgtables_kib", oom.pgtables_kib);
    push_number(out, "uid", oom.uid);
    push_number(out, "oom_score_adj", oom.oom_score_adj);
    out.push_str("}\n");
}

/// Appends the object that says that others are missing.
pub fn push_dropped(out: &mut String, lines: u64) {
    let _ = writeln!(out, "{{\"type\":\"dropped\",\"count\":{lines}}}");
}

/// Appends the last object.
pub fn push_summary(out: &mut String, totals: &Totals) {
    let Totals { major, minor, cow, failed, in_flight, unresolved } = totals;
    let _ = write!(out, "{{\"type\":\"summary\",\"major\":{major}");
    push_number(out, "minor", minor.known());
    push_number(out, "cow", cow.known());
    push_number(out, "failed", *failed);
    push_number(out, "in_flight", *in_flight);
    push_number(out, "unresolved", *unresolved);
    out.push_str("}\n");
}

fn push_number(out: &mut String, name: &str, number: Option<impl std::fmt::Display>) {
    let _ = match number {
        Some(number) => write!(out, ",\"{name}\":{number}"),
        None => write!(out, ",\"{name}\":null"),
    };
}

fn push_address(out: &mut String, name: &str, address: Address) {
    let _ = write!(out, ",\"{name}\":");
    let (number, sign) = match address {
        Address::Absolute(number) => (number, ""),
        Address::Relative(offset) => (offset, "+"),
        Address::Unknown => return out.push_str("null"),
    };
    out.push('"');
    out.push_str(sign);
    push_hex(out, number, 0);
    out.push('"');
}

fn push_name(out: &mut String, name: &str, text: Option<&[u8]>) {
    let _ = write!(out, ",\"{name}\":");
    let Some(text) = text else {
        return out.push_str("null");
    };
    out.push('"');
    match str::from_utf8(text) {
        Ok(plain) if text.iter().all(|b| matches!(b, b'!'..=b'~') && !b"\"\\".contains(b)) => {
            out.push_str(plain);
        }
        _ => {
            for c in printable(text).chars() {
                if c == '"' || c == '\\' {
                    out.push('\\');
                }
                out.push(c);
            }
        }
    }
    out.push('"');
}
