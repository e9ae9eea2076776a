//! Facts whose values have a form.

use super::finding::{Findings, Place};
use super::rule::Rule;
use crate::keys::fact::*;
use crate::record::Fact;

/// Words that a fact may have.
fn words(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        TARGET_FOLLOW | CAPTURE_KERNEL_MODE | CAPTURE_ERROR_CODE | CAPTURE_PRIVILEGED
        | CAPTURE_LATENCY | CAPTURE_MAJOR_ONLY | CAPTURE_USER_ONLY | CAPTURE_CALLS
        | CAPTURE_OOM | CAPTURE_PAGE_NODES | CAPTURE_WALL_CLOCK | CAPTURE_PAGE_SIZES
        | CAPTURE_LOSS_COUNTS | CAPTURE_SIGNALS => &["yes", "no"],
        CAPTURE_COMPLETIONS => &["all", "minor", "major", "none"],
        IMPORTED_FROM => &["perf.data"],
        RECORDING_ENDED_BY => &["target", "signal", "duration", "size", "failure", "reader"],
        TARGET_KIND => &["command", "processes", "threads", "system", "cgroup"],
        CAPTURE_ENTRY_EVENT => &["tracepoint", "software", "none"],
        CAPTURE_REACH => &["thread", "cpu", "cgroup"],
        CAPTURE_CALL_GRAPH => &["fp", "dwarf"],
        FLIGHT_WRITTEN_ON => &["signal", "latency", "end"],
        FLIGHT_LIMITED_BY => &["window", "memory", "start"],
        _ => return None,
    })
}

fn is_number(key: &str) -> bool {
    matches!(
        key,
        MACHINE_CPUS
            | MACHINE_MEMORY_BYTES
            | TARGET_EXIT_STATUS
            | CAPTURE_MIN_LATENCY_NS
            | CAPTURE_DELAY_NS
            | CAPTURE_MAPS_INTERVAL_NS
            | CAPTURE_STACK_SHARE
            | CAPTURE_STACK_BYTES
            | FLIGHT_WINDOW_NS
            | RING_BYTES_PER_CPU
            | RING_REQUESTED_BYTES_PER_CPU
            | LATENCY_BIAS_NS
            | LATENCY_BIAS_SPREAD_NS
            | TRACE_COMPRESSION_LEVEL
            | VM_SWAP_TOTAL_BYTES
    )
}

/// Checks one fact. Those with other keys may have any value.
pub(super) fn check(fact: &Fact, place: Place, findings: &mut Findings) {
    let Fact { key, value } = fact;
    if let Some(words) = words(key).filter(|words| !words.contains(&value.as_str())) {
        let what = || format!("{key} is none of {}", words.join(", "));
        findings.add(Rule::FactValue, place, what);
    }
    let is_digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    if is_number(key) && !is_digits {
        findings.add(Rule::FactValue, place, || format!("{key} is no number"));
    }
}
