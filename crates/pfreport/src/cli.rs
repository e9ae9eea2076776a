//! The command line.

mod common;
mod events;
mod exports;
mod help;
mod overwrite;
mod pictures;
mod query;
mod stacks;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueHint};

pub use common::{Common, folder, size};
pub use events::Events;
pub use exports::Exports;
pub use overwrite::Overwrite;
pub use pictures::Pictures;
pub use query::{Query, Views, analysis_options};
pub use stacks::StackOutputs;

const USAGE: &str = "\
pfreport [OPTIONS] <TRACE>...
       pfreport <COMMAND> ...";

/// Reports where page faults happen, what they cost and why.
///
/// Reads traces that pfrecord wrote, on any machine and without privileges. Without options it prints
/// a summary of one screen; its last line, `Summary: major=… minor=… cow=…`, is for scripts: numbers, or
/// `unrecorded` or `unknown`.
#[derive(Debug, Clone, Parser)]
#[command(name = "pfreport", version = pfcli::VERSION, after_help = help::short(), after_long_help = help::long())]
#[command(subcommand_negates_reqs = true, disable_help_subcommand = true, override_usage = USAGE)]
pub struct Arguments {
    /// What to do other than report
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Trace files; `-` reads standard input
    #[arg(required = true, value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub traces: Vec<PathBuf>,

    /// Which faults, and how they are grouped.
    #[command(flatten)]
    pub query: Query,

    /// Texts other than the summary.
    #[command(flatten)]
    pub views: Views,

    /// A line a fault.
    #[command(flatten)]
    pub events: Events,

    /// Files for other programs.
    #[command(flatten)]
    pub exports: Exports,

    /// Pictures.
    #[command(flatten)]
    pub pictures: Pictures,

    /// Call stacks.
    #[command(flatten)]
    pub stacks: StackOutputs,

    /// Whether files that exist are replaced.
    #[command(flatten)]
    pub overwrite: Overwrite,

    /// What all reports have in common.
    #[command(flatten)]
    pub common: Common,
}

/// What the program does other than report.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Compare runs before and after a change
    Diff(crate::commands::diff::Arguments),
    /// Show what a trace is, without reading its faults
    Info(crate::commands::info::Arguments),
    /// Show the frames of a trace as they are stored
    Dump(crate::commands::dump::Arguments),
    /// Check every byte and every rule of a trace
    Verify(crate::commands::verify::Arguments),
    /// Make a clean trace of what is left of a damaged one
    Recover(crate::commands::recover::Arguments),
    /// Write a trace that can be shared: without names of users, hosts, files and code
    Redact(crate::commands::redact::Arguments),
    /// Add traces to a dataset of Parquet files, for questions to a fleet
    Dataset(crate::commands::dataset::Arguments),
    /// Make a trace of what perf recorded
    Import(crate::commands::import::Arguments),
    /// Write what makes a shell complete options and file names
    Completions(pfcli::Completions),
    /// Write the manual pages
    Man(pfcli::ManPages),
}

impl Arguments {
    /// The arguments that the words of a command line stand for, the program's name first.
    ///
    /// # Errors
    /// What is wrong with them; help and version are errors too.
    pub fn from_words(words: &[OsString]) -> Result<Self, clap::Error> {
        let mut command = Self::command().color(common::color_of(words));
        let matches = command.try_get_matches_from_mut(words)?;
        if let Some(name) = matches.subcommand_name() {
            let is_given = |argument: &&clap::Arg| {
                let source = matches.value_source(argument.get_id().as_str());
                !argument.is_global_set() && source == Some(ValueSource::CommandLine)
            };
            let stray = command.get_arguments().find(is_given).map(ToString::to_string);
            if let Some(stray) = stray {
                let what = format!("{stray} does not go with `{name}`; its options come behind it");
                return Err(command.error(ErrorKind::ArgumentConflict, what));
            }
        }
        let arguments = Self::from_arg_matches(&matches)?;
        if let Some((one, other)) = arguments.two_texts() {
            let what = format!("{one} and {other} are two texts, and a report is one");
            return Err(command.error(ErrorKind::ArgumentConflict, what));
        }
        Ok(arguments)
    }

    /// Two options of which each asks for a text of its own. Plots are one, whatever they show. A table that is exported
    /// is none, and goes with any, but there is only one table.
    fn two_texts(&self) -> Option<(&'static str, &'static str)> {
        let (query, views) = (&self.query, &self.views);
        let tables = [
            ("--by", !query.by.is_empty()),
            ("--table", query.table.is_some()),
            ("--sql", query.sql.is_some()),
            ("--patterns", views.patterns),
        ];
        let others = [
            ("--advice", views.advice),
            ("--events", self.events.events),
            ("--histogram", self.pictures.histogram),
            ("--heatmap", self.pictures.heatmap && !self.pictures.histogram),
        ];
        let two = |options: &[(&'static str, bool)]| {
            let mut asked = options.iter().filter(|(_, is_asked)| *is_asked).map(|(name, _)| *name);
            Some((asked.next()?, asked.next()?))
        };
        match self.exports.has_table() {
            true => two(&tables).or_else(|| two(&others)),
            false => two(&[tables, others].concat()),
        }
    }
}

#[cfg(test)]
mod tests;
