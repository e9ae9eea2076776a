//! `--stat`: counts faults and says how many there were.

mod table;
mod text;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use pfcapture::{Config, Progress};

/// On a terminal, the header of the intervals is repeated after so many lines.
const HEADER_LINES: usize = 20;

/// Counts and prints. What was asked for is printed even when only errors should be.
pub fn run(
    config: &Config,
    interval: Option<Duration>,
    pass_exit_status: bool,
    quiet: bool,
) -> ExitCode {
    let on_terminal = std::io::stderr().is_terminal();
    let mut lines = 0;
    let tally = pfcapture::stat(config, interval, |progress| match progress {
        Progress::Started(counting) => {
            for line in text::started(counting).iter().filter(|_| !quiet) {
                crate::print_line(&format!("pfrecord: {line}"));
            }
        }
        Progress::Interval(interval) => {
            if lines == 0 || on_terminal && lines % HEADER_LINES == 0 {
                crate::print_line(&text::interval_header());
            }
            lines += 1;
            crate::print_line(&text::interval(&interval));
        }
    });
    let tally = match tally {
        Ok(tally) => tally,
        Err(error) => return crate::failed(error),
    };
    for line in text::tally(&tally) {
        crate::print_line(&line);
    }
    let status = tally.command.and_then(|command| crate::exit_status(command.status));
    match status {
        Some(status) if pass_exit_status => ExitCode::from(status),
        // It was asked for, and there is none.
        None if pass_exit_status => ExitCode::from(1),
        _ if tally.counting.unsure_threads > 0 => ExitCode::from(3),
        _ => ExitCode::SUCCESS,
    }
}
