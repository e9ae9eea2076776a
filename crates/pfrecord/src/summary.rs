//! What `pfrecord` says when it starts and when it is done.

use std::process::ExitStatus;

use pfcapture::{DumpReason, Dumped, End, Named, Recorded, Started, Target};
use pft::text::{printable_path, shell_word};

use crate::cli::LARGEST_RING;

/// Lines when the recording runs.
pub fn started(started: &Started) -> Vec<String> {
    let mut lines = vec![format!(
        "recording {}, ring {} on each of {}",
        whom(started),
        bytes(started.ring_bytes as u64),
        plural(started.cpus as u64, "CPU", "CPUs"),
    )];
    if started.reach == "cpu" && started.target != Target::System {
        lines.push(
            "so many threads that all tasks are watched and others left out: faults of other \
             processes cost time too"
                .to_owned(),
        );
    }
    if started.reach == "thread" && matches!(started.target, Target::Cgroup(_)) {
        let why = if started.abilities.kernel_mode {
            "not a group of the perf_event hierarchy"
        } else {
            "not privileged"
        };
        lines.push(format!(
            "{why}: processes that are moved into the group from now on are not recorded"
        ));
    }
    if started.ring_bytes < started.ring_wanted_bytes {
        lines.push(format!(
            "ring buffers are smaller than the {} wanted: more may not be locked \
             (kernel.perf_event_mlock_kb, ulimit -l)",
            bytes(started.ring_wanted_bytes as u64)
        ));
    }
    if started.command_is_closed {
        lines.push(
            "not root, and this user may not read the command, or it runs as another: the kernel ends \
             the events when it is started, and none of its faults are recorded"
                .to_owned(),
        );
    }
    if !started.takes_marks {
        lines.push("marks cannot be set: pfrecord mark will not find this recording".to_owned());
    }
    if !started.abilities.kernel_mode {
        lines.push("not privileged: faults in kernel mode cannot be seen".to_owned());
    }
    if started.abilities.tracepoints.is_none() {
        lines.push(
            "no page-fault tracepoints: reads and writes, and copy-on-write, cannot be told apart"
                .to_owned(),
        );
    }
    let lacks = [
        (started.abilities.page_size, "which page size a fault installed (Linux 5.11)"),
        (started.abilities.lost_counts, "how many records each event lost (Linux 6.0)"),
    ];
    let lacks = lacks.into_iter().filter_map(|(has, what)| (!has).then_some(what));
    let lacks: Vec<&str> = lacks.collect();
    if !lacks.is_empty() {
        lines.push(format!("this kernel does not tell {}", lacks.join(", nor ")));
    }
    lines
}

fn whom(started: &Started) -> String {
    let numbers = |numbers: &[u32]| {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        numbers.join(", ")
    };
    let threads = plural(started.threads as u64, "thread", "threads");
    match &started.target {
        Target::Command | Target::Processes(_) => format!(
            "{} {} ({threads})",
            plural_only(started.pids.len(), "process", "processes"),
            numbers(&started.pids),
        ),
        Target::Threads(tids) => {
            format!("{} {}", plural_only(tids.len(), "thread", "threads"), numbers(tids))
        }
        Target::System => "all processes".to_owned(),
        Target::Cgroup(path) => format!("control group {}", printable_path(path)),
    }
}

/// The line for a window that a flight recorder has written.
pub fn dumped(dumped: &Dumped, size: u64) -> String {
    let (path, word) = (printable_path(&dumped.path), shell_word(&dumped.path));
    let why = match dumped.reason {
        DumpReason::Signal => "on SIGUSR2",
        DumpReason::Latency => "on a slow fault",
        DumpReason::End => "at the end",
    };
    format!("wrote {path} {why}: {}; next: pfreport {word}", bytes(size))
}

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Lines when it is done.
pub fn recorded(recorded: &Recorded) -> Vec<String> {
    let counts = &recorded.counts;
    let faults = counts.minor + counts.major;
    let seconds = recorded.duration.as_secs_f64();
    let why = why(recorded.end, recorded.exit_status);
    let mut lines = vec![format!(
        "{why} after {seconds:.3} s: {} faults ({} major), {}{}",
        thousands(faults),
        thousands(counts.major),
        lost(recorded.lost_faults(), recorded.lost()),
        agreement(recorded),
    )];
    lines.extend(apart(recorded));
    if recorded.in_delay {
        lines
            .push("it ended before the delay was over: no fault was to be recorded yet".to_owned());
    }
    if let Some(pid) = recorded.outlived_by {
        lines.push(format!("the command (pid {pid}) did not end on SIGTERM and still runs"));
    }
    if recorded.left_running > 0 {
        lines.push(format!(
            "still running, but no longer recorded: {} that the target created",
            plural(recorded.left_running as u64, "process", "processes")
        ));
    }
    if counts.foreign_ids > 0 {
        lines.push(format!(
            "another recorder watches the same threads: {} records carried its identification, and \
             where it runs in another pid namespace, its numbers of processes and threads",
            thousands(counts.foreign_ids)
        ));
    }
    if counts.unparsed > 0 {
        lines.push(format!(
            "{} could not be read: call chains that another recorder takes can be the reason",
            plural(counts.unparsed, "record", "records")
        ));
    }
    if recorded.lost_in_rings() > 0 {
        let larger = (recorded.started.ring_bytes * 4).clamp(8 << 20, LARGEST_RING);
        let larger = match recorded.started.ring_bytes < larger {
            true => format!(": try a larger one, -m {}M", larger >> 20),
            false => String::new(),
        };
        let waits = match recorded.started.nice {
            0 => "; where many threads are ready, pfrecord waits among them: as root it goes first",
            1.. => {
                "; where many threads are ready, pfrecord waits behind those of a lower nice value"
            }
            ..0 => {
                "; where hundreds of threads are ready for each CPU, going first is not enough: \
                 chrt --rr 1 pfrecord -p PID"
            }
        };
        lines.push(format!(
            "{} records found no room in a ring{larger}{waits}",
            thousands(recorded.lost_in_rings()),
        ));
    }
    if counts.unwatched_cpus > 0 {
        lines.push(format!(
            "{} came online meanwhile: faults there are missing",
            plural(counts.unwatched_cpus, "CPU", "CPUs")
        ));
    }
    if counts.dropped > 0 {
        lines.push(format!(
            "{} faults were dropped because writing fell behind: try a faster disk, or record fewer \
             (--min-latency, --major-only)",
            thousands(counts.dropped)
        ));
    }
    if counts.stacks_dropped > 0 {
        lines.push(format!(
            "{} of {} copies of stacks were dropped for want of time to unwind or of memory: those \
             faults have no call chain in user space; try a larger --stack-share",
            thousands(counts.stacks_dropped),
            thousands(counts.stacks_copied)
        ));
    }
    if counts.chains_dropped > 0 {
        lines.push(format!(
            "{} stored without a call chain: memory for chains that differ was short",
            plural(counts.chains_dropped, "fault was", "faults were")
        ));
    }
    let dropped = recorded.live.as_ref().map_or(0, |live| live.dropped);
    if dropped > 0 {
        lines.push(format!(
            "{} not shown live: the reader of the stream fell behind",
            plural(dropped, "fault was", "faults were")
        ));
    }
    let stored = faults.saturating_sub(counts.fast_minor + counts.fast_major);
    let per_fault = match stored {
        0 => String::new(),
        _ => format!(", {:.1} bytes a fault", recorded.file_bytes as f64 / stored as f64),
    };
    lines.extend(recorded.named.as_ref().and_then(named));
    if recorded.windows.suppressed > 0 {
        lines.push(format!(
            "{} had no window written: within a window's time of another, or two were being written",
            plural(recorded.windows.suppressed, "trigger", "triggers")
        ));
    }
    let size = bytes(recorded.file_bytes);
    match &recorded.path {
        _ if recorded.unwritten.is_some() => {}
        Some(path) => {
            if let Some(moved) = &recorded.moved {
                let (path, moved) = (printable_path(path), printable_path(moved));
                lines.push(format!("{path} was moved to {moved} while it was written"));
            }
            let path = recorded.moved.as_ref().unwrap_or(path);
            let (path, word) = (printable_path(path), shell_word(path));
            lines.push(format!("wrote {path}: {size}{per_fault}; next: pfreport {word}"));
        }
        None if recorded.file_bytes > 0 => {
            lines.push(format!("wrote to standard output: {size}{per_fault}"));
        }
        None => {}
    }
    lines
}

/// How naming what was hit went.
fn named(named: &Named) -> Option<String> {
    if named.asked + named.missing == 0 {
        return None;
    }
    let mut parts = vec![format!(
        "{} of {} named",
        thousands(named.found),
        plural(named.asked, "place in code", "places in code"),
    )];
    if named.skipped > 0 {
        let seconds = named.time_ns as f64 / 1e9;
        parts.push(format!("{} not looked up within {seconds:.1} s", thousands(named.skipped)));
    }
    if named.missing > 0 {
        parts.push(format!("{} could not be read", plural(named.missing, "module", "modules")));
    }
    Some(format!("symbols: {}", parts.join(", ")))
}

/// What was lost: faults, by their completions, and records in all.
fn lost(faults: u64, records: u64) -> String {
    match records.saturating_sub(faults) {
        0 => format!("{} lost", thousands(faults)),
        others => format!("{} lost and {} other records", thousands(faults), thousands(others)),
    }
}

/// What is in no count of completed faults.
fn apart(recorded: &Recorded) -> Option<String> {
    let counts = &recorded.counts;
    let parts = [
        (counts.fast_minor + counts.fast_major, "of these too fast to be stored"),
        (counts.signalled, "accesses that failed"),
        (counts.abandoned, "without completion"),
        (counts.in_flight, "in flight when their thread or the recording ended"),
        (counts.without_entry, "of these without entry: latency unknown"),
        (
            recorded.unseen.unwrap_or(0),
            "more in the command's own accounting, which perf events do not show",
        ),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> =
        parts.map(|(count, what)| format!("{} {what}", thousands(count))).collect();
    (!parts.is_empty()).then(|| format!("besides: {}", parts.join("; ")))
}

/// Why it ended.
pub fn why(end: End, status: Option<ExitStatus>) -> String {
    match (end, status) {
        // "exit status: 7", "signal: 9 (SIGKILL)".
        (End::TargetExited, Some(status)) => format!("the command ended ({status})"),
        (End::TargetExited, None) => "the target exited".to_owned(),
        (End::Signal, _) => "stopped by a signal".to_owned(),
        (End::Duration, _) => "the duration is over".to_owned(),
        (End::MaxSize, _) => "the trace has its largest size".to_owned(),
        (End::WriteFailed, _) => "the trace could not be written".to_owned(),
        (End::ShownToNobody, _) => "nobody reads the live lines any more".to_owned(),
    }
}

/// How what was captured stands to the kernel's own count of completed faults.
fn agreement(recorded: &Recorded) -> String {
    let (missing, surplus) =
        recorded.balances().iter().fold((0, 0), |(missing, surplus), balance| {
            let (here, there) = (balance.seen_and_lost, balance.counted);
            (missing + there.saturating_sub(here), surplus + here.saturating_sub(there))
        });
    match (missing, surplus) {
        (_, 0) if !recorded.tells_losses() => {
            let what = if missing == 0 { "captured is" } else { "captured is less than" };
            format!(", {what} the kernel's count, and how many it lost it does not tell")
        }
        (0, 0) => {
            let unrecorded = recorded.counts.unrecorded_minor + recorded.counts.unrecorded_major;
            let note = match unrecorded {
                0 => String::new(),
                _ => format!(
                    " but for {} that it counted without a record: the entry of every fault is there",
                    thousands(unrecorded)
                ),
            };
            format!(", captured + lost = the kernel's count{note}")
        }
        (missing, 0) => format!(", {} fewer than the kernel counted", thousands(missing)),
        (0, surplus) => format!(", {} more than the kernel counted", thousands(surplus)),
        (missing, surplus) => format!(
            ", {} fewer of one kind and {} more of another than the kernel counted",
            thousands(missing),
            thousands(surplus)
        ),
    }
}

/// A number and its noun.
pub fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

/// The noun of a number.
pub fn plural_only<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

/// A number with commas.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size in the largest unit that fits.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut value = number as f64;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value.fract() == 0.0 {
        format!("{value} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_in_one_line() {
        let told = Named { asked: 1330, found: 1312, modules: 9, ..Named::default() };
        assert_eq!(named(&told).unwrap(), "symbols: 1,312 of 1,330 places in code named");
        let cut = Named { skipped: 12, missing: 1, time_ns: 2_040_000_000, ..told };
        assert_eq!(
            named(&cut).unwrap(),
            "symbols: 1,312 of 1,330 places in code named, 12 not looked up within 2.0 s, \
             1 module could not be read"
        );
        assert_eq!(named(&Named { modules: 3, ..Named::default() }), None);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(8 << 20), "8 MiB");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(plural(1, "CPU", "CPUs"), "1 CPU");
        assert_eq!(plural(2000, "thread", "threads"), "2,000 threads");
    }
}
