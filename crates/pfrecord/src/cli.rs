//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use pfcapture::{Config, Output, Selection, Target};

use crate::action::Action;

/// Records every page fault of a program with its cost.
///
/// Each fault is recorded, never a sample of them: time, address, instruction, thread, minor or
/// major, and how long the kernel took to serve it. The trace is for pfreport, on any machine.
#[derive(Debug, Parser)]
#[command(name = "pfrecord", version, after_help = AFTER_HELP)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
#[command(override_usage = USAGE)]
pub struct Arguments {
    #[command(subcommand)]
    pub action: Option<Action>,

    /// Attach to running processes, with all their threads and whatever they create later
    #[arg(short, long, value_name = "PID", value_delimiter = ',', conflicts_with = "command")]
    pid: Vec<u32>,

    /// Trace file to write [default: pfrecord-NAME.PID.pft]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace the trace file if it exists
    #[arg(short, long)]
    force: bool,

    /// End after this time (10s, 500ms, 2m); a command that was started is then ended with SIGTERM
    #[arg(short, long, value_name = "TIME", value_parser = humantime::parse_duration)]
    duration: Option<Duration>,

    /// Ring buffer of each CPU (64K to 1G, a power of two) [default: 8M, or what may be locked; 512M for all CPUs at most]
    #[arg(short = 'm', long, value_name = "SIZE", value_parser = ring_size)]
    ring_size: Option<usize>,

    /// Read /proc/PID/maps of each process that faults this often
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    maps_interval: Duration,

    /// Level of compression (zstd)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=19))]
    level: i32,

    /// Exit with the command's exit status
    #[arg(long, requires = "command")]
    pub exit_status: bool,

    /// Say what this kernel and user can record and how to get more, and record nothing
    #[arg(long, exclusive = true)]
    pub check: bool,

    /// Print errors only
    #[arg(short, long)]
    pub quiet: bool,

    /// Command to start and record from its first instruction
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const USAGE: &str = "\
pfrecord [OPTIONS] -p PID
       pfrecord [OPTIONS] -- COMMAND...
       pfrecord --check
       pfrecord mark NAME";

const AFTER_HELP: &str = "\
Examples:
  pfrecord -o run.pft -- ./server --port 80    record a command from its first instruction
  pfrecord -p 1234 -o run.pft                  attach; Ctrl-C ends the recording
  pfrecord -p 1234 -d 30s -o run.pft           attach for half a minute
  pfrecord mark warm-up                        a phase begins in the recording that runs
  pfrecord --check                             what can be recorded here, and how to get more
  pfreport run.pft                             where, what, why

Root (or CAP_PERFMON) sees kernel-mode faults and the hardware error code, which tells reads from
writes and copy-on-write from first touches. Without it, one's own processes can be recorded at
kernel.perf_event_paranoid 2 or less; the report says what is missing.

Exit codes: 0 recorded; 1 failed (disk full: the trace is valid up to there); 2 not possible as
asked (not permitted, no such process, the output exists or is no regular file, limits, wrong usage);
3 recorded, but records were lost or do not add up to the kernel's counts; 126, 127 the command could
not be started (no trace is left).";

fn ring_size(text: &str) -> Result<usize, String> {
    let bytes = parse_size::Config::new()
        .with_binary()
        .parse_size(text)
        .map_err(|error| error.to_string())?;
    match usize::try_from(bytes) {
        Ok(bytes) if (64 << 10..=1 << 30).contains(&bytes) && bytes.is_power_of_two() => Ok(bytes),
        _ => Err("a power of two from 64K to 1G is needed".to_owned()),
    }
}

impl Arguments {
    /// What to record and how.
    pub fn config(&self) -> Result<Config, clap::Error> {
        let target = match (self.pid.is_empty(), self.command.is_empty()) {
            (false, _) => Target::Processes(self.pid.clone()),
            (true, false) => Target::Command,
            (true, true) => {
                return Err(Self::command().error(
                    clap::error::ErrorKind::MissingRequiredArgument,
                    "whom to record: -p PID, or -- COMMAND",
                ));
            }
        };
        Ok(Config {
            target,
            command: self.command.clone(),
            follow: true,
            selection: Selection::default(),
            output: self.output.clone().map_or(Output::Named, Output::File),
            overwrite: self.force,
            duration: self.duration,
            delay: Duration::ZERO,
            max_bytes: None,
            flight: None,
            ring_bytes: self.ring_size,
            maps_interval: self.maps_interval,
            level: self.level,
            labels: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn ring_sizes_are_powers_of_two() {
        assert_eq!(ring_size("8M"), Ok(8 << 20));
        assert_eq!(ring_size("512KiB"), Ok(512 << 10));
        for wrong in ["3M", "32K", "2G", "x", ""] {
            assert!(ring_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_command_may_have_the_name_of_a_subcommand() {
        let parse = |words: &[&str]| Arguments::try_parse_from(words);
        let marks = |words: &[&str]| {
            parse(words).unwrap().action.map(|Action::Mark { name, to }| (name, to))
        };
        assert_eq!(marks(&["pfrecord", "mark", "a b"]), Some(("a b".into(), None)));
        assert_eq!(marks(&["pfrecord", "mark", "x", "--to", "7"]), Some(("x".into(), Some(7))));
        assert_eq!(marks(&["pfrecord", "--", "mark", "x"]), None);
        let launched = parse(&["pfrecord", "--", "mark", "x"]).unwrap().config().unwrap();
        assert_eq!(launched.command, ["mark", "x"]);
        assert!(parse(&["pfrecord", "mark"]).is_err());
        assert!(parse(&["pfrecord", "-p", "1", "mark", "x"]).is_err());
        assert!(parse(&["pfrecord", "--check", "--", "true"]).is_err());
        assert!(parse(&["pfrecord", "--check"]).unwrap().check);
    }

    #[test]
    fn a_target_is_needed_and_only_one() {
        let config = |words: &[&str]| Arguments::try_parse_from(words).and_then(|a| a.config());
        assert!(config(&["pfrecord"]).is_err());
        assert!(config(&["pfrecord", "-p", "1", "--", "true"]).is_err());
        assert!(config(&["pfrecord", "-p", "x"]).is_err());
        let pids = config(&["pfrecord", "-p", "1,2"]).unwrap().target;
        assert!(matches!(pids, Target::Processes(pids) if pids == [1, 2]));
        let launched = config(&["pfrecord", "--", "ls", "-l"]).unwrap();
        assert_eq!(launched.target, Target::Command);
        assert_eq!(launched.command, ["ls", "-l"]);
    }
}
