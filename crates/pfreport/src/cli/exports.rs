//! Files for other programs.

use std::path::{Path, PathBuf};

use clap::Args;

use super::with_dash;
use crate::export::Format;

/// Files for other programs.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Exports")]
pub struct Exports {
    /// Write every fault, or the table asked for, as CSV [default: to standard output]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub csv: Option<Option<PathBuf>>,

    /// The same as JSON lines, an object a row
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub jsonl: Option<Option<PathBuf>>,

    /// The same as Parquet
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub parquet: Option<Option<PathBuf>>,

    /// The same as an Arrow IPC file
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub arrow: Option<Option<PathBuf>>,

    /// Write the summary as a JSON document [default: to standard output]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub json: Option<Option<PathBuf>>,

    /// Write the summary as metrics, for Prometheus and what else reads OpenMetrics [default: to standard
    /// output]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub openmetrics: Option<Option<PathBuf>>,

    /// Write the summary as one HTML page, with pictures and a timeline [default: TRACE.html in the working
    /// directory]
    ///
    /// `-` is standard output.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub html: Option<Option<PathBuf>>,
}

impl Exports {
    /// `-` as standard output.
    pub(super) fn with_dashes(&mut self) {
        for output in [
            &mut self.csv,
            &mut self.jsonl,
            &mut self.parquet,
            &mut self.arrow,
            &mut self.json,
            &mut self.openmetrics,
        ] {
            with_dash(output);
        }
    }

    /// The formats in which a table is asked for, each with its file; none is standard output.
    pub fn tables(&self) -> impl Iterator<Item = (Format, Option<&Path>)> {
        let output = |format| match format {
            Format::Csv => &self.csv,
            Format::Jsonl => &self.jsonl,
            Format::Parquet => &self.parquet,
            Format::Arrow => &self.arrow,
        };
        let tables = Format::ALL.into_iter().map(move |format| (format, output(format)));
        tables.filter_map(|(format, file)| Some((format, file.as_ref()?.as_deref())))
    }

    /// Whether the page goes to standard output.
    #[must_use]
    pub fn is_page_on_stdout(&self) -> bool {
        super::is_dash(&self.html)
    }

    /// Whether a table is asked for in any format.
    #[must_use]
    pub fn has_table(&self) -> bool {
        self.tables().next().is_some()
    }
}
