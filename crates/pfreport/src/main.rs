//! Reports on page-fault traces.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::process::ExitCode;

use anstream::AutoStream;
use clap::ColorChoice;
use pfreport::cli::Arguments;
use pfreport::error::Error;
use pfreport::print::layout::Layout;
use pfreport::print::text::harmless;
use pfreport::run::{Outcome, run};

/// Columns of a terminal that does not tell how many it has.
const COLUMNS: usize = 80;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let arguments = match Arguments::from_words(&words) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            // The message quotes words of the command line.
            for line in error.render().to_string().lines() {
                let _ = writeln!(io::stderr(), "{}", harmless(line));
            }
            return ExitCode::from(2);
        }
        Err(help) => {
            let printed = pfcli::print_help(&help).map_err(Error::Output);
            return printed.map_or_else(failed, |()| ExitCode::SUCCESS);
        }
    };
    match report(&arguments) {
        Ok(Outcome::Whole) => ExitCode::SUCCESS,
        Ok(Outcome::Partial) => ExitCode::from(3),
        Ok(Outcome::Failed) => ExitCode::from(4),
        Err(error) => failed(error),
    }
}

/// Says what failed, and what helps.
fn failed(error: Error) -> ExitCode {
    let code = error.exit_code();
    if code != 0 {
        let remedy = error.remedy().map_or_else(String::new, |what| format!("; {what}"));
        let error = format!("{:#}{remedy}", anyhow::Error::from(error));
        // Nothing is left to be done when standard error is closed as well.
        let _ = writeln!(io::stderr(), "error: {}", harmless(&error));
    }
    ExitCode::from(code)
}

fn report(arguments: &Arguments) -> Result<Outcome, Error> {
    let stdout = io::stdout().lock();
    let bold = match arguments.common.color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => AutoStream::choice(&stdout) != anstream::ColorChoice::Never,
    };
    let layout = match terminal_size::terminal_size_of(&stdout) {
        Some((columns, _)) => Layout::terminal(usize::from(columns.0), bold),
        // One that does not tell its size.
        None if stdout.is_terminal() => Layout::terminal(COLUMNS, bold),
        None => Layout { bold, ..Layout::PIPED },
    };
    let mut warnings: Box<dyn Write> =
        if arguments.common.quiet { Box::new(io::sink()) } else { Box::new(io::stderr()) };
    run(arguments, &mut BufWriter::new(stdout), &mut warnings, layout)
}
