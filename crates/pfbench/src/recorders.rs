//! What records page faults: pfrecord, perf, bpftrace.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use pft::{FrameKind, Trace};

use crate::bench::Bench;
use crate::workloads::Target;

/// Something that records page faults of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorder {
    /// Nothing is recorded.
    Nobody,
    /// `pfrecord` with these options.
    Pfrecord(&'static [&'static str]),
    /// `perf record` of entries and completions of faults, without error codes, with these options.
    PerfRecord(&'static [&'static str]),
    /// `perf record` of these events, each time they occur.
    PerfEvents(&'static str, &'static [&'static str]),
    /// `perf trace -F all`.
    PerfTrace,
    /// A line a fault.
    Bpftrace,
}

/// Entries and completions of faults, with addresses.
const ENTRIES_AND_COMPLETIONS: &str = "page-faults,minor-faults,major-faults";

/// The same with error codes, which the tracepoints bring, and sizes of pages.
pub const SAME_FAULTS: Recorder = Recorder::PerfEvents(
    "exceptions:page_fault_user,exceptions:page_fault_kernel,minor-faults,major-faults",
    &["--data-page-size"],
);

/// The events that pfrecord opens: also those that tell which entries in kernel mode are faults, which accesses fail,
/// what changes address spaces, and where threads start. Only positions of stacks are left out, of which perf records
/// none or all.
const SAME_EVENTS: &str = "exceptions:page_fault_user,exceptions:page_fault_kernel,minor-faults,major-faults,\
     page-faults:k,signal:signal_generate,syscalls:sys_enter_munmap,syscalls:sys_exit_munmap,\
     syscalls:sys_enter_mremap,syscalls:sys_exit_mremap,syscalls:sys_enter_madvise,syscalls:sys_exit_madvise,\
     syscalls:sys_enter_set_robust_list";

/// All that pfrecord records, by its clock, through rings of its size.
pub const THE_SAME: Recorder =
    Recorder::PerfEvents(SAME_EVENTS, &["--data-page-size", "-k", "mono", "-m", "8M"]);

/// Compressed as well.
pub const THE_SAME_COMPRESSED: Recorder =
    Recorder::PerfEvents(SAME_EVENTS, &["--data-page-size", "-k", "mono", "-m", "8M", "-z"]);

/// What stands for [`SAME_EVENTS`] in names.
pub const SAME_EVENTS_NOTE: &str = "ALL: page_fault_user and page_fault_kernel of exceptions, minor-faults, \
     major-faults, page-faults:k, signal:signal_generate, and of syscalls sys_enter and sys_exit of munmap, mremap and \
     madvise and sys_enter_set_robust_list: the events that pfrecord opens.";

const BPFTRACE_PROGRAM: &str = "tracepoint:exceptions:page_fault_user { \
     printf(\"%d %lx %lx %x\\n\", tid, args->address, args->ip, args->error_code); }";

impl Recorder {
    /// As a user would write it.
    pub fn name(self) -> String {
        let with = |command: &str, options: &[&str]| {
            let words: Vec<&str> = [command].into_iter().chain(options.iter().copied()).collect();
            words.join(" ")
        };
        match self {
            Self::Nobody => "nothing".to_owned(),
            Self::Pfrecord(options) => with("pfrecord", options),
            Self::PerfRecord(options) => Self::PerfEvents(ENTRIES_AND_COMPLETIONS, options).name(),
            Self::PerfEvents(events, options) => {
                let events = if events == SAME_EVENTS { "ALL" } else { events };
                with(&format!("perf record -e {events} -c 1 -d"), options)
            }
            Self::PerfTrace => "perf trace -F all --no-syscalls".to_owned(),
            Self::Bpftrace => "bpftrace, a line a fault".to_owned(),
        }
    }

    /// Whether it can be run here.
    pub fn is_there(self) -> bool {
        let answers = |name: &str| {
            Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
        };
        match self {
            Self::Nobody | Self::Pfrecord(_) => true,
            Self::PerfRecord(_) | Self::PerfEvents(..) | Self::PerfTrace => answers("perf"),
            Self::Bpftrace => answers("bpftrace"),
        }
    }

    /// Where it writes to.
    pub fn output(self, bench: &Bench) -> PathBuf {
        bench.file(match self {
            Self::Nobody => "nothing",
            Self::Pfrecord(_) => "recorded.pft",
            Self::PerfRecord(_) | Self::PerfEvents(..) => "recorded.data",
            Self::PerfTrace | Self::Bpftrace => "recorded.txt",
        })
    }

    /// The command that records a target.
    pub fn command(self, bench: &Bench, target: &Target) -> Command {
        let (workload, output) = (bench.path_of("pf-workload"), self.output(bench));
        let mut command = match self {
            Self::Nobody => Command::new(&workload),
            Self::Pfrecord(options) => {
                let mut command = bench.program("pfrecord");
                command
                    .args(["-q", "-f"])
                    .args(options)
                    .arg("-o")
                    .arg(&output)
                    .arg("--")
                    .arg(&workload);
                command
            }
            Self::PerfRecord(options) => {
                perf_record(ENTRIES_AND_COMPLETIONS, options, &output, &workload)
            }
            Self::PerfEvents(events, options) => perf_record(events, options, &output, &workload),
            Self::PerfTrace => {
                let mut command = Command::new("perf");
                command.args(["trace", "-F", "all", "--no-syscalls", "-o"]).arg(&output);
                command.arg("--").arg(&workload);
                command
            }
            Self::Bpftrace => {
                let words = [workload.display().to_string()].into_iter();
                let words: Vec<String> = words.chain(target.arguments.iter().cloned()).collect();
                let mut command = Command::new("bpftrace");
                command.arg("-o").arg(&output).args(["-e", BPFTRACE_PROGRAM, "-c"]);
                command.arg(words.join(" "));
                return command;
            }
        };
        command.args(&target.arguments);
        command
    }

    /// How many faults the last recording holds; none where that cannot be told. Bpftrace traces the whole machine.
    pub fn kept(self, bench: &Bench) -> anyhow::Result<Option<u64>> {
        let output = self.output(bench);
        Ok(match self {
            Self::Nobody => None,
            Self::Pfrecord(_) => Some(Self::rows(&output)?),
            Self::PerfRecord(_) | Self::PerfEvents(..) => perf_faults(&output)?,
            Self::PerfTrace | Self::Bpftrace => {
                Some(BufReader::new(File::open(&output)?).lines().count() as u64)
            }
        })
    }

    /// Faults in a trace.
    pub fn rows(path: &Path) -> anyhow::Result<u64> {
        let trace = Trace::open(path)?;
        let faults = trace.frames().iter().filter(|info| info.kind == FrameKind::Faults);
        Ok(faults.map(|info| info.rows).sum())
    }
}

fn perf_record(events: &str, options: &[&str], output: &Path, workload: &Path) -> Command {
    let mut command = Command::new("perf");
    command.args(["record", "-q", "-e", events, "-c", "1", "-d"]).args(options);
    command.arg("-o").arg(output).arg("--").arg(workload);
    command
}

/// Samples of completed faults in what perf recorded.
fn perf_faults(path: &Path) -> anyhow::Result<Option<u64>> {
    let mut perf = Command::new("perf");
    let output = perf.args(["report", "--stats", "-i"]).arg(path).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(completions(&text))
}

/// Samples of minor and major faults by the statistics that perf prints.
fn completions(text: &str) -> Option<u64> {
    let samples_of = |event: &str| {
        let head = format!("{event} stats:");
        let lines = text.lines().skip_while(|line| !line.starts_with(&head)).skip(1);
        let line = lines.take(1).find(|line| line.contains("SAMPLE events:"))?;
        line.rsplit_once(':')?.1.split_whitespace().next()?.parse::<u64>().ok()
    };
    let (minor, major) = (samples_of("minor-faults"), samples_of("major-faults"));
    minor.or(major)?;
    Some(minor.unwrap_or(0) + major.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::completions;

    #[test]
    fn samples_are_read_from_what_perf_prints() {
        let text = "\nAggregated stats:\n          SAMPLE events:     200366  (100.0%)\npage-faults stats:\n\
                    \x20         SAMPLE events:     100183\nminor-faults stats:\n          SAMPLE events:     100182\n\
                    major-faults stats:\n          SAMPLE events:          1\n";
        assert_eq!(completions(text), Some(100_183));
        assert_eq!(completions("no samples"), None);
    }
}
