//! Names of host facts and ledger counts.
//!
//! Readers must expect names that are not listed here, and any of these to be absent.

macro_rules! keys {
    ($($name:ident = $key:literal: $meaning:literal,)*) => {
        $(#[doc = $meaning] pub const $name: &str = $key;)*

        /// All names with their meaning in a sentence.
        pub const ALL: &[(&str, &str)] = &[$(($key, $meaning),)*];
    };
}

/// Keys of [`crate::record::Fact`].
pub mod fact {
    /// Keys that begin so are labels which the user gave: `label.NAME`, with any `NAME`.
    pub const LABEL_PREFIX: &str = "label.";

    keys! {
        RECORDING_ENDED_BY = "recording.ended_by": "Why the recording ended: `target` (it exited), `signal`, `duration`, `size`, `failure` (of writing) or `reader` (of the live stream: it closed it). A command that still ran was then ended with SIGTERM.",
        RECOVERED_FROM = "recovered.from": "The file was made by `pfreport recover` of what was left of a damaged one: the uuid of that one, of the first if that was done again.",
        PFT_VERSION = "pft.version": "Version of the program that recorded.",
        PFT_COMMIT = "pft.commit": "Commit that this program was built from, with the note `, modified` if its files were changed. Missing where it is not known.",
        KERNEL_RELEASE = "kernel.release": "`uname -r`.",
        KERNEL_VERSION = "kernel.version": "`uname -v`.",
        MACHINE_ARCH = "machine.arch": "`uname -m`.",
        MACHINE_HOSTNAME = "machine.hostname": "`uname -n`.",
        MACHINE_CPUS = "machine.cpus": "Number of CPUs online.",
        MACHINE_MEMORY_BYTES = "machine.memory_bytes": "Physical memory, bytes.",
        MACHINE_CPU_NODES = "machine.cpu_nodes": "NUMA node of each CPU: ranges of CPUs as `FIRST-LAST=NODE` or `CPU=NODE`, in order and separated by commas, such as `0-3=0,4-7=1,8=0`; CPUs not named are on an unknown node.",
        TARGET_COMMAND = "target.command": "Command line that was started, words quoted as for a shell.",
        TARGET_PIDS = "target.pids": "Process ids that were attached to or started, separated by commas.",
        TARGET_KIND = "target.kind": "What was recorded: `command`, `processes`, `threads`, `system` or `cgroup`.",
        TARGET_TIDS = "target.tids": "Threads that were asked for, separated by commas.",
        TARGET_CGROUP = "target.cgroup": "Folder of the control group.",
        TARGET_FOLLOW = "target.follow": "`yes` or `no`: whether processes that a target creates were recorded too.",
        TARGET_EXIT_STATUS = "target.exit_status": "Exit status of the command that was started; 128 plus the signal that killed it.",
        CAPTURE_ENTRY_EVENT = "capture.entry_event": "`tracepoint`, `software` or, where entries were not recorded, `none`: the event that marks the entry of a fault.",
        CAPTURE_KERNEL_MODE = "capture.kernel_mode": "`yes` or `no`: whether faults in kernel mode were recorded.",
        CAPTURE_ERROR_CODE = "capture.error_code": "`yes` or `no`: whether the hardware error code was recorded.",
        CAPTURE_PRIVILEGED = "capture.privileged": "`yes` or `no`: whether the recorder had CAP_PERFMON or was root.",
        CAPTURE_REACH = "capture.reach": "What the events were bound to: `thread` (and whatever it creates), `cpu` (all tasks, others left out afterwards) or `cgroup`.",
        CAPTURE_LATENCY = "capture.latency": "`yes` or `no`: whether entries of faults were recorded, without which there are no latencies.",
        CAPTURE_MAJOR_ONLY = "capture.major_only": "`yes` if only major faults were stored.",
        CAPTURE_COMPLETIONS = "capture.completions": "Which completions of faults were recorded: `all`, `minor`, `major` or `none`; absent: all. Where it is not `all`, a fault with outcome 5 is one of which the entry alone is known.",
        CAPTURE_WALL_CLOCK = "capture.wall_clock": "`no` if the wall clock is not known: file header and checkpoints have 0 for it.",
        CAPTURE_USER_ONLY = "capture.user_only": "`yes` if faults in kernel mode were left out on request.",
        CAPTURE_MIN_LATENCY_NS = "capture.min_latency_ns": "Faults that were served faster were counted, not stored, nanoseconds.",
        CAPTURE_DELAY_NS = "capture.delay_ns": "Faults are recorded since this long after the start, nanoseconds.",
        CAPTURE_MAPS_INTERVAL_NS = "capture.maps_interval_ns": "How often the mappings of a process that faults were to be read, nanoseconds.",
        CAPTURE_CALLS = "capture.calls": "`yes` or `no`: whether the system calls of Calls frames were recorded.",
        CAPTURE_OOM = "capture.oom": "`yes` or `no`: whether victims of the OOM killer were recorded.",
        CAPTURE_SIGNALS = "capture.signals": "`yes` or `no`: whether the signals of failed accesses were recorded. With `no`, outcome 6 does not occur.",
        CAPTURE_PAGE_SIZES = "capture.page_sizes": "`yes` or `no`: whether the size of the page that each fault installed was recorded.",
        CAPTURE_LOSS_COUNTS = "capture.loss_counts": "`yes` or `no`: whether the kernel tells of each event how many records it lost. With `no`, ledgers have no `event.*.lost`, and what a full ring lost last is in no Lost frame.",
        CAPTURE_CALL_GRAPH = "capture.call_graph": "How call chains were recorded: `fp` (frame pointers) or `dwarf` (unwound from copies of the stack); absent if none were asked for.",
        CAPTURE_STACK_SHARE = "capture.stack_share": "With `dwarf`: of minor faults, one of so many has its stack copied; 0: none.",
        CAPTURE_STACK_BYTES = "capture.stack_bytes": "With `dwarf`: how much of the stack is copied, bytes.",
        CAPTURE_PAGE_NODES = "capture.page_nodes": "`yes` or `no`: whether the NUMA nodes of pages were recorded.",
        FLIGHT_WINDOW_NS = "flight.window_ns": "The trace is the window of a flight recorder: at least this long, nanoseconds, where the recording was.",
        FLIGHT_WRITTEN_ON = "flight.written_on": "Why the window was written: `signal`, `latency` or `end`.",
        FLIGHT_LIMITED_BY = "flight.limited_by": "Why the trace begins no earlier: `window`, `memory` (the flight recorder ran out of it, so that the trace may be shorter than the window) or `start` (of the recording).",
        CAPTURE_PERF_EVENT_PARANOID = "capture.perf_event_paranoid": "`/proc/sys/kernel/perf_event_paranoid`.",
        RING_BYTES_PER_CPU = "ring.bytes_per_cpu": "Size of the ring of each CPU, bytes.",
        RING_REQUESTED_BYTES_PER_CPU = "ring.requested_bytes_per_cpu": "Size that was asked for; larger if the lock limit forced a smaller one.",
        RECORDER_NICE = "recorder.nice": "Nice value of the threads of the recorder that read rings and write: below 0 they run before most others.",
        LATENCY_BIAS_NS = "latency.bias_ns": "Time that the measurement adds to each latency, nanoseconds; not subtracted in the trace.",
        LATENCY_BIAS_SPREAD_NS = "latency.bias_spread_ns": "Spread of that time over the calibration, nanoseconds.",
        TRACE_COMPRESSION_LEVEL = "trace.compression_level": "Level of zstd with which frames were compressed.",
        VM_THP_ENABLED = "vm.thp_enabled": "`/sys/kernel/mm/transparent_hugepage/enabled`: `always`, `madvise` or `never`.",
        VM_SWAPPINESS = "vm.swappiness": "`/proc/sys/vm/swappiness`.",
        VM_OVERCOMMIT_MEMORY = "vm.overcommit_memory": "`/proc/sys/vm/overcommit_memory`.",
        VM_ZSWAP_ENABLED = "vm.zswap_enabled": "`/sys/module/zswap/parameters/enabled`: `Y` or `N`.",
        VM_SWAP_TOTAL_BYTES = "vm.swap_total_bytes": "Swap space, bytes.",
        VM_NUMA_BALANCING = "vm.numa_balancing": "`/proc/sys/kernel/numa_balancing`.",
        IMPORTED_FROM = "imported.from": "The trace was made by `pfreport import` of a recording of another program: `perf.data`.",
        IMPORTED_BY = "imported.by": "That program and its version, such as `perf 6.1.192`.",
        IMPORTED_COMMAND = "imported.command": "Command line of that program, words quoted as for a shell.",
        REDACTED_LEVEL = "redacted.level": "The trace was redacted: `names`, `paths`, `arguments`, `symbols` or `all` (`schemas/redaction.md`). Its wall clock then begins with the recording, in 1970.",
        RLIMIT_STACK_BYTES = "rlimit.stack_bytes": "Soft limit on the stack of the target, bytes, or `unlimited`.",
    }
}

/// Keys of [`crate::record::LedgerEntry`].
pub mod ledger {
    keys! {
        PAGE_FAULTS_COUNT = "event.page-faults.count": "Kernel's count of the software event that fires on entry.",
        PAGE_FAULTS_LOST = "event.page-faults.lost": "Records of it that the kernel dropped.",
        MINOR_FAULTS_COUNT = "event.minor-faults.count": "Kernel's count of completed minor faults.",
        MINOR_FAULTS_LOST = "event.minor-faults.lost": "Records of it that the kernel dropped.",
        MAJOR_FAULTS_COUNT = "event.major-faults.count": "Kernel's count of completed major faults.",
        MAJOR_FAULTS_LOST = "event.major-faults.lost": "Records of it that the kernel dropped.",
        STACKS_COUNT = "event.stacks.count": "Kernel's count of the event that brings stack pointers, and copies of stacks where those are wanted: of all minor faults, of which on each thread and CPU only one of so many makes a record.",
        STACKS_LOST = "event.stacks.lost": "Records of it that the kernel dropped.",
        TRACEPOINT_USER_COUNT = "event.tracepoint-user.count": "Kernel's count of `exceptions:page_fault_user`.",
        TRACEPOINT_USER_LOST = "event.tracepoint-user.lost": "Records of it that the kernel dropped.",
        TRACEPOINT_KERNEL_COUNT = "event.tracepoint-kernel.count": "Kernel's count of `exceptions:page_fault_kernel`.",
        TRACEPOINT_KERNEL_LOST = "event.tracepoint-kernel.lost": "Records of it that the kernel dropped.",
        SIDEBAND_COUNT = "event.sideband.count": "Kernel's count of the event that carries map and task records.",
        SIDEBAND_LOST = "event.sideband.lost": "Map and task records that the kernel dropped.",
        CALLS_COUNT = "event.calls.count": "Kernel's count of the tracepoints of system calls that change address spaces.",
        CALLS_LOST = "event.calls.lost": "Records of them that the kernel dropped.",
        THREAD_STARTS_COUNT = "event.thread-starts.count": "Kernel's count of `syscalls:sys_enter_set_robust_list`, which tells where the stack of a thread of glibc is.",
        THREAD_STARTS_LOST = "event.thread-starts.lost": "Records of it that the kernel dropped.",
        OOM_COUNT = "event.oom.count": "Kernel's count of `oom:mark_victim`.",
        OOM_LOST = "event.oom.lost": "Records of it that the kernel dropped.",
        SIGNAL_COUNT = "event.signal.count": "Kernel's count of `signal:signal_generate` on the recorded threads.",
        SIGNAL_LOST = "event.signal.lost": "Records of it that the kernel dropped.",
        CAPTURED_MINOR = "captured.minor": "Completions of minor faults that the recorder read.",
        CAPTURED_MAJOR = "captured.major": "Completions of major faults that the recorder read.",
        CAPTURED_ENTRIES = "captured.entries": "Entries of faults that the recorder read.",
        CAPTURED_SIDEBAND = "captured.sideband": "Map and task records that the recorder read.",
        CAPTURED_WITHOUT_ENTRY = "captured.without_entry": "Completions whose entry was not found.",
        CAPTURED_SIGNALLED = "captured.signalled": "Entries that ended with SIGSEGV or SIGBUS instead of a completion.",
        CAPTURED_ABANDONED = "captured.abandoned": "Entries that were followed by another fault of the thread instead of a completion.",
        CAPTURED_IN_FLIGHT = "captured.in_flight": "Entries still open when their thread or the recording ended.",
        CAPTURED_INTERRUPTED = "captured.interrupted": "Completed faults that took more than one entry.",
        CAPTURED_NEGATIVE_LATENCY = "captured.negative_latency": "Faults whose completion has an earlier time than their entry.",
        CAPTURED_DUPLICATES_MINOR = "captured.duplicates.minor": "Completions of minor faults that arrived twice and were counted once.",
        CAPTURED_DUPLICATES_MAJOR = "captured.duplicates.major": "Completions of major faults that arrived twice and were counted once.",
        CAPTURED_DUPLICATES_ENTRIES = "captured.duplicates.entries": "Entries that arrived twice and were counted once.",
        CAPTURED_DUPLICATES_SIDEBAND = "captured.duplicates.sideband": "Map and task records that arrived twice and were counted once.",
        CAPTURED_OUT_OF_ORDER = "captured.out_of_order": "Records that came later than the merge of the rings could wait.",
        CAPTURED_FOREIGN_IDS = "captured.foreign_ids": "Samples that carry the event id of another recorder of the same thread.",
        CAPTURED_FOREIGN_NAMESPACE = "captured.foreign_namespace": "Records of tasks outside the recorder's pid namespace.",
        CAPTURED_FILTERED_MINOR = "captured.filtered.minor": "Minor faults of tasks that are no target, read because the events are bound to CPUs, and left out.",
        CAPTURED_FILTERED_MAJOR = "captured.filtered.major": "Major faults likewise.",
        CAPTURED_OWN_MINOR = "captured.own.minor": "Minor faults of the recorder itself, left out.",
        CAPTURED_OWN_MAJOR = "captured.own.major": "Major faults likewise.",
        COUNTED_UNRECORDED_MINOR = "counted.unrecorded.minor": "Of the kernel's count of minor faults: those of which it wrote no record and reported no loss, where the entry of every page fault that it counted was captured. It raises the event in other places than page faults too.",
        COUNTED_UNRECORDED_MAJOR = "counted.unrecorded.major": "Major faults likewise.",
        CAPTURED_NOT_MAJOR = "captured.not_major": "Entries without a major completion when only major faults were recorded: minor faults, or accesses that failed.",
        CAPTURED_CALLS = "captured.calls": "System calls that change address spaces, as stored.",
        CAPTURED_OOM = "captured.oom": "Victims of the OOM killer, as stored.",
        CAPTURED_CALL_CHAINS = "captured.call_chains": "Faults stored with a call chain.",
        SKIPPED_FAST_MINOR = "skipped.fast.minor": "Minor faults captured but not stored because they were served faster than the minimum latency asked for.",
        SKIPPED_FAST_MAJOR = "skipped.fast.major": "Major faults likewise.",
        DROPPED_LIVE = "dropped.live": "Lines of the live stream that were dropped because its reader fell behind; the faults are in the trace.",
        FLIGHT_LOST_IN_RINGS = "flight.lost_in_rings": "Records of any kind that the kernel dropped inside the window of a flight recorder, as its Lost frames have them.",
        FLIGHT_SUPPRESSED = "flight.suppressed": "Triggers of the flight recorder so far for which no window was written: too soon after another, or two were still being written.",
        CAPTURED_UNPARSED = "captured.unparsed": "Records that the recorder could not parse.",
        DROPPED_RECORDER = "dropped.recorder": "Faults that the recorder dropped because encoding or writing fell behind, or failed: `recording.ended_by` tells.",
        RUSAGE_MINOR_FAULTS = "rusage.minor_faults": "Minor faults of the command that was started, by `getrusage(2)`.",
        RUSAGE_MAJOR_FAULTS = "rusage.major_faults": "Major faults of the command that was started, by `getrusage(2)`.",
        CPUS_UNWATCHED = "cpus.unwatched": "CPUs that came online while recording and were not watched: faults on them are missing, and not counted.",
        SNAPSHOTS_TAKEN = "snapshots.taken": "Snapshots of `/proc/PID/maps` that succeeded.",
        SNAPSHOTS_QUERIES = "snapshots.queries": "Times that the kernel was asked for the mappings at single addresses only.",
        SNAPSHOTS_FAILED = "snapshots.failed": "Snapshots that failed, mostly because the process had ended.",
        SNAPSHOTS_TIME_NS = "snapshots.time_ns": "Time that all snapshots took together, nanoseconds.",
        CALLCHAINS_DISTINCT = "callchains.distinct": "Call chains that differ, as stored.",
        CALLCHAINS_CUT = "callchains.cut": "Of these, those that may go on behind their last caller.",
        CALLCHAINS_DROPPED = "callchains.dropped": "Faults stored without their call chain because memory for call chains was short.",
        STACKS_COPIED = "stacks.copied": "Copies of stacks that the recorder read.",
        STACKS_UNWOUND = "stacks.unwound": "Of these, those from which it made a call chain.",
        STACKS_DROPPED = "stacks.dropped": "Of these, those not unwound because the recorder fell behind or memory was short.",
        STACKS_FAILED = "stacks.failed": "Of these, those that could not be unwound.",
        SYMBOLS_ASKED = "symbols.asked": "Addresses for which symbols were wanted.",
        SYMBOLS_FOUND = "symbols.found": "Of these, those that have a symbol.",
        SYMBOLS_SKIPPED = "symbols.skipped": "Of these, those not looked up because the time allowed for it was over.",
        SYMBOLS_TIME_NS = "symbols.time_ns": "Time that looking up symbols took, nanoseconds.",
        MODULES_FOUND = "modules.found": "Modules that were read.",
        MODULES_MISSING = "modules.missing": "Modules that could not be read.",
        RECORDER_CPU_NS = "recorder.cpu_ns": "CPU time that the recorder used, nanoseconds.",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn keys_are_distinct_dotted_names() {
        for all in [super::fact::ALL, super::ledger::ALL] {
            let distinct: BTreeSet<_> = all.iter().map(|(key, _)| key).collect();
            assert_eq!(distinct.len(), all.len());
            for (key, _) in all {
                assert!(key.contains('.'), "{key}");
                assert!(
                    key.bytes().all(|b| b.is_ascii_lowercase() || b".-_".contains(&b)),
                    "{key}"
                );
            }
        }
    }
}
