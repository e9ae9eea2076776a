//! Facts about the machine and the recording, for readers elsewhere.

use std::path::Path;

use pft::keys::fact as keys;
use pft::record::Fact;

use crate::check::Machine;
use crate::config::CallGraph;
use crate::event::{EventKind, Plan};
use crate::session::calibrate::Bias;
use crate::system::page_nodes;
use crate::system::permission;

/// One fact.
#[must_use]
pub fn fact(key: &str, value: impl ToString) -> Fact {
    Fact { key: key.to_owned(), value: value.to_string() }
}

/// What the kernel tells about itself and its memory settings. What cannot be read is left out.
#[must_use]
pub fn machine(root: &Path) -> Vec<Fact> {
    let names = rustix::system::uname();
    let mut facts = vec![
        fact(keys::KERNEL_RELEASE, names.release().to_string_lossy()),
        fact(keys::KERNEL_VERSION, names.version().to_string_lossy()),
        fact(keys::MACHINE_ARCH, names.machine().to_string_lossy()),
        fact(keys::MACHINE_HOSTNAME, names.nodename().to_string_lossy()),
    ];
    let read = |path: &str| std::fs::read_to_string(root.join(path)).ok();
    if let Some(memory) = read("proc/meminfo") {
        for (key, name) in
            [(keys::MACHINE_MEMORY_BYTES, "MemTotal:"), (keys::VM_SWAP_TOTAL_BYTES, "SwapTotal:")]
        {
            facts.extend(meminfo_bytes(&memory, name).map(|bytes| fact(key, bytes)));
        }
    }
    for (key, path) in [
        (keys::VM_SWAPPINESS, "proc/sys/vm/swappiness"),
        (keys::VM_OVERCOMMIT_MEMORY, "proc/sys/vm/overcommit_memory"),
        (keys::VM_NUMA_BALANCING, "proc/sys/kernel/numa_balancing"),
        (keys::VM_ZSWAP_ENABLED, "sys/module/zswap/parameters/enabled"),
    ] {
        facts.extend(read(path).map(|value| fact(key, value.trim())));
    }
    if let Some(choices) = read("sys/kernel/mm/transparent_hugepage/enabled") {
        facts.extend(bracketed(&choices).map(|choice| fact(keys::VM_THP_ENABLED, choice)));
    }
    facts.extend(page_nodes::cpu_nodes(root).map(|nodes| fact(keys::MACHINE_CPU_NODES, nodes)));
    facts
}

/// How the recorder is set up.
#[must_use]
pub fn capture(plan: &Plan, bias: Option<Bias>) -> Vec<Fact> {
    let Plan { abilities, selection, .. } = plan;
    let yes_no = |yes: bool| if yes { "yes" } else { "no" };
    let tracepoints = plan.entry_tracepoints();
    let entry = match (selection.latency, tracepoints) {
        (false, _) => "none",
        (true, true) => "tracepoint",
        (true, false) => "software",
    };
    let privileged = Machine::read(Path::new("/")).may_perfmon() == Some(true);
    let mut facts = vec![
        fact(keys::PFT_VERSION, env!("CARGO_PKG_VERSION")),
        fact(keys::CAPTURE_ENTRY_EVENT, entry),
        fact(keys::CAPTURE_ERROR_CODE, yes_no(tracepoints)),
        fact(keys::CAPTURE_KERNEL_MODE, yes_no(plan.kernel_mode())),
        fact(keys::CAPTURE_PRIVILEGED, yes_no(privileged)),
        fact(keys::CAPTURE_LATENCY, yes_no(selection.latency)),
        fact(keys::CAPTURE_MAJOR_ONLY, yes_no(selection.major_only)),
        fact(keys::CAPTURE_USER_ONLY, yes_no(selection.user_only)),
        fact(keys::CAPTURE_CALLS, yes_no(abilities.calls.is_some())),
        fact(keys::CAPTURE_OOM, yes_no(abilities.oom.is_some())),
        fact(keys::CAPTURE_PAGE_NODES, yes_no(selection.page_nodes)),
        fact(keys::CAPTURE_SIGNALS, yes_no(plan.wants(EventKind::Signal))),
        fact(keys::CAPTURE_PAGE_SIZES, yes_no(abilities.page_size)),
        fact(keys::CAPTURE_LOSS_COUNTS, yes_no(abilities.lost_counts)),
    ];
    match selection.call_graph {
        None => {}
        Some(CallGraph::FramePointers) => facts.push(fact(keys::CAPTURE_CALL_GRAPH, "fp")),
        Some(CallGraph::Stacks { bytes, share }) => {
            facts.push(fact(keys::CAPTURE_CALL_GRAPH, "dwarf"));
            facts.push(fact(keys::CAPTURE_STACK_BYTES, bytes));
            facts.push(fact(keys::CAPTURE_STACK_SHARE, share));
        }
    }
    if selection.min_latency_ns > 0 {
        facts.push(fact(keys::CAPTURE_MIN_LATENCY_NS, selection.min_latency_ns));
    }
    facts.extend(
        permission::paranoid_level().map(|level| fact(keys::CAPTURE_PERF_EVENT_PARANOID, level)),
    );
    if let Some(bias) = bias {
        facts.push(fact(keys::LATENCY_BIAS_NS, bias.median_ns));
        facts.push(fact(keys::LATENCY_BIAS_SPREAD_NS, bias.spread_ns));
    }
    facts
}

fn meminfo_bytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The choice in brackets of `always [madvise] never`.
fn bracketed(text: &str) -> Option<&str> {
    text.split_once('[')?.1.split_once(']').map(|(choice, _)| choice)
}

/// Callers that the kernel takes of a chain at most, from `/proc/sys/kernel/perf_event_max_stack`.
#[must_use]
pub fn most_callers(root: &Path) -> u16 {
    let most = std::fs::read_to_string(root.join("proc/sys/kernel/perf_event_max_stack"));
    // The kernel's default.
    most.ok().and_then(|most| most.trim().parse().ok()).unwrap_or(127)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_come_from_the_files() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("proc/meminfo", "MemTotal:       24000 kB\nSwapTotal:        0 kB\n");
        put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        let facts = machine(root.path());
        let value =
            |key: &str| facts.iter().find(|fact| fact.key == key).map(|fact| fact.value.as_str());
        assert_eq!(value(keys::MACHINE_MEMORY_BYTES), Some("24576000"));
        assert_eq!(value(keys::VM_SWAP_TOTAL_BYTES), Some("0"));
        assert_eq!(value(keys::VM_THP_ENABLED), Some("madvise"));
        assert_eq!(value(keys::VM_SWAPPINESS), None);
    }
}
