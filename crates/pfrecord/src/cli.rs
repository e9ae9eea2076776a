//! The command line.

#[cfg(test)]
mod tests;
mod values;

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{CommandFactory, Parser};
use pfcapture::{CallGraph, Config, Flight, Output, Selection, Target};
use pfrecord::live::LiveArguments;
use pft::text::printable;

use crate::action::Action;
pub use values::LARGEST_RING;

/// Records every page fault of a program with its cost.
///
/// Each fault is recorded, never a sample of them: time, address, instruction, thread, minor or
/// major, and how long the kernel took to serve it. The trace is for pfreport, on any machine.
#[derive(Debug, Parser)]
#[command(name = "pfrecord", version = pfcli::VERSION, after_help = AFTER_HELP)]
#[command(group = clap::ArgGroup::new("target").args(["pid", "tid", "all", "cgroup"]))]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
#[command(override_usage = USAGE)]
pub struct Arguments {
    #[command(subcommand)]
    pub action: Option<Action>,

    /// Attach to running processes, with all their threads and whatever they create later
    #[arg(short, long, value_name = "PID", value_delimiter = ',', conflicts_with = "command")]
    #[arg(help_heading = "Whom to record")]
    pid: Vec<u32>,

    /// Record single threads, without what they create
    #[arg(short, long, value_name = "TID", value_delimiter = ',', conflicts_with = "command")]
    #[arg(help_heading = "Whom to record")]
    tid: Vec<u32>,

    /// Record every process of the machine; with a command, for as long as that runs
    #[arg(short, long, help_heading = "Whom to record")]
    all: bool,

    /// Record the processes of a control group: its folder, or its path below /sys/fs/cgroup
    #[arg(short = 'G', long, value_name = "CGROUP", help_heading = "Whom to record")]
    cgroup: Option<PathBuf>,

    /// Leave out the processes that a target creates; its threads are recorded
    #[arg(long, conflicts_with_all = ["all", "cgroup", "tid"], help_heading = "Whom to record")]
    no_follow: bool,

    /// Command to start and record from its first instruction
    #[arg(last = true, value_name = "COMMAND", help_heading = "Whom to record")]
    command: Vec<OsString>,

    /// Start the command without randomised addresses, so that runs can be compared
    #[arg(long, requires = "command", conflicts_with_all = ["pid", "tid"])]
    #[arg(help_heading = "Whom to record")]
    no_aslr: bool,

    /// Major faults only; the target still pays for the entry of every fault, so that stalls are known
    #[arg(long, help_heading = "What to record")]
    major_only: bool,

    /// No faults in kernel mode
    #[arg(long, help_heading = "What to record")]
    user_only: bool,

    /// No entries of faults: half the cost, but no latencies, no reads and writes, no failed accesses
    #[arg(long, conflicts_with = "min_latency", help_heading = "What to record")]
    no_latency: bool,

    /// Count faults that were served faster, but do not store them (1ms); the cost to the target stays
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    #[arg(help_heading = "What to record")]
    min_latency: Option<Duration>,

    /// Call chain of every fault by frame pointers, like --call-graph fp
    #[arg(short = 'g', conflicts_with = "call_graph", help_heading = "What to record")]
    chains: bool,

    /// Call chains: fp, of every fault, for programs built with frame pointers; dwarf, for any program,
    /// unwound from a copy of the stack (16384 bytes, 65528 at most) of every major fault and of a share
    /// of the minor ones
    #[arg(long, value_name = "fp|dwarf[,BYTES]", value_parser = values::call_graph)]
    #[arg(help_heading = "What to record")]
    call_graph: Option<CallGraph>,

    /// With --call-graph dwarf: copy the stack of one minor fault of so many, counted on each thread and
    /// CPU; 0 for none [default: 128]
    #[arg(long, value_name = "N", requires = "call_graph", help_heading = "What to record")]
    stack_share: Option<u32>,

    /// The NUMA node of each page, found by its physical address, which is not stored; for the
    /// privileged
    #[arg(long, help_heading = "What to record")]
    phys: bool,

    /// End after this time (10s, 500ms, 2m), which begins when the delay of -D is over; a command that
    /// was started is then ended with SIGTERM
    #[arg(short, long, value_name = "TIME", value_parser = humantime::parse_duration)]
    #[arg(help_heading = "What to record")]
    duration: Option<Duration>,

    /// Record faults only from this time after the start, when the time of -d begins too; mappings are
    /// followed from the start
    #[arg(short = 'D', long, value_name = "TIME", value_parser = humantime::parse_duration)]
    #[arg(help_heading = "What to record")]
    delay: Option<Duration>,

    /// Trace file to write, - for standard output [default: pfrecord-NAME.PID.pft]
    #[arg(short, long, value_name = "FILE", help_heading = "The trace")]
    output: Option<PathBuf>,

    /// Replace the trace file if it exists
    #[arg(short, long, help_heading = "The trace")]
    pub force: bool,

    /// End when the trace has this size (1G), looked at about once a second; what was captured by then
    /// is still written, and a command that was started is ended with SIGTERM
    #[arg(long, value_name = "SIZE", value_parser = values::size, conflicts_with = "flight_recorder")]
    #[arg(help_heading = "The trace")]
    max_size: Option<u64>,

    /// Do not name functions and variables; which files the target ran, their build ids and sections are
    /// stored all the same
    #[arg(long, help_heading = "The trace")]
    pub no_symbols: bool,

    /// Label of the trace (release=1.4), shown by pfreport; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = values::label, help_heading = "The trace")]
    label: Vec<(String, String)>,

    /// Keep only the last faults, in memory; write them on SIGUSR2 and at the end (30s)
    #[arg(long, value_name = "TIME", value_parser = values::window, help_heading = "The trace")]
    flight_recorder: Option<Duration>,

    /// With --flight-recorder: write them too when a fault took longer than this (50ms),
    /// at most once in the time of a window
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    #[arg(requires = "flight_recorder", conflicts_with = "no_latency", help_heading = "The trace")]
    trigger_latency: Option<Duration>,

    /// Level of compression (zstd)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=19))]
    #[arg(help_heading = "The trace")]
    level: i32,

    #[command(flatten, next_help_heading = "Live")]
    pub live: LiveArguments,

    /// Ring buffer of each CPU (64K to 1G, a power of two) [default: 8M, or what may be locked; 512M for all CPUs at most]
    #[arg(short = 'm', long, value_name = "SIZE", value_parser = values::ring_size)]
    #[arg(help_heading = "The recorder")]
    ring_size: Option<usize>,

    /// Read /proc/PID/maps of each process that faults this often
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    #[arg(help_heading = "The recorder")]
    maps_interval: Duration,

    /// Count faults only, like perf stat: nothing is recorded, the counts go to standard error
    #[arg(long, conflicts_with_all = NOT_COUNTED, help_heading = "Instead of recording")]
    pub stat: bool,

    /// With --stat: print a line of counts this often (1s, 500ms)
    #[arg(long, value_name = "TIME", requires = "stat", value_parser = values::interval)]
    #[arg(help_heading = "Instead of recording")]
    pub interval: Option<Duration>,

    /// Exit with the command's exit status, 128 plus the signal that killed it: also where records were
    /// lost, which 3 would tell; with 1 if it has not ended, or live lines or a window failed
    #[arg(long, requires = "command", conflicts_with_all = ["pid", "tid"])]
    #[arg(help_heading = "The recorder")]
    pub exit_status: bool,

    /// Say what this kernel and user can record and how to get more, and record nothing
    #[arg(long, exclusive = true, help_heading = "Instead of recording")]
    pub check: bool,

    /// Print errors only
    #[arg(short, long, help_heading = "The recorder")]
    pub quiet: bool,
}

/// What has no meaning where faults are only counted.
const NOT_COUNTED: [&str; 18] = [
    "no_symbols",
    "chains",
    "call_graph",
    "stack_share",
    "phys",
    "live",
    "output",
    "force",
    "max_size",
    "label",
    "flight_recorder",
    "trigger_latency",
    "level",
    "ring_size",
    "maps_interval",
    "major_only",
    "no_latency",
    "min_latency",
];
const USAGE: &str = "\
pfrecord [OPTIONS] -p PID[,PID…] | -t TID[,TID…] | -a | -G CGROUP
       pfrecord [OPTIONS] -- COMMAND…
       pfrecord --check
       pfrecord mark NAME
       pfrecord completions SHELL | man [--out DIR]";

const AFTER_HELP: &str = "\
Examples:
  pfrecord -o run.pft -- ./server --port 80    record a command from its first instruction
  pfrecord -p 1234 -o run.pft                  attach; Ctrl-C ends the recording
  pfrecord -p 1234 -d 30s -o run.pft           attach for half a minute
  pfrecord -a --major-only -d 30s -o run.pft   who waits for the disk, on the whole machine
  pfrecord -G docker/1f2e -d 30s -o run.pft    a container
  pfrecord -g -o run.pft -- ./server           who called: frame pointers
  pfrecord --call-graph dwarf -p 1234 -d 10s   who called, in a program without frame pointers
  pfrecord --stat --interval 1s -p 1234        count only, a line a second
  pfrecord -p 1234 --flight-recorder 30s --trigger-latency 50ms
                                               what led to a slow fault
  pfrecord -p 1234 --live                      a line a fault, as it happens; no trace without -o
  pfrecord mark warm-up                        a phase begins in the recording that runs
  pfrecord --check                             what can be recorded here, and how to get more
  pfreport run.pft                             where, what, why

Root (or CAP_PERFMON) sees kernel-mode faults and the hardware error code, which tells reads
from writes and copy-on-write from first touches. Without it, one's own processes can be
recorded at kernel.perf_event_paranoid 2 or less; the report says what is missing.

A command that still runs when the recording ends is ended with SIGTERM: after -d, at --max-size,
on a signal, when the trace cannot be written, and when live lines are all that is wanted and nobody
reads them any more.

Exit codes: 0 recorded; 1 failed (disk full: the trace is valid up to there); 2 not possible as
asked (not permitted, no such process or folder, the output exists or is no regular file, limits,
wrong usage); 3 recorded, but records were lost or do not add up to the kernel's counts, or a CPU or
threads were missed; 126, 127 the command could not be started (no trace is left).";

impl Arguments {
    /// What the command line asks for.
    ///
    /// # Errors
    /// What is wrong with it, fit to print; help and version are errors too.
    pub fn from_command_line() -> Result<Self, clap::Error> {
        Self::try_parse().map_err(|error| printed(error, std::env::args_os()))
    }

    /// What to record and how.
    pub fn config(&self) -> Result<Config, clap::Error> {
        if self.live.file().is_some() && self.live.file() == self.output.as_deref() {
            return Err(Self::command().error(
                clap::error::ErrorKind::ArgumentConflict,
                "trace and live lines cannot go to one file",
            ));
        }
        if self.live.is_on_stdout() && self.output.as_deref() == Some(Path::new("-")) {
            return Err(Self::command().error(
                clap::error::ErrorKind::ArgumentConflict,
                "trace and live lines cannot both go to standard output: see --live-out",
            ));
        }
        let target = if !self.pid.is_empty() {
            Target::Processes(self.pid.clone())
        } else if !self.tid.is_empty() {
            Target::Threads(self.tid.clone())
        } else if self.all {
            Target::System
        } else if let Some(cgroup) = &self.cgroup {
            Target::Cgroup(cgroup.clone())
        } else if !self.command.is_empty() {
            Target::Command
        } else {
            return Err(Self::command().error(
                clap::error::ErrorKind::MissingRequiredArgument,
                "whom to record: -p PID, -t TID, -a, -G CGROUP, or -- COMMAND",
            ));
        };
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Ok(Config {
            target,
            command: self.command.clone(),
            no_aslr: self.no_aslr,
            follow: !self.no_follow,
            selection: Selection {
                major_only: self.major_only,
                user_only: self.user_only,
                latency: !self.no_latency,
                min_latency_ns: self.min_latency.map_or(0, nanoseconds),
                call_graph: self.call_graph()?,
                page_nodes: self.phys,
            },
            output: match &self.output {
                None if self.live.is_wanted() && self.flight_recorder.is_none() => Output::None,
                None => Output::Named,
                Some(path) if path.as_os_str() == "-" => Output::Stdout,
                Some(path) => Output::File(path.clone()),
            },
            overwrite: self.force,
            duration: self.duration,
            delay: self.delay.unwrap_or_default(),
            max_bytes: self.max_size,
            flight: self
                .flight_recorder
                .map(|window| Flight { window, trigger_latency: self.trigger_latency }),
            ring_bytes: self.ring_size,
            maps_interval: self.maps_interval,
            level: self.level,
            labels: self.label.clone(),
            commit: pfcli::COMMIT,
        })
    }
}

impl Arguments {
    /// How call chains are to be recorded.
    fn call_graph(&self) -> Result<Option<CallGraph>, clap::Error> {
        match (self.call_graph, self.stack_share) {
            (Some(CallGraph::Stacks { bytes, .. }), Some(share)) => {
                Ok(Some(CallGraph::Stacks { bytes, share }))
            }
            (_, Some(_)) => Err(Self::command().error(
                clap::error::ErrorKind::ArgumentConflict,
                "--stack-share goes with --call-graph dwarf: frame pointers are followed for every fault",
            )),
            (None, None) => Ok(self.chains.then_some(CallGraph::FramePointers)),
            (chosen, None) => Ok(chosen),
        }
    }
}

/// The error of these words as it may be printed: it repeats some of them, which may hold anything.
fn printed(error: clap::Error, words: impl Iterator<Item = OsString>) -> clap::Error {
    let words = words.map(|word| printable(word.as_bytes()));
    Arguments::try_parse_from(words).err().unwrap_or(error)
}
