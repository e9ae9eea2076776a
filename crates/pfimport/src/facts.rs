//! Facts about machine, command and events.

use pft::keys::fact;
use pft::record::{Fact, TraceHeader};

use crate::command_line::{self, CommandLine};
use crate::events::{Completions, Events};
use crate::perf::attr::{Attr, flags, sample};
use crate::perf::features::{Features, feature};

/// Clock of a trace whose clock is none of `clock_gettime(2)`.
const NO_CLOCK: u32 = u32::MAX;
/// Those that the kernel lets an event have: real time, monotonic, raw, boot time, TAI.
const CLOCKS: [u32; 5] = [0, 1, 4, 7, 11];
/// Size of a page where nothing tells.
const PAGE_BYTES: u32 = 4096;

/// The clock of the records, as in `clock_gettime(2)`; `None` is the scheduler's.
pub fn clock_id(attrs: &[Attr]) -> Option<u32> {
    let attr = attrs.first().filter(|attr| attr.has(flags::USE_CLOCK_ID))?;
    Some(attr.clock_id).filter(|id| CLOCKS.contains(id))
}

/// The header of the trace.
pub fn header(
    uuid: [u8; 16],
    start_ns: u64,
    attrs: &[Attr],
    features: &Features,
    page_size_bytes: u32,
) -> TraceHeader {
    let is_page_size = page_size_bytes.is_power_of_two() && page_size_bytes >= PAGE_BYTES;
    TraceHeader {
        uuid,
        page_size_bytes: if is_page_size { page_size_bytes } else { PAGE_BYTES },
        clock_id: clock_id(attrs).unwrap_or(NO_CLOCK),
        start_ns,
        start_realtime_ns: wall_ns(start_ns, attrs, features).unwrap_or(0),
    }
}

/// The wall clock at a time of the records, if the file tells.
pub fn wall_ns(at_ns: u64, attrs: &[Attr], features: &Features) -> Option<u64> {
    let pair = features.clocks().filter(|pair| Some(pair.clock_id) == clock_id(attrs))?;
    pair.realtime_ns.checked_add_signed(at_ns.checked_signed_diff(pair.clock_ns)?)
}

/// All facts.
pub fn facts(
    events: &Events,
    attrs: &[Attr],
    features: &Features,
    has_wall_clock: bool,
) -> Vec<Fact> {
    let yes_or_no = |is| if is { "yes" } else { "no" }.to_owned();
    let version = features.text(feature::VERSION).map(|version| format!("perf {version}"));
    let words = features.command();
    let has_latency = events.has_entries() && events.completions != Completions::None;
    let entry_event = match () {
        () if events.has_tracepoints() => "tracepoint",
        () if events.software_entries => "software",
        () => "none",
    };
    let mut found = vec![
        (fact::IMPORTED_FROM, Some("perf.data".to_owned())),
        (fact::IMPORTED_BY, version),
        (fact::IMPORTED_COMMAND, words.as_deref().map(command_line::quoted)),
        (fact::MACHINE_HOSTNAME, features.text(feature::HOSTNAME)),
        (fact::KERNEL_RELEASE, features.text(feature::OS_RELEASE)),
        (fact::MACHINE_ARCH, features.text(feature::ARCH)),
        (fact::MACHINE_CPUS, features.cpus().map(|cpus| cpus.to_string())),
        (fact::MACHINE_MEMORY_BYTES, features.memory_bytes().map(|bytes| bytes.to_string())),
        (fact::CAPTURE_ENTRY_EVENT, Some(entry_event.to_owned())),
        (fact::CAPTURE_LATENCY, Some(yes_or_no(has_latency))),
        (fact::CAPTURE_KERNEL_MODE, Some(yes_or_no(events.kernel_mode))),
        (fact::CAPTURE_ERROR_CODE, Some(yes_or_no(events.has_tracepoints()))),
        (fact::CAPTURE_CALLS, Some(yes_or_no(false))),
    ];
    if events.completions != Completions::All {
        found.push((fact::CAPTURE_COMPLETIONS, Some(events.completions.as_str().to_owned())));
    }
    if events.completions == Completions::Major && !events.has_entries() {
        found.push((fact::CAPTURE_MAJOR_ONLY, Some(yes_or_no(true))));
    }
    if !has_wall_clock {
        found.push((fact::CAPTURE_WALL_CLOCK, Some(yes_or_no(false))));
    }
    if attrs.iter().any(|attr| attr.samples(sample::CALLCHAIN)) {
        found.push((fact::CAPTURE_CALL_GRAPH, Some("fp".to_owned())));
    }
    if attrs.iter().all(|attr| !attr.has(flags::INHERIT)) {
        found.push((fact::TARGET_FOLLOW, Some(yes_or_no(false))));
    }
    found.extend(target(words.as_deref().and_then(command_line::parse), attrs));
    found
        .into_iter()
        .filter_map(|(key, value)| Some(Fact { key: key.to_owned(), value: value? }))
        .collect()
}

/// Whom perf recorded.
fn target(line: Option<CommandLine>, attrs: &[Attr]) -> Vec<(&'static str, Option<String>)> {
    let started = attrs.iter().any(|attr| attr.has(flags::ENABLE_ON_EXEC));
    let Some(line) = line else {
        return vec![(fact::TARGET_KIND, started.then(|| "command".to_owned()))];
    };
    let is_numbers =
        |list: &String| !list.is_empty() && list.bytes().all(|b| b.is_ascii_digit() || b == b',');
    let kind = match &line {
        CommandLine { cgroup: Some(_), .. } => "cgroup",
        CommandLine { all_cpus: true, .. } => "system",
        CommandLine { pids: Some(_), .. } => "processes",
        CommandLine { tids: Some(_), .. } => "threads",
        CommandLine { command, .. } if command.is_empty() => "system",
        _ => "command",
    };
    // What runs beside a recording of others only says how long it takes.
    let command = (kind == "command").then(|| command_line::quoted(&line.command));
    vec![
        (fact::TARGET_KIND, Some(kind.to_owned())),
        (fact::TARGET_COMMAND, command),
        (fact::TARGET_PIDS, line.pids.filter(is_numbers)),
        (fact::TARGET_TIDS, line.tids.filter(is_numbers)),
    ]
}
