//! The tables of one trace as files.

use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use pfmodel::Options;
use polars::prelude::{DataFrame, Schema};

use super::about::{self, Figures};
use super::columns::{fields, of_infos, schema, stable};
use super::folder::{Staged, TRACES};
use super::input::{Input, damaged};
use crate::error::Error;
use crate::files::new_file::NewFile;
use crate::load::{Loaded, Request};
use crate::outputs::export::{Writer, write_batches};
use crate::rows::faults::Faults;
use crate::rows::tables::Table;

/// Rows of a file: some 100 MB of faults. A trace with more has several.
const FILE_ROWS: usize = 8 << 20;

/// What was written of a trace.
pub struct Written {
    /// Rows of table `faults`.
    pub faults: u64,
    /// Length of all files.
    pub bytes: u64,
    /// Everything that happened is there.
    pub is_whole: bool,
}

/// The names of all tables.
pub fn names() -> impl Iterator<Item = &'static str> {
    Table::ALL.iter().map(|table| table.name()).chain([TRACES])
}

/// Writes the tables of a trace that was called `file`; those without rows get no file. More faults than
/// `memory_bytes` hold come in parts.
///
/// # Errors
/// Those of [`Loaded::open`]; [`Error::Damaged`]; [`Error::Write`].
pub fn write(
    input: &Input,
    file: &Path,
    memory_bytes: u64,
    staged: &mut Staged,
) -> Result<Written, Error> {
    let mut request = Request::from(Options::default());
    request.memory_bytes = Some(memory_bytes);
    let mut figures = Figures::default();
    let mut faults = FaultFiles::new(&input.path, staged, FILE_ROWS);
    let mut add = |part: &mut Loaded| {
        figures.add(part);
        faults.write(part)
    };
    let loaded = if Loaded::fits(&input.path, &request)? {
        let mut loaded = Loaded::open_with(&input.path, &request)?;
        add(&mut loaded)?;
        loaded
    } else {
        Loaded::open_in_parts(&input.path, &request, add)?
    };
    let paths = faults.finish()?;
    // Damage inside of frames shows only when they are read.
    let is_new = |damage: &&String| !input.recorded_gaps.contains(damage);
    if let Some(damage) = loaded.damage.iter().find(is_new) {
        return Err(damaged(file, damage.clone()));
    }
    let mut bytes = 0;
    for table in Table::ALL.iter().copied().filter(|table| *table != Table::Faults) {
        let frame = stable(&table.frame(&loaded)?)?;
        if frame.height() > 0 {
            bytes += write_frame(staged, table.name(), &schema(table)?, &frame, &input.path)?;
        }
    }
    let frame = about::frame(&loaded, file, &figures)?;
    bytes += write_frame(staged, TRACES, &traces_schema(), &frame, &input.path)?;
    bytes += paths.iter().map(|path| length(path)).sum::<u64>();
    Ok(Written { faults: figures.faults, bytes, is_whole: loaded.is_whole() })
}

/// Writes all tables without rows.
///
/// # Errors
/// [`Error::Write`].
pub fn write_empty(staged: &mut Staged) -> Result<(), Error> {
    for &table in Table::ALL {
        let schema = schema(table)?;
        write_frame(
            staged,
            table.name(),
            &schema,
            &DataFrame::empty_with_schema(&schema),
            Path::new(""),
        )?;
    }
    let schema = traces_schema();
    write_frame(staged, TRACES, &schema, &DataFrame::empty_with_schema(&schema), Path::new(""))?;
    Ok(())
}

/// The columns of table `traces`.
pub fn traces_schema() -> Schema {
    of_infos(about::COLUMNS)
}

/// Writes a table as one file; returns its length.
fn write_frame(
    staged: &mut Staged,
    table: &'static str,
    schema: &Schema,
    frame: &DataFrame,
    input: &Path,
) -> Result<u64, Error> {
    let path = staged.table(table)?.join(part(0));
    let mut writer = begin(&path, schema, input)?;
    writer.write(frame)?;
    let path = end(writer)?;
    Ok(length(&path))
}

/// Table `faults`, as many files as it takes.
pub struct FaultFiles<'a> {
    input: &'a Path,
    staged: &'a mut Staged,
    file_rows: usize,
    parts: Vec<PathBuf>,
    open: Option<(Writer<BufWriter<NewFile>>, usize)>,
}

impl<'a> FaultFiles<'a> {
    /// None yet, of `file_rows` rows each but the last.
    pub fn new(input: &'a Path, staged: &'a mut Staged, file_rows: usize) -> Self {
        Self { input, staged, file_rows, parts: Vec::new(), open: None }
    }

    /// Writes the rows of a part of the trace. Names are numbered alike in all of them.
    ///
    /// # Errors
    /// [`Error::Table`], [`Error::Write`].
    pub fn write(&mut self, part_of_trace: &Loaded) -> Result<(), Error> {
        let faults = Faults::new(part_of_trace, &fields())?;
        let mut from = 0;
        while from < faults.len() {
            let (mut writer, rows) = match self.open.take() {
                Some(open) => open,
                None => {
                    let folder = match self.parts.is_empty() {
                        true => self.staged.table(Table::Faults.name())?,
                        false => self.staged.path(Path::new(Table::Faults.name())),
                    };
                    let path = folder.join(part(self.parts.len()));
                    let schema = stable(&faults.frame(0..0)?)?;
                    let writer = begin(&path, schema.schema(), self.input)?;
                    self.parts.push(path);
                    (writer, 0)
                }
            };
            let more = (faults.len() - from).min(self.file_rows - rows);
            write_batches(std::slice::from_mut(&mut writer), more, |rows| {
                Ok(stable(&faults.frame(from + rows.start..from + rows.end)?)?)
            })?;
            from += more;
            if rows + more < self.file_rows {
                self.open = Some((writer, rows + more));
            } else {
                end(writer)?;
            }
        }
        Ok(())
    }

    /// The paths of all files.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(self) -> Result<Vec<PathBuf>, Error> {
        if let Some((writer, _)) = self.open {
            end(writer)?;
        }
        Ok(self.parts)
    }
}

fn part(number: usize) -> String {
    format!("part-{number}.parquet")
}

/// Begins a file, for the eyes of whoever may read the trace.
fn begin(path: &Path, schema: &Schema, input: &Path) -> Result<Writer<BufWriter<NewFile>>, Error> {
    let inputs = Some(input).filter(|input| !input.as_os_str().is_empty());
    let file = BufWriter::new(NewFile::create(path, inputs, false)?);
    Writer::of_dataset(schema, file, path.to_owned())
}

/// Ends it; returns its path.
fn end(writer: Writer<BufWriter<NewFile>>) -> Result<PathBuf, Error> {
    // Everything is flushed: what is left to take out is the file alone.
    let (file, _) = writer.finish()?.into_parts();
    file.keep()
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}
