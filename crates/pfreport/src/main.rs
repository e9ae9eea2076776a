//! Reports on page-fault traces.

use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use pfreport::cli::Arguments;
use pfreport::error::Error;
use pfreport::layout::Layout;
use pfreport::run::{Outcome, run};
use pfreport::text::printable;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            // The message quotes words of the command line.
            for line in error.render().to_string().lines() {
                let _ = writeln!(io::stderr(), "{}", printable(line.as_bytes()));
            }
            return ExitCode::from(2);
        }
        Err(help) => help.exit(),
    };
    match report(&arguments.with_dashes()) {
        Ok(Outcome::Whole) => ExitCode::SUCCESS,
        Ok(Outcome::Partial) => ExitCode::from(3),
        Err(error) => {
            let (code, remedy) = judge(&error);
            if code != 0 {
                let remedy = remedy.map_or_else(String::new, |remedy| format!("; {remedy}"));
                // Nothing is left to be done when standard error is closed as well.
                let _ = writeln!(
                    io::stderr(),
                    "error: {}{remedy}",
                    printable(format!("{error:#}").as_bytes())
                );
            }
            ExitCode::from(code)
        }
    }
}

fn report(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let stdout = io::stdout().lock();
    let bold = stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let layout = terminal_size::terminal_size_of(&stdout)
        .map_or(Layout::PIPED, |(columns, _)| Layout::terminal(usize::from(columns.0), bold));
    Ok(run(arguments, &mut BufWriter::new(stdout), &mut io::stderr(), layout)?)
}

/// The exit code for an error, and what to do about it.
fn judge(error: &anyhow::Error) -> (u8, Option<&'static str>) {
    match error.downcast_ref() {
        // Whoever read the output has seen enough.
        Some(Error::Output(cause)) if cause.kind() == ErrorKind::BrokenPipe => (0, None),
        Some(
            Error::UnknownColumn { .. }
            | Error::Condition { .. }
            | Error::UnknownPid { .. }
            | Error::EmptyWindow { .. }
            | Error::Exists { .. }
            | Error::IsInput { .. }
            | Error::Irregular { .. }
            | Error::OneOutput { .. }
            | Error::Terminal { .. },
        ) => (2, None),
        Some(Error::Trace { source: pft::Error::NotATrace, .. }) => {
            (1, Some("record one with: pfrecord -o run.pft -- COMMAND"))
        }
        _ => (1, None),
    }
}
