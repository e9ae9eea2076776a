//! Files for other programs.

use clap::Args;
use clap::ValueHint::FilePath;

use crate::files::destination::{Destination, STDOUT};
use crate::outputs::export::Format;

/// Files for other programs.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Exports")]
pub struct Exports {
    /// Write every fault, or the table asked for, as CSV [default: to standard output]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = Destination::parser(), value_hint = FilePath, default_missing_value = STDOUT)]
    pub csv: Option<Destination>,

    /// The same as JSON lines, an object a row
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = Destination::parser(), value_hint = FilePath, default_missing_value = STDOUT)]
    pub jsonl: Option<Destination>,

    /// The same as Parquet
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = Destination::parser(), value_hint = FilePath, default_missing_value = STDOUT)]
    pub parquet: Option<Destination>,

    /// The same as an Arrow IPC file
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = Destination::parser(), value_hint = FilePath, default_missing_value = STDOUT)]
    pub arrow: Option<Destination>,

    /// Write the summary as a JSON document [default: to standard output]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = Destination::parser(), value_hint = FilePath, default_missing_value = STDOUT)]
    pub json: Option<Destination>,

    /// Write the summary as metrics, for Prometheus and what else reads OpenMetrics [default: to standard
    /// output]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = Destination::parser(), value_hint = FilePath, default_missing_value = STDOUT)]
    pub openmetrics: Option<Destination>,

    /// Write the summary as one HTML page, with pictures and a timeline [default: TRACE.html in the working
    /// directory]
    ///
    /// `-` is standard output.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = Destination::parser(), value_hint = FilePath)]
    pub html: Option<Option<Destination>>,
}

impl Exports {
    /// The formats in which a table is asked for, each with where it goes.
    pub fn tables(&self) -> impl Iterator<Item = (Format, &Destination)> {
        let output = |format| match format {
            Format::Csv => &self.csv,
            Format::Jsonl => &self.jsonl,
            Format::Parquet => &self.parquet,
            Format::Arrow => &self.arrow,
        };
        let tables = Format::ALL.into_iter().map(move |format| (format, output(format)));
        tables.filter_map(|(format, output)| Some((format, output.as_ref()?)))
    }

    /// The options of those that go to standard output, and whether they are binary.
    pub fn on_stdout(&self) -> impl Iterator<Item = (String, bool)> {
        let tables = self.tables().filter(|(_, output)| **output == Destination::Stdout);
        let tables =
            tables.map(|(format, _)| (format!("--{}", format.as_str()), format.is_binary()));
        let summaries = [
            ("--json", self.json.as_ref()),
            ("--openmetrics", self.openmetrics.as_ref()),
            ("--html", self.html.as_ref().and_then(Option::as_ref)),
        ];
        let on_stdout = |output| output == Some(&Destination::Stdout);
        let summaries = summaries.into_iter().filter(move |&(_, output)| on_stdout(output));
        tables.chain(summaries.map(|(option, _)| (option.to_owned(), false)))
    }

    /// Whether a table is asked for in any format.
    #[must_use]
    pub fn has_table(&self) -> bool {
        self.tables().next().is_some()
    }
}
