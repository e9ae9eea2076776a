//! The files that the command line asks for.

use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::PathBuf;

use polars::prelude::{DataFrame, Schema};

use super::writer::{Writer, write_batches};
use crate::cli::Arguments;
use crate::error::Error;
use crate::files::destination::Destination;
use crate::files::new_file::NewFile;
use crate::load::Loaded;
use crate::rows::faults::Faults;
use crate::rows::field::Field;

/// Where a table goes.
enum Sink<'a> {
    Standard(&'a mut dyn Write),
    File(BufWriter<NewFile>),
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::File(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::File(file) => file.flush(),
        }
    }
}

/// A table in all the formats that are asked for.
struct Outputs<'a> {
    writers: Vec<Writer<Sink<'a>>>,
}

impl<'a> Outputs<'a> {
    /// Begins the table. At most one of the formats goes to `out`: [`crate::run`] sees to it.
    fn new(
        loaded: &Loaded,
        arguments: &Arguments,
        schema: &Schema,
        out: &'a mut dyn Write,
    ) -> Result<Self, Error> {
        let mut out = Some(out);
        let mut writers = Vec::new();
        for (format, destination) in arguments.exports.tables() {
            let sink = match destination {
                Destination::File(path) => {
                    let file = NewFile::create(path, loaded.inputs(), arguments.overwrite.force)?;
                    Sink::File(BufWriter::new(file))
                }
                Destination::Stdout => {
                    Sink::Standard(out.take().ok_or_else(|| Error::OneOutput {
                        outputs: [format; 2].map(|format| format!("--{}", format.as_str())),
                    })?)
                }
            };
            writers.push(Writer::new(format, schema, sink, destination.file().map(PathBuf::from))?);
        }
        Ok(Self { writers })
    }

    /// Ends the table. Files appear under their names only now.
    fn finish(self) -> Result<Vec<PathBuf>, Error> {
        let mut written = Vec::new();
        for writer in self.writers {
            if let Sink::File(file) = writer.finish()? {
                // Everything is flushed: what is left to take out is the file alone.
                let (file, _) = file.into_parts();
                written.push(file.keep()?);
            }
        }
        Ok(written)
    }
}

/// Table `faults` of a trace that comes in parts.
pub struct InParts<'a> {
    arguments: &'a Arguments,
    out: Option<&'a mut dyn Write>,
    outputs: Option<Outputs<'a>>,
    /// Rows that are still to be written.
    left: usize,
}

impl<'a> InParts<'a> {
    /// Nothing is written yet.
    pub fn new(arguments: &'a Arguments, out: &'a mut dyn Write) -> Self {
        let left = arguments.query.top.unwrap_or(usize::MAX);
        Self { arguments, out: Some(out), outputs: None, left }
    }

    /// Writes the rows of a part, as many as are asked for of all parts. Names are numbered alike in all of them.
    ///
    /// # Errors
    /// As [`faults`].
    pub fn write(&mut self, part: &Loaded) -> Result<(), Error> {
        let faults = Faults::new(part, Field::ALL)?;
        if let Some(out) = self.out.take() {
            let schema = faults.frame(0..0)?;
            self.outputs = Some(Outputs::new(part, self.arguments, schema.schema(), out)?);
        }
        let Some(outputs) = &mut self.outputs else { return Ok(()) };
        let rows = faults.len().min(self.left);
        self.left -= rows;
        write_batches(&mut outputs.writers, rows, |rows: Range<usize>| faults.frame(rows))
    }

    /// Ends the table; returns the paths of files.
    ///
    /// # Errors
    /// [`Error::Write`] or [`Error::Output`].
    pub fn finish(self) -> Result<Vec<PathBuf>, Error> {
        self.outputs.map_or_else(|| Ok(Vec::new()), Outputs::finish)
    }
}

/// Writes table `faults` in all the formats that `arguments` ask for; returns the paths of files. `out` is
/// standard output.
///
/// # Errors
/// Those of [`NewFile::create`], [`Error::Table`], [`Error::Write`] or [`Error::Output`].
pub fn faults(
    loaded: &Loaded,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Vec<PathBuf>, Error> {
    let faults = Faults::new(loaded, Field::ALL)?;
    let mut outputs = Outputs::new(loaded, arguments, faults.frame(0..0)?.schema(), out)?;
    let batch = |rows: Range<usize>| faults.frame(rows);
    write_batches(&mut outputs.writers, faults.len(), batch)?;
    outputs.finish()
}

/// The same with any table.
///
/// # Errors
/// As [`faults`].
pub fn frame(
    loaded: &Loaded,
    arguments: &Arguments,
    frame: &DataFrame,
    out: &mut dyn Write,
) -> Result<Vec<PathBuf>, Error> {
    let mut outputs = Outputs::new(loaded, arguments, frame.schema(), out)?;
    let batch = |rows: Range<usize>| {
        let start = i64::try_from(rows.start).unwrap_or(i64::MAX);
        Ok(frame.slice(start, rows.len()))
    };
    write_batches(&mut outputs.writers, frame.height(), batch)?;
    outputs.finish()
}
