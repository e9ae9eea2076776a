//! A table written batch by batch, in any of the formats.

use std::cell::RefCell;
use std::io::{self, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use polars::prelude::{DataFrame, DataType, Schema};
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};

use super::arrays::Arrays;
use super::parquet::Flavour;
use super::{arrow, csv, jsonl, parquet};
use crate::error::Error;

/// Rows that one core encodes at a time, and of a row group of Parquet or a record batch of Arrow. It is the
/// size that DuckDB likes; all columns of the fault table take some 40 MB.
pub const BATCH_ROWS: usize = 128 * 1_024;

/// Batches that are in memory at a time, however many cores there are; while they are written, as many again.
const BATCHES_MAX: usize = 8;

/// The same for text, of which nothing shows batches: small ones stay in the caches and in memory that is used again.
const TEXT_ROWS: usize = 1 << 13;
const TEXTS_MAX: usize = BATCHES_MAX * BATCH_ROWS / TEXT_ROWS;
/// For each core: with one they would wait for the slowest.
const TEXTS: usize = 4;
/// Text that a batch may become at most, bytes: with names that are longer than any recorder writes it has fewer rows.
const TEXT_BYTES: usize = 32 << 20;

/// A format of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC file.
    Arrow,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Csv, Self::Jsonl, Self::Parquet, Self::Arrow];

    /// The name of its option, without the dashes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// Whether it is no text.
    #[must_use]
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }
}

/// Turns batches into what lies in the file. Knows nothing of the batches before.
#[derive(Debug)]
enum Encoder {
    Csv(csv::Encoder),
    Jsonl,
    Parquet(parquet::Encoder),
    Arrow(arrow::Encoder),
}

/// A batch as it will lie in the file.
enum Encoded {
    Text(Vec<u8>),
    Parquet(parquet::RowGroup),
    Arrow(arrow::Message),
}

/// Writes a table in one format, in as many parts as its maker likes.
pub struct Writer<W> {
    encoder: Arc<Encoder>,
    file: File,
    /// Rows that are encoded at a time, at most.
    most_rows: usize,
    pending: Pending,
    out: W,
    path: Option<PathBuf>,
}

/// What keeps track of where things lie in the file.
enum File {
    Text,
    Parquet(Box<parquet::File<Pending>>, Flavour),
    Arrow(Box<arrow::File<Pending>>),
}

/// Bytes that are on their way to the output. The writers of binary formats turn its errors into texts; so
/// they write here, which cannot fail, and what the output has to say is kept.
#[derive(Debug, Clone, Default)]
pub struct Pending(Rc<RefCell<Vec<u8>>>);

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Write> Writer<W> {
    /// Begins a table of these columns. An `Enum` becomes a dictionary where the format has such. Errors name
    /// `path`, if given.
    ///
    /// # Errors
    /// [`Error::Table`] for a type of column that the format does not have; [`Error::Write`] (with a path) or
    /// [`Error::Output`] when `out` fails.
    pub fn new(
        format: Format,
        schema: &Schema,
        out: W,
        path: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let pending = Pending::default();
        let (encoder, file) = match format {
            Format::Csv => {
                pending.0.borrow_mut().extend(csv::header(schema)?);
                (Encoder::Csv(csv::Encoder::new(schema)?), File::Text)
            }
            Format::Jsonl => (Encoder::Jsonl, File::Text),
            Format::Parquet => {
                let encoder = parquet::Encoder::new(Arrays::new(schema)?)?;
                let file = encoder.file(pending.clone())?;
                (Encoder::Parquet(encoder), File::Parquet(Box::new(file), Flavour::Table))
            }
            Format::Arrow => {
                let encoder = arrow::Encoder::new(Arrays::new(schema)?)?;
                let file = encoder.file(pending.clone())?;
                (Encoder::Arrow(encoder), File::Arrow(Box::new(file)))
            }
        };
        let most_rows =
            if encoder.is_text() { TEXT_BYTES / widest_bytes(schema).max(1) } else { BATCH_ROWS };
        let encoder = Arc::new(encoder);
        let mut writer = Self { encoder, file, most_rows, pending, out, path };
        writer.drain()?;
        Ok(writer)
    }

    /// Begins a file of a dataset, in Parquet.
    ///
    /// # Errors
    /// As [`Writer::new`].
    pub fn of_dataset(schema: &Schema, out: W, path: PathBuf) -> Result<Self, Error> {
        let mut writer = Self::new(Format::Parquet, schema, out, Some(path))?;
        if let File::Parquet(_, flavour) = &mut writer.file {
            *flavour = Flavour::Dataset;
        }
        Ok(writer)
    }

    /// Appends rows. The columns must be those that the table began with; names may be text or of another
    /// `Enum` where it began with text.
    ///
    /// # Errors
    /// As [`Writer::new`].
    pub fn write(&mut self, frame: &DataFrame) -> Result<(), Error> {
        let batch = |rows: Range<usize>| {
            let start = i64::try_from(rows.start).unwrap_or(i64::MAX);
            Ok(frame.slice(start, rows.len()))
        };
        write_batches(std::slice::from_mut(self), frame.height(), batch)
    }

    /// Ends the file and gives the output back.
    ///
    /// # Errors
    /// As [`Writer::write`].
    pub fn finish(mut self) -> Result<W, Error> {
        match &mut self.file {
            File::Text => {}
            File::Parquet(file, flavour) => parquet::end(file, *flavour)?,
            File::Arrow(file) => arrow::end(file)?,
        }
        self.drain()?;
        if let Err(error) = self.out.flush() {
            return Err(self.failed(error));
        }
        Ok(self.out)
    }

    fn append(&mut self, encoded: Encoded) -> Result<(), Error> {
        match (&mut self.file, encoded) {
            (File::Parquet(file, _), Encoded::Parquet(rows)) => parquet::append(file, &rows)?,
            (File::Arrow(file), Encoded::Arrow(message)) => arrow::append(file, &message)?,
            (_, Encoded::Text(bytes)) => {
                self.out.write_all(&bytes).map_err(|error| self.failed(error))?;
            }
            // An encoder makes what its own file takes.
            (_, Encoded::Parquet(_) | Encoded::Arrow(_)) => {}
        }
        self.drain()
    }

    fn drain(&mut self) -> Result<(), Error> {
        let mut bytes = self.pending.0.take();
        self.out.write_all(&bytes).map_err(|error| self.failed(error))?;
        bytes.clear();
        self.pending.0.replace(bytes);
        Ok(())
    }

    fn failed(&self, error: io::Error) -> Error {
        match &self.path {
            Some(path) => Error::from(error).at(path),
            None => error.into(),
        }
    }
}

impl Encoder {
    const fn is_text(&self) -> bool {
        matches!(self, Self::Csv(_) | Self::Jsonl)
    }

    fn encode(&self, frame: &DataFrame) -> Result<Encoded, Error> {
        Ok(match self {
            Self::Csv(encoder) => Encoded::Text(encoder.encode(frame)?),
            Self::Jsonl => Encoded::Text(jsonl::encode(frame)?),
            Self::Parquet(encoder) => Encoded::Parquet(encoder.encode(frame)?),
            Self::Arrow(encoder) => Encoded::Arrow(encoder.encode(frame)?),
        })
    }
}

/// The most text that the names of a row can be, bytes, before anything is escaped.
fn widest_bytes(schema: &Schema) -> usize {
    let longest = |dtype: &DataType| match dtype {
        DataType::Enum(names, _) => names.categories().values_iter().map(str::len).max(),
        _ => None,
    };
    schema.iter_values().filter_map(longest).sum()
}

/// Appends a table of so many rows to each of the writers. `batch` makes any range of its rows; each is made
/// once, whatever the number of writers. While some are written, the next are made on all cores.
///
/// # Errors
/// Those of `batch`, and as [`Writer::write`].
pub fn write_batches<W: Write>(
    writers: &mut [Writer<W>],
    rows: usize,
    batch: impl Fn(Range<usize>) -> Result<DataFrame, Error> + Sync,
) -> Result<(), Error> {
    let encoders: Vec<Arc<Encoder>> =
        writers.iter().map(|writer| Arc::clone(&writer.encoder)).collect();
    let are_texts = encoders.iter().all(|encoder| encoder.is_text());
    let most_rows = writers.iter().map(|writer| writer.most_rows).min().unwrap_or(BATCH_ROWS);
    let batch_rows = if are_texts { TEXT_ROWS } else { BATCH_ROWS }.min(most_rows).max(1);
    let cores = rayon::current_num_threads();
    let at_a_time =
        if are_texts { (cores * TEXTS).min(TEXTS_MAX) } else { cores.min(BATCHES_MAX) }.max(1);
    let encode = |start: usize| {
        let frame = batch(start..rows.min(start.saturating_add(batch_rows)))?;
        encoders.iter().map(|encoder| encoder.encode(&frame)).collect()
    };
    let encode_some = |first: usize| {
        let last = rows.min(first.saturating_add(batch_rows * at_a_time));
        let batches: Vec<usize> = (first..last).step_by(batch_rows).collect();
        batches.into_par_iter().map(encode).collect::<Result<Vec<Vec<Encoded>>, Error>>()
    };
    std::thread::scope(|threads| {
        let (sender, receiver) = sync_channel(0);
        threads.spawn(move || {
            let encoded = (0..rows).step_by(batch_rows * at_a_time).map(encode_some);
            // Nobody takes more where the output has failed.
            let _ = encoded.map(|encoded| sender.send(encoded)).find(Result::is_err);
        });
        for encoded in receiver {
            for batch in encoded? {
                for (writer, encoded) in writers.iter_mut().zip(batch) {
                    writer.append(encoded)?;
                }
            }
        }
        Ok(())
    })
}
