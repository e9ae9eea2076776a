//! A recording as its user sees it: lines when it runs and when it is done, and the exit code.

use std::cell::Cell;
use std::process::ExitCode;

use pfcapture::{
    Config, Error, Explain, Helpers, Live, LiveEnd, News, Output, Recorded, Started, Unwind,
};

use pfrecord::naming::{Namer, StackUnwinder};

use crate::cli::Arguments;
use crate::{creation_code, exit_status, failed_with, print_line, summary};

/// Records.
pub fn run(arguments: &Arguments, config: &Config) -> ExitCode {
    let say = |line: &str| {
        if !arguments.quiet {
            print_line(&format!("pfrecord: {line}"));
        }
    };
    let live = match arguments.live.open(arguments.force) {
        Ok(live) => live.map(|live| Box::new(live) as Box<dyn Live>),
        Err(error) => {
            let exists = error.kind() == std::io::ErrorKind::AlreadyExists;
            let remedy = if exists { ": overwrite it with -f" } else { "" };
            let place = arguments.live.place();
            print_line(&format!("error: cannot show faults live in {place}: {error}{remedy}"));
            return ExitCode::from(creation_code(&error));
        }
    };
    let (begun, terminated) = (Cell::new(false), Cell::new(false));
    let on_start = |started: &Started| {
        begun.set(true);
        for line in summary::started(started) {
            say(&line);
        }
    };
    let on_news = |news: News<'_>| match news {
        News::DelayOver => say("the delay is over: faults are recorded from now on"),
        News::CommandTerminated => terminated.set(true),
        News::Dumped(dumped) => match &dumped.result {
            Ok(bytes) => say(&summary::dumped(dumped, *bytes)),
            Err(error) => print_line(&format!("error: {}", summary::chain(error))),
        },
    };
    let explain = Some(Box::new(Namer { names: !arguments.no_symbols }) as Box<dyn Explain>);
    let unwind = Some(Box::<StackUnwinder>::default() as Box<dyn Unwind>);
    let helpers = Helpers { live, explain, unwind };
    let recorded = pfcapture::record(config, helpers, on_start, on_news);
    match recorded {
        Ok(mut recorded) => {
            for line in summary::recorded(&recorded) {
                say(&line);
            }
            let reader_gone = recorded.live.as_ref().is_some_and(|live| live.reader_gone);
            if reader_gone && config.output != Output::None {
                say(
                    "the reader of the live lines went away and was not told the rest: the trace has it",
                );
            }
            let error = recorded.live.as_ref().and_then(|live| live.error.as_ref());
            if let Some(error) = error {
                print_line(&format!("error: cannot show faults live any more: {error}"));
            }
            match recorded.unwritten.take() {
                Some(error) => failed_with(error, consequence(terminated.get())),
                None => exit_code(arguments, &recorded),
            }
        }
        Err(error) => {
            // The file is created when the command runs already.
            let unwritten = matches!(error, Error::NotBegun { .. } | Error::Output { .. });
            let too_late = unwritten && !begun.get() && crate::exit_code(&error) == 1;
            let ended = too_late && !config.command.is_empty();
            failed_with(error, consequence(ended))
        }
    }
}

/// What an error meant for the command.
const fn consequence(ended: bool) -> &'static str {
    if ended { "; the command was ended with SIGTERM" } else { "" }
}

fn exit_code(arguments: &Arguments, recorded: &Recorded) -> ExitCode {
    let status = recorded.exit_status.and_then(exit_status);
    let live_failed = matches!(&recorded.live, Some(LiveEnd { error: Some(_), .. }));
    match status.filter(|_| arguments.exit_status) {
        _ if recorded.windows.failed > 0 || live_failed => ExitCode::from(1),
        Some(status) => ExitCode::from(status),
        // It was asked for, and there is none.
        None if arguments.exit_status => ExitCode::from(1),
        None if !recorded.is_whole() => ExitCode::from(3),
        None => ExitCode::SUCCESS,
    }
}
