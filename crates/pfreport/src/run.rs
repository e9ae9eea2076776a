//! What the command line asks for, done.

mod parts;
mod table;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;

use crate::cli::{Arguments, Command, analysis_options};
use crate::commands::dataset;
use crate::commands::diff;
use crate::commands::dump;
use crate::commands::import;
use crate::commands::info;
use crate::commands::recover;
use crate::commands::redact;
use crate::commands::verify;
use crate::error::Error;
use crate::files::input::STDIN;
use crate::findings::advice;
use crate::load::progress::Bar;
use crate::load::{Loaded, Reach, Request, default_bytes};
use crate::outputs::events;
use crate::outputs::html;
use crate::outputs::json;
use crate::outputs::listing::Listing;
use crate::outputs::openmetrics;
use crate::outputs::picture::{self, Format};
use crate::outputs::plot;
use crate::outputs::stacks;
use crate::outputs::summary::stretch::Choice;
use crate::outputs::summary::{self, Style};
use crate::print::layout::Layout;
use crate::print::text::{printable_path, shell_word};
use crate::select::Selection;
use table::Asked;

/// How a report that could be made ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The trace holds everything that happened.
    Whole,
    /// The trace is damaged or incomplete, or records were lost.
    Partial,
    /// A condition holds under which the user wants a failure.
    Failed,
}

/// Rows of each list of the summary.
const SUMMARY_ROWS: usize = 10;

/// Does what `arguments` ask for. `out` takes what goes to standard output, `warnings` what an output
/// leaves out.
///
/// # Errors
/// Any [`Error`].
pub fn run(
    arguments: &Arguments,
    out: &mut impl Write,
    warnings: &mut impl Write,
    layout: Layout,
) -> Result<Outcome, Error> {
    match &arguments.command {
        Some(Command::Diff(arguments)) => diff::run(arguments, out, layout),
        Some(Command::Info(arguments)) => info::run(arguments, out, layout),
        Some(Command::Dump(arguments)) => dump::run(arguments, out),
        Some(Command::Verify(verify)) => verify::run(verify, arguments.common.quiet, out),
        Some(Command::Recover(arguments)) => recover::run(arguments, (out, warnings), layout),
        Some(Command::Redact(arguments)) => redact::run(arguments, (out, warnings), layout),
        Some(Command::Dataset(dataset)) => {
            dataset::run(dataset, arguments.common.quiet, (out, warnings))
        }
        Some(Command::Import(arguments)) => import::run(arguments, (out, warnings), layout),
        Some(Command::Completions(completions)) => {
            completions.write(Arguments::command(), out)?;
            Ok(Outcome::Whole)
        }
        Some(Command::Man(pages)) => match pages.write(Arguments::command(), out) {
            Ok(()) => Ok(Outcome::Whole),
            Err((Some(path), source)) => Err(Error::Write { path, source }),
            Err((None, source)) => Err(Error::Output(source)),
        },
        None => report(arguments, out, warnings, layout),
    }
}

fn report(
    arguments: &Arguments,
    out: &mut impl Write,
    warnings: &mut impl Write,
    layout: Layout,
) -> Result<Outcome, Error> {
    let exports = &arguments.exports;
    let mut asked = Asked::parse(arguments)?;
    let selection = Selection::parse(&arguments.query)?;
    let has_table = exports.has_table() || asked.is_named();
    let has_views =
        arguments.events.events || arguments.views.advice || arguments.pictures.are_plotted();
    let has_texts = has_views || asked.is_named() && !exports.has_table();
    let has_others = has_views
        || arguments.pictures.are_drawn()
        || arguments.stacks.any()
        || exports.json.is_some()
        || exports.openmetrics.is_some()
        || exports.html.is_some();
    let has_data = data_on_stdout(arguments, has_texts, layout)?;

    // What is more than a table speaks of the whole trace.
    let is_table = has_table && !has_others;
    let reach = if is_table { asked.reach(&selection) } else { Reach::Whole };
    let is_rows = is_table && exports.has_table() && asked.is_all_faults();
    let bar = Bar::new(arguments.common.quiet);
    let request = request(arguments, &selection, reach, bar.as_ref());
    let loaded = match parts::too_large(arguments, &request)? {
        Some(trace) if !has_table && !has_others => {
            let choice =
                Choice { selection: &selection, slow_threshold: arguments.query.slow_threshold };
            let style = Style { top: arguments.query.top.unwrap_or(SUMMARY_ROWS), layout };
            let (loaded, text) = parts::summary(trace, &request, choice, style)?;
            // The bar ends before the text begins.
            drop(request);
            drop(bar);
            out.write_all(text.as_bytes())?;
            return end(&loaded, &[], has_data, (out, &mut io::sink()));
        }
        Some(trace) if is_rows => {
            let (loaded, written) =
                parts::export_rows(trace, &request, &selection, arguments, out)?;
            return end(&loaded, &written, has_data, (out, warnings));
        }
        Some(trace) if is_table && let Asked::Groups(keys) = asked => {
            let (loaded, groups) = parts::group(trace, &request, &selection, &keys)?;
            asked = Asked::Grouped(keys, groups);
            loaded
        }
        Some(trace)
            if is_table
                && let Asked::Listing(listing) = asked.clone()
                && listing.is_frugal() =>
        {
            let (loaded, listing) = match listing {
                Listing::Sql(query) => {
                    let (loaded, query) = parts::query(trace, &request, &selection, query)?;
                    (loaded, Listing::Sql(query))
                }
                // Its rows are not those of faults.
                table @ Listing::Table(..) => {
                    (Loaded::open_in_parts(trace, &request, |_| Ok(()))?, table)
                }
            };
            asked = Asked::Listing(listing);
            loaded
        }
        Some(trace) if selection.is_narrow() || Loaded::rows_fit(trace, &request)? => {
            Loaded::open_selected(trace, &request, |part| selection.apply(part))?
        }
        _ => {
            let mut loaded = Loaded::open_all(&arguments.traces, &request)?;
            selection.apply(&mut loaded)?;
            loaded
        }
    };
    drop(request);
    drop(bar);
    // The program ends with the report, and the system takes memory back faster than it could be given back. Tests
    // make many reports in one process.
    let given_back;
    let loaded: &Loaded = if cfg!(debug_assertions) {
        given_back = loaded;
        &given_back
    } else {
        Box::leak(Box::new(loaded))
    };
    if let Some(table) = asked.unselected().filter(|_| !selection.is_everything()) {
        let remedy = format!("to narrow it: --sql \"SELECT * FROM {table} WHERE …\"");
        writeln!(
            warnings,
            "note: {table} are those of the whole trace, whichever faults are chosen; {remedy}"
        )?;
    }

    let mut written = stacks::export(loaded, arguments, out, warnings)?;
    if exports.has_table() {
        written.extend(asked.export(loaded, arguments, out)?);
    } else {
        asked.print(loaded, arguments, layout, out)?;
    }
    let rows = arguments.query.top.unwrap_or(SUMMARY_ROWS);
    written.extend(json::export(loaded, arguments, rows, out)?);
    written.extend(openmetrics::export(loaded, arguments, rows, out)?);
    written.extend(draw(loaded, arguments, out)?);
    texts(loaded, arguments, layout, out)?;
    if !has_table && !has_others {
        let style = Style { top: rows, layout };
        out.write_all(summary::render(loaded, style)?.as_bytes())?;
        // It says itself what is missing.
        return end(loaded, &[], has_data, (out, &mut io::sink()));
    }
    end(loaded, &written, has_data, (out, warnings))
}

/// Names the files that were written, unless standard output has data, and tells what is missing.
fn end(
    loaded: &Loaded,
    written: &[PathBuf],
    has_data: bool,
    (out, warnings): (&mut impl Write, &mut impl Write),
) -> Result<Outcome, Error> {
    for path in written.iter().filter(|_| !has_data) {
        writeln!(out, "{}", printable_path(path))?;
    }
    out.flush()?;
    if loaded.is_whole() {
        return Ok(Outcome::Whole);
    }
    warn(loaded, warnings)?;
    Ok(Outcome::Partial)
}

/// What is asked of the traces.
fn request<'a>(
    arguments: &Arguments,
    selection: &'a Selection,
    reach: Reach,
    bar: Option<&'a Bar>,
) -> Request<'a> {
    let memory_bytes = arguments.common.memory.unwrap_or_else(default_bytes);
    let traces = u64::try_from(arguments.traces.len()).unwrap_or(u64::MAX).max(1);
    let mut request = Request::from(analysis_options(arguments.query.slow_threshold))
        .within(|length_ns| selection.window_ns(length_ns))
        .telling(move |progress| bar.into_iter().for_each(|bar| bar.show(progress)));
    request.reach = reach;
    request.memory_bytes = Some(memory_bytes / traces);
    request
}

/// The texts other than tables.
fn texts(
    loaded: &Loaded,
    arguments: &Arguments,
    layout: Layout,
    out: &mut impl Write,
) -> Result<(), Error> {
    let top = arguments.query.top;
    if arguments.events.events {
        events::write(loaded, top, arguments.events.fixed_ts, out)?;
    }
    if arguments.views.advice {
        out.write_all(advice::render(loaded, layout).as_bytes())?;
    }
    if arguments.pictures.are_plotted() {
        let rows = top.unwrap_or(SUMMARY_ROWS);
        let text = plot::render(loaded, &arguments.pictures, rows, layout);
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

/// Pictures and the page with pictures; returns the paths of files.
fn draw(
    loaded: &Loaded,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<Vec<PathBuf>, Error> {
    let (pictures, force) = (&arguments.pictures, arguments.overwrite.force);
    let mut written = Vec::new();
    for (folder, format) in [(&pictures.png, Format::Png), (&pictures.svg, Format::Svg)] {
        let Some(folder) = folder else { continue };
        let folder = folder.as_deref().unwrap_or(Path::new("."));
        written.extend(picture::draw(loaded, folder, format, pictures.style(), force)?);
    }
    if let Some(file) = &arguments.exports.html {
        let top = arguments.query.top.unwrap_or(html::ROWS);
        written.extend(html::export(loaded, file.as_ref(), (top, force), out)?);
    }
    Ok(written)
}

/// Whether standard output gets data for a program: at most one of the outputs may go there, and nothing
/// binary to a terminal.
fn data_on_stdout(arguments: &Arguments, has_texts: bool, layout: Layout) -> Result<bool, Error> {
    let data: Vec<(String, bool)> =
        arguments.exports.on_stdout().chain(arguments.stacks.on_stdout()).collect();
    if let Some((option, _)) =
        data.iter().find(|&&(_, is_binary)| is_binary && layout.is_terminal())
    {
        return Err(Error::Terminal { option: option.clone() });
    }
    let has_data = !data.is_empty();
    let text = (has_texts && has_data).then(|| "a text".to_owned());
    let mut all = text.into_iter().chain(data.into_iter().map(|(option, _)| option));
    if let (Some(first), Some(second)) = (all.next(), all.next()) {
        return Err(Error::OneOutput { outputs: [first, second] });
    }
    Ok(has_data)
}

/// One line a trace that says why an output is not the whole story.
fn warn(loaded: &Loaded, out: &mut impl Write) -> io::Result<()> {
    for member in loaded.members.iter().filter(|member| !member.flaws.is_empty()) {
        let reasons = member.flaws.join(", ");
        let whose = if loaded.are_several() { format!("{}: ", member.name) } else { String::new() };
        let details = if member.path == Path::new(STDIN) {
            "the summary, without options".to_owned()
        } else {
            format!("pfreport {}", shell_word(&member.path))
        };
        writeln!(out, "warning: {whose}{reasons}; details: {details}")?;
    }
    Ok(())
}
