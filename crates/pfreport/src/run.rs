//! What the command line asks for, done.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use pfmodel::Options;

use crate::advice;
use crate::by;
use crate::cli::{Arguments, Command};
use crate::diff;
use crate::dump;
use crate::error::Error;
use crate::export;
use crate::field::Field;
use crate::html;
use crate::info;
use crate::json;
use crate::layout::Layout;
use crate::listing::Listing;
use crate::load::{Loaded, STDIN};
use crate::pattern;
use crate::picture::{self, Format};
use crate::plot;
use crate::scope::Scope;
use crate::select::Selection;
use crate::stacks;
use crate::summary::{self, Style};
use crate::text::printable_path;

/// How a report that could be made ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The trace holds everything that happened.
    Whole,
    /// The trace is damaged or incomplete, or records were lost.
    Partial,
    /// A condition that was to fail holds, whatever the traces lack.
    Failed,
}

/// Rows of each list of the summary.
const SUMMARY_ROWS: usize = 10;
/// Rows of a grouped table on a screen.
const GROUP_ROWS: usize = 20;

/// Makes the reports that `arguments` ask for. `out` takes what goes to standard output, `warnings`
/// what an export leaves out.
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
        Some(Command::Diff(arguments)) => diff::run(arguments, out, warnings, layout),
        Some(Command::Info(arguments)) => info::run(arguments, out, warnings, layout),
        Some(Command::Dump(arguments)) => dump::run(arguments, out, warnings, layout),
        None => report(arguments, out, warnings, layout),
    }
}

fn report(
    arguments: &Arguments,
    out: &mut impl Write,
    warnings: &mut impl Write,
    layout: Layout,
) -> Result<Outcome, Error> {
    let keys = keys(&arguments.query.by)?;
    let exports = &arguments.exports;
    let plots = arguments.pictures.are_plotted();
    let listing = Listing::parse(&arguments.query)?;
    let has_table = !keys.is_empty() || listing.is_some() || arguments.views.patterns;
    let views = has_table || arguments.views.advice || plots;
    let data_on_stdout = data_on_stdout(arguments, views && !exports.has_table(), layout)?;
    let slow_threshold_ns = arguments.query.slow_threshold;
    let slow_threshold_ns =
        slow_threshold_ns.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let options = Options { slow_threshold_ns };
    let selection = Selection::parse(&arguments.query)?;
    let mut loaded = Loaded::open_all(&arguments.traces, &options)?;
    selection.apply(&mut loaded)?;

    let has_export = exports.has_table() || exports.json.is_some();
    let has_file = has_export
        || arguments.pictures.are_drawn()
        || exports.html.is_some()
        || arguments.stacks.any();
    let mut written = stacks::export(&loaded, arguments, out, warnings)?;
    if exports.has_table() {
        written.extend(export_table(&loaded, &keys, listing.as_ref(), arguments, out)?);
    } else if let Some(listing) = &listing {
        let top = arguments.query.top.unwrap_or(GROUP_ROWS);
        out.write_all(listing.render(&loaded, top, layout.table_width)?.as_bytes())?;
    } else if !keys.is_empty() {
        let groups = by::table(&loaded, &keys, arguments.query.sort.as_deref(), None)?;
        let top = arguments.query.top.unwrap_or(GROUP_ROWS);
        out.write_all(by::render(&loaded, &groups, &keys, top, layout.table_width)?.as_bytes())?;
        if let Some(caveat) = Scope::of(&loaded).caveat(loaded.skipped()) {
            writeln!(out, "  {caveat}")?;
        }
    }
    if arguments.views.patterns && !exports.has_table() {
        let top = arguments.query.top.unwrap_or(GROUP_ROWS);
        out.write_all(pattern::render(&loaded, top, layout.table_width).as_bytes())?;
    }
    if arguments.views.advice {
        out.write_all(advice::render(&loaded, layout).as_bytes())?;
    }
    let summary_rows = arguments.query.top.unwrap_or(SUMMARY_ROWS);
    written.extend(json::export(&loaded, arguments, summary_rows, out)?);
    if plots {
        let text = plot::render(&loaded, &arguments.pictures, summary_rows, layout);
        out.write_all(text.as_bytes())?;
    }
    let (pictures, force) = (&arguments.pictures, arguments.habits.force);
    for (folder, format) in [(&pictures.png, Format::Png), (&pictures.svg, Format::Svg)] {
        let Some(folder) = folder else { continue };
        let folder = folder.as_deref().unwrap_or(Path::new("."));
        written.extend(picture::draw(&loaded, folder, format, pictures.style(), force)?);
    }
    if let Some(file) = &arguments.exports.html {
        let top = arguments.query.top.unwrap_or(html::ROWS);
        written.push(html::write(&loaded, file.as_deref(), top, arguments.habits.force)?);
    }
    if !has_file && !views {
        let style = Style { top: summary_rows, layout };
        out.write_all(summary::render(&loaded, style)?.as_bytes())?;
    }
    for path in written.iter().filter(|_| !data_on_stdout) {
        writeln!(out, "{}", printable_path(path))?;
    }
    out.flush()?;

    if loaded.is_whole() {
        return Ok(Outcome::Whole);
    }
    if has_file || views {
        warn(&loaded, warnings)?;
    }
    Ok(Outcome::Partial)
}

/// Whether standard output gets data for a program: at most one of the outputs may go there, and nothing
/// binary to a terminal.
fn data_on_stdout(arguments: &Arguments, has_text: bool, layout: Layout) -> Result<bool, Error> {
    let exports = &arguments.exports;
    let tables = exports.tables().filter(|(_, file)| file.is_none());
    let tables = tables.map(|(format, _)| (format!("--{}", format.as_str()), format.is_binary()));
    let json = (exports.json == Some(None)).then(|| ("--json".to_owned(), false));
    let stacks = arguments.stacks.on_stdout().into_iter();
    let stacks = stacks.map(|(option, is_binary)| (option.to_owned(), is_binary));
    let data: Vec<(String, bool)> = tables.chain(json).chain(stacks).collect();
    if let Some((option, _)) =
        data.iter().find(|&&(_, is_binary)| is_binary && layout.is_terminal())
    {
        return Err(Error::Terminal { option: option.clone() });
    }
    let has_data = !data.is_empty();
    let text = (has_text && has_data).then(|| "a table".to_owned());
    let mut all = text.into_iter().chain(data.into_iter().map(|(option, _)| option));
    if let (Some(first), Some(second)) = (all.next(), all.next()) {
        return Err(Error::OneOutput { outputs: [first, second] });
    }
    Ok(has_data)
}

/// The columns of `--by`, each once.
fn keys(names: &[String]) -> Result<Vec<Field>, Error> {
    let mut keys = Vec::new();
    for name in names {
        let field = Field::parse(name)?;
        if !keys.contains(&field) {
            keys.push(field);
        }
    }
    Ok(keys)
}

/// The table asked for, in all the formats.
fn export_table(
    loaded: &Loaded,
    keys: &[Field],
    listing: Option<&Listing>,
    arguments: &Arguments,
    out: &mut impl Write,
) -> Result<Vec<PathBuf>, Error> {
    match listing {
        Some(listing) if !listing.is_all_faults(arguments.query.top) => {
            let frame = listing.frame(loaded, arguments.query.top)?;
            return export::frame(loaded, arguments, &frame, out);
        }
        Some(_) => return export::faults(loaded, arguments, out),
        None => {}
    }
    if arguments.views.patterns {
        let patterns = pattern::table(loaded, arguments.query.top)?;
        return export::frame(loaded, arguments, &patterns, out);
    }
    if keys.is_empty() {
        return export::faults(loaded, arguments, out);
    }
    let groups = by::table(loaded, keys, arguments.query.sort.as_deref(), arguments.query.top)?;
    export::frame(loaded, arguments, &by::with_chains(loaded, groups)?, out)
}

/// One line that says why an export is not the whole story.
fn warn(loaded: &Loaded, out: &mut impl Write) -> io::Result<()> {
    for member in loaded.members.iter().filter(|member| !member.flaws.is_empty()) {
        let reasons = member.flaws.join(", ");
        let whose = if loaded.are_several() { format!("{}: ", member.name) } else { String::new() };
        let details = if member.path == Path::new(STDIN) {
            "the summary, without options".to_owned()
        } else {
            format!("pfreport {}", printable_path(&member.path))
        };
        writeln!(out, "warning: {whose}{reasons}; details: {details}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::data_on_stdout;
    use crate::cli::Arguments;
    use crate::error::Error;
    use crate::layout::Layout;

    #[test]
    fn binary_formats_are_not_for_terminals() {
        let terminal = Layout::terminal(100, true);
        let on_stdout = |option, layout| {
            let arguments = Arguments::try_parse_from(["pfreport", "run.pft", option]).unwrap();
            data_on_stdout(&arguments.with_dashes(), false, layout)
        };
        for option in ["--parquet", "--arrow=-"] {
            let refused = on_stdout(option, terminal).unwrap_err();
            let name = option.trim_end_matches("=-");
            assert!(matches!(&refused, Error::Terminal { option } if option == name));
            assert_eq!(
                refused.to_string(),
                format!(
                    "{name} is no text for a terminal; give it a file ({name}=FILE) or another program"
                )
            );
            assert!(on_stdout(option, Layout::PIPED).unwrap());
        }
        for option in ["--csv", "--jsonl", "--json", "--folded"] {
            assert!(on_stdout(option, terminal).unwrap());
        }
        for option in ["--csv=out", "--parquet=out", "--json=out"] {
            assert!(!on_stdout(option, terminal).unwrap());
        }
    }
}
