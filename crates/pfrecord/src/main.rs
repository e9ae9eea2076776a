//! `pfrecord`: records every page fault of a program.

mod action;
mod check;
mod cli;
mod recording;
mod stat;
mod summary;

use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};

use clap::CommandFactory as _;
use pfcapture::Error;
use pft::text::harmless;

/// What could not be done as asked; the exit codes are in the help.
fn exit_code(error: &Error) -> u8 {
    match error {
        Error::Exec { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
        Error::Exec { .. } => 126,
        Error::Output { source, .. } => creation_code(source),
        Error::NotBegun { .. }
        | Error::Write { .. }
        | Error::Removed { .. }
        | Error::NotSettled { .. }
        | Error::Stream { .. }
        | Error::ReaderGone { .. }
        | Error::Encode { .. }
        | Error::System { .. }
        | Error::Open { .. } => 1,
        _ => 2,
    }
}

/// The same of a file that cannot be created: a full disk is a failure, anything else a wrong place.
fn creation_code(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => 1,
        _ => 2,
    }
}

/// Prints a line on standard error, if anybody listens. Names in it may hold anything: what a terminal
/// would obey is shown, not sent.
fn print_line(line: &str) {
    let mut text = harmless(line);
    text.push('\n');
    // A closed terminal or a full disk must not end the recording.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Says why nothing was done.
fn failed(error: Error) -> ExitCode {
    failed_with(error, "")
}

/// Says why nothing was done, or not all of it, and what came of that.
fn failed_with(error: Error, consequence: &str) -> ExitCode {
    let code = exit_code(&error);
    let remedy = error.remedy().map_or_else(String::new, |remedy| format!(": {remedy}"));
    print_line(&format!("error: {:#}{remedy}{consequence}", anyhow::Error::from(error)));
    ExitCode::from(code)
}

/// What writing to standard output ends with. Whoever closed it has seen enough.
fn written(result: io::Result<()>) -> ExitCode {
    match result {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            failed(Error::System { action: "write to standard output", source })
        }
        _ => ExitCode::SUCCESS,
    }
}

/// The exit status as a shell has it.
fn exit_status(status: ExitStatus) -> Option<u8> {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    code.and_then(|code| u8::try_from(code).ok())
}

fn main() -> ExitCode {
    if let Err(error) = pfcapture::privileges::start() {
        return failed(error);
    }
    // Before anything slow: a window may be asked for at any time.
    if let Err(error) = pfcapture::catch_window_signal() {
        return failed(error);
    }
    let arguments = match cli::Arguments::from_command_line() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => error.exit(),
        Err(help) => return written(pfcli::print_help(&help)),
    };
    if let Some(action) = &arguments.action {
        if let Err(error) = pfcapture::privileges::give_up() {
            return failed(error);
        }
        return action.run(cli::Arguments::command()).map_or_else(failed, |()| ExitCode::SUCCESS);
    }
    if arguments.check {
        return match check::run(&mut io::stdout().lock()) {
            Ok(is_possible) => ExitCode::from(if is_possible { 0 } else { 2 }),
            Err(error) => written(Err(error)),
        };
    }
    let config = match arguments.config() {
        Ok(config) => config,
        Err(error) => error.exit(),
    };
    if arguments.stat {
        return stat::run(&config, arguments.interval, arguments.exit_status, arguments.quiet);
    }
    recording::run(&arguments, &config)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_place_where_nothing_can_be_created_is_a_wrong_one_unless_it_is_full() {
        let code = |kind: io::ErrorKind| {
            exit_code(&Error::Output { path: PathBuf::new(), source: kind.into() })
        };
        assert_eq!(code(io::ErrorKind::PermissionDenied), 2);
        assert_eq!(code(io::ErrorKind::NotFound), 2);
        assert_eq!(code(io::ErrorKind::ReadOnlyFilesystem), 2);
        assert_eq!(code(io::ErrorKind::StorageFull), 1);
    }
}
