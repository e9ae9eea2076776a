//! Parquet: a row group a batch, pages compressed with zstd.

use std::io::Write;

use polars::prelude::{DataFrame, PolarsError, PolarsResult};
use polars_parquet::write::{
    CompressedPage, CompressionOptions, DynIter, DynStreamingIterator, Encoding, FileWriter,
    KeyValue, ParquetType, StatisticsOptions, Version, WriteOptions, ZstdLevel, array_to_columns,
    compress, fallible_streaming_iterator, get_dtype_encoding, schema_to_metadata_key,
    to_parquet_schema,
};

use super::arrays::{Arrays, compacted, is_moment};
use super::{GENERATOR_KEY, SCHEMA, SCHEMA_KEY};
use crate::GENERATOR;
use crate::error::Error;

/// The file, as far as written.
pub type File<W> = FileWriter<W>;

/// A batch: the pages of each column.
pub struct RowGroup {
    rows: u64,
    columns: Vec<Vec<CompressedPage>>,
}

/// Turns batches into row groups.
#[derive(Debug)]
pub struct Encoder {
    arrays: Arrays,
    types: Vec<ParquetType>,
    encodings: Vec<Vec<Encoding>>,
    options: WriteOptions,
}

impl Encoder {
    /// For such batches.
    ///
    /// # Errors
    /// [`Error::Table`] for a column that Parquet has no type for.
    pub fn new(arrays: Arrays) -> Result<Self, Error> {
        let types = to_parquet_schema(&arrays.schema)?.fields().to_vec();
        let encodings = arrays.schema.iter_values().map(|field| {
            // Moments follow each other: the steps between them are small numbers.
            if is_moment(field) {
                vec![Encoding::DeltaBinaryPacked]
            } else {
                get_dtype_encoding(&field.dtype)
            }
        });
        let encodings = encodings.collect();
        let options = WriteOptions {
            statistics: StatisticsOptions::default(),
            // The fastest level: the columns shrink by their encodings.
            compression: CompressionOptions::Zstd(Some(ZstdLevel::try_new(1)?)),
            version: Version::V1,
            data_page_size: None,
        };
        Ok(Self { arrays, types, encodings, options })
    }

    /// Begins the file.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn file<W: Write>(&self, out: W) -> Result<File<W>, Error> {
        Ok(FileWriter::try_new(out, self.arrays.schema.clone(), self.options)?)
    }

    /// Encodes a batch.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn encode(&self, frame: &DataFrame) -> Result<RowGroup, Error> {
        let mut columns = Vec::new();
        let arrays = self.arrays.of(frame)?.into_iter();
        for ((array, kind), encodings) in arrays.zip(&self.types).zip(&self.encodings) {
            let array = compacted(&array).unwrap_or(array);
            for pages in array_to_columns(array, kind.clone(), self.options, encodings)? {
                let compressed =
                    pages.map(|page| Ok(compress(page?, Vec::new(), self.options.compression)?));
                columns.push(compressed.collect::<PolarsResult<_>>()?);
            }
        }
        Ok(RowGroup { rows: frame.height() as u64, columns })
    }
}

/// Appends a row group.
///
/// # Errors
/// [`Error::Table`] should Polars fail.
pub fn append<W: Write>(file: &mut File<W>, group: &RowGroup) -> Result<(), Error> {
    let columns = group.columns.iter().map(|pages| {
        let pages = pages.iter().map(Ok::<_, PolarsError>);
        Ok(DynStreamingIterator::new(fallible_streaming_iterator::convert(pages)))
    });
    Ok(file.write(group.rows, DynIter::new(columns))?)
}

/// What a file says of its columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Also that words are dictionaries: each file has its own.
    Table,
    /// Only what Parquet itself says, so that files of many traces have the same types.
    Dataset,
}

/// Ends the file.
///
/// # Errors
/// [`Error::Table`] should Polars fail.
pub fn end<W: Write>(file: &mut File<W>, flavour: Flavour) -> Result<(), Error> {
    let (arrow, schema) = match flavour {
        Flavour::Table => (Some(schema_to_metadata_key(file.schema())), SCHEMA),
        Flavour::Dataset => (None, crate::commands::dataset::SCHEMA),
    };
    let mut metadata: Vec<KeyValue> = arrow.into_iter().collect();
    metadata.extend(
        [(SCHEMA_KEY, schema), (GENERATOR_KEY, GENERATOR)]
            .map(|(key, value)| KeyValue { key: key.to_owned(), value: Some(value.to_owned()) }),
    );
    file.end(Some(metadata))?;
    Ok(())
}
