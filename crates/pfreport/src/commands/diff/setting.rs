//! What a run was like: machine, kernel, target, and what was recorded of it.

use pft::keys::fact;

use crate::figures::scope::{CallGraph, Kind, Scope};
use crate::load::Loaded;
use crate::print::text::{printable, shorten};
use crate::print::units::{bytes, duration};

/// Something that runs have in common if they are to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trait {
    /// What it is, fit to print.
    pub name: String,
    /// What it is in this run, fit to print; none if the file does not say.
    pub value: Option<String>,
}

/// Name of the trait that says less where [`KERNEL`] differs.
pub const KERNEL_BUILD: &str = "kernel build";

/// Name of the trait of the release of the kernel.
pub const KERNEL: &str = "kernel";

/// Name of the trait that decides which classes and causes can be told apart.
pub const ERROR_CODES: &str = "error codes recorded";

/// Longest value that is shown whole.
const CHARACTERS: usize = 120;

/// Facts that are compared as they are.
const FACTS: [(&str, &str); 19] = [
    ("host", fact::MACHINE_HOSTNAME),
    ("architecture", fact::MACHINE_ARCH),
    ("CPUs", fact::MACHINE_CPUS),
    ("NUMA nodes of CPUs", fact::MACHINE_CPU_NODES),
    (KERNEL, fact::KERNEL_RELEASE),
    (KERNEL_BUILD, fact::KERNEL_VERSION),
    ("transparent huge pages", fact::VM_THP_ENABLED),
    ("swappiness", fact::VM_SWAPPINESS),
    ("overcommit", fact::VM_OVERCOMMIT_MEMORY),
    ("zswap", fact::VM_ZSWAP_ENABLED),
    ("NUMA balancing", fact::VM_NUMA_BALANCING),
    ("stack limit", fact::RLIMIT_STACK_BYTES),
    ("command", fact::TARGET_COMMAND),
    ("control group", fact::TARGET_CGROUP),
    ("exit status", fact::TARGET_EXIT_STATUS),
    ("recording ended by", fact::RECORDING_ENDED_BY),
    ("version of the recorder", fact::PFT_VERSION),
    ("privileges of the recorder", fact::CAPTURE_PRIVILEGED),
    ("event of the entry", fact::CAPTURE_ENTRY_EVENT),
];

/// All traits of a run.
#[must_use]
pub fn traits(loaded: &Loaded) -> Vec<Trait> {
    let of = |name: &str, value: Option<String>| Trait { name: name.to_owned(), value };
    let mut traits: Vec<Trait> =
        FACTS.iter().map(|&(name, key)| of(name, loaded.fact(key).map(text))).collect();
    let size = |key| {
        let value = loaded.fact(key)?.trim();
        Some(value.parse().map_or_else(|_| text(value), bytes))
    };
    traits.push(of("memory", size(fact::MACHINE_MEMORY_BYTES)));
    traits.push(of("swap space", size(fact::VM_SWAP_TOTAL_BYTES)));
    traits.push(of("page size", Some(bytes(u64::from(loaded.header.page_size_bytes)))));
    traits.extend(recorded(loaded).map(|(name, value)| of(name, value)));
    traits
}

/// The labels of a run.
#[must_use]
pub fn labels(loaded: &Loaded) -> Vec<Trait> {
    let labels =
        loaded.facts.iter().filter_map(|(key, v)| Some((key.strip_prefix(fact::LABEL_PREFIX)?, v)));
    labels
        .map(|(name, value)| Trait { name: printable(name.as_bytes()), value: Some(text(value)) })
        .collect()
}

/// A value, fit to print.
fn text(value: &str) -> String {
    shorten(&printable(value.trim().as_bytes()), CHARACTERS)
}

/// What was recorded.
fn recorded(loaded: &Loaded) -> [(&'static str, Option<String>); 12] {
    let scope = Scope::of(loaded);
    let yes = |is: bool| Some(if is { "yes" } else { "no" }.to_owned());
    let time = |ns: u64| Some(if ns == 0 { "none".to_owned() } else { duration(ns) });
    let exactness = &loaded.analysis.exactness;
    let kind = match scope.kind {
        Kind::Command => Some("a command"),
        Kind::Processes => Some("processes"),
        Kind::Threads => Some("threads"),
        Kind::System => Some("all tasks"),
        Kind::Cgroup => Some("a control group"),
        Kind::Unknown => None,
    };
    let kernel_mode = match (scope.user_only, exactness.kernel_mode) {
        (true, _) => "left out on request",
        (false, true) => "recorded",
        (false, false) => "not recorded",
    };
    let chains = match scope.call_graph {
        None => "none",
        Some(CallGraph::FramePointers) => "by frame pointers",
        Some(CallGraph::Stacks { .. }) => "from copies of stacks",
    };
    let reach = if scope.by_cpu { "CPUs" } else { "threads" };
    [
        ("target", kind.map(str::to_owned)),
        ("processes that the target creates", yes(scope.follow)),
        ("events bound to", Some(reach.to_owned())),
        ("latencies recorded", yes(scope.latency)),
        ("major faults only", yes(scope.major_only)),
        ("faults in kernel mode", Some(kernel_mode.to_owned())),
        (ERROR_CODES, yes(exactness.error_code)),
        ("calls that change mappings recorded", scope.calls.and_then(yes)),
        ("minimum latency", time(scope.min_latency_ns)),
        ("delay", time(scope.delay_ns)),
        ("window of a flight recorder", time(scope.window_ns.unwrap_or(0))),
        ("call chains", Some(chains.to_owned())),
    ]
}
