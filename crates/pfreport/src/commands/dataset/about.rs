//! Table `traces`: what a trace is, and what it counts.

use std::path::Path;

use pfmodel::names::Class;
use pft::keys::fact;
use polars::prelude::{
    Column, DataFrame, Int64Chunked, IntoColumn as _, IntoSeries as _, NewChunkedArray as _,
    PolarsResult, TimeUnit,
};

use super::columns::stable;
use crate::files::input;
use crate::load::Loaded;
use crate::rows::tables::{ColumnInfo, Kind, column};

/// The columns.
pub const COLUMNS: &[ColumnInfo] = &[
    column("file", Kind::Text, "", "redacted", "file name of the trace when it was added"),
    column(
        "start_time",
        Kind::Time,
        "UTC",
        "not known, redacted",
        "start of the recording: a time of day",
    ),
    column("duration_ns", Kind::U64, "ns", "never", "its length"),
    column("target", Kind::Text, "", "never", "what was recorded, in words"),
    column("kernel", Kind::Text, "", "not recorded", "release of the kernel: `uname -r`"),
    column("arch", Kind::Text, "", "not recorded", "machine: `uname -m`"),
    column("cpus", Kind::U64, "", "not recorded", "CPUs online"),
    column("memory_bytes", Kind::U64, "bytes", "not recorded", "physical memory"),
    column("page_size_bytes", Kind::U64, "bytes", "never", "base page"),
    column("faults", Kind::U64, "", "never", "rows in table `faults`"),
    column(
        "minor",
        Kind::U64,
        "",
        "never",
        "of these, rows of this class; the words are those of `class`",
    ),
    column("major", Kind::U64, "", "never", "likewise"),
    column("cow", Kind::U64, "", "never", "likewise"),
    column("failed", Kind::U64, "", "never", "likewise"),
    column(
        "unknown",
        Kind::U64,
        "",
        "never",
        "likewise: those of imported captures without completions",
    ),
    column(
        "stall_ns",
        Kind::U64,
        "ns",
        "no latency is known",
        "sum of the known latencies: time of threads",
    ),
    column("whole", Kind::Bool, "", "never", "everything that happened and was asked for is there"),
    column("flaws", Kind::Text, "", "`whole`", "why it is not, in words"),
    column(
        "redacted",
        Kind::Text,
        "",
        "not redacted",
        "how much was removed: `names`, `paths`, `arguments`, `symbols` or `all`",
    ),
    column("pft_version", Kind::Text, "", "not recorded", "version of the recorder"),
];

/// What the rows of a trace come to.
#[derive(Debug, Default)]
pub struct Figures {
    /// Rows.
    pub faults: u64,
    classes: [u64; Class::ALL.len()],
    stall_ns: Option<u64>,
}

impl Figures {
    /// Adds the rows of a part.
    pub fn add(&mut self, part: &Loaded) {
        let faults = &part.analysis.faults;
        self.faults += faults.len() as u64;
        for class in faults.class.iter() {
            if let Some(count) = self.classes.get_mut(*class as usize) {
                *count += 1;
            }
        }
        for stall_ns in faults.stalls_ns().flatten() {
            self.stall_ns = Some(self.stall_ns.unwrap_or(0).saturating_add(stall_ns));
        }
    }

    fn of(&self, class: Class) -> u64 {
        self.classes.get(class as usize).copied().unwrap_or(0)
    }
}

/// The row of a trace that was called `file`.
///
/// # Errors
/// Should Polars refuse a column.
pub fn frame(loaded: &Loaded, file: &Path, figures: &Figures) -> PolarsResult<DataFrame> {
    let text =
        |key: &str| loaded.fact(key).map(|value| crate::print::text::printable(value.as_bytes()));
    let number = |key: &str| loaded.fact(key).and_then(|value| value.parse::<u64>().ok());
    let redacted = text(fact::REDACTED_LEVEL);
    let start_ns = loaded.header.start_realtime_ns;
    let member = loaded.members.first();
    let flaws = member.map(|member| member.flaws.join(", ")).filter(|flaws| !flaws.is_empty());
    let values = [
        Value::Text(redacted.is_none().then(|| input::name(file))),
        Value::Moment((start_ns != 0).then_some(start_ns)),
        Value::Number(Some(loaded.analysis.duration_ns)),
        Value::Text(member.map(|member| member.target.clone())),
        Value::Text(text(fact::KERNEL_RELEASE)),
        Value::Text(text(fact::MACHINE_ARCH)),
        Value::Number(number(fact::MACHINE_CPUS)),
        Value::Number(number(fact::MACHINE_MEMORY_BYTES)),
        Value::Number(Some(u64::from(loaded.header.page_size_bytes))),
        Value::Number(Some(figures.faults)),
        Value::Number(Some(figures.of(Class::Minor))),
        Value::Number(Some(figures.of(Class::Major))),
        Value::Number(Some(figures.of(Class::Cow))),
        Value::Number(Some(figures.of(Class::Failed))),
        Value::Number(Some(figures.of(Class::Unknown))),
        Value::Number(figures.stall_ns),
        Value::Truth(loaded.is_whole()),
        Value::Text(flaws),
        Value::Text(redacted),
        Value::Text(text(fact::PFT_VERSION)),
    ];
    let columns = COLUMNS.iter().zip(values).map(|(info, value)| value.column(info.name));
    stable(&DataFrame::new(1, columns.collect())?)
}

/// A value of the row.
enum Value {
    Text(Option<String>),
    Number(Option<u64>),
    /// Nanoseconds since 1970.
    Moment(Option<u64>),
    Truth(bool),
}

impl Value {
    fn column(self, name: &str) -> Column {
        match self {
            Self::Text(text) => Column::new(name.into(), [text]),
            Self::Number(number) => Column::new(name.into(), [number]),
            Self::Truth(truth) => Column::new(name.into(), [truth]),
            Self::Moment(ns) => {
                let ns = [ns.map(u64::cast_signed)];
                let times = Int64Chunked::from_slice_options(name.into(), &ns);
                times.into_datetime(TimeUnit::Nanoseconds, None).into_series().into_column()
            }
        }
    }
}
