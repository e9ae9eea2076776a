//! Arrow IPC files: a record batch a batch, buffers compressed with zstd, each dictionary once before them.

use std::io::Write;
use std::sync::Arc;

use polars::polars_utils::compression::ZstdLevel;
use polars::prelude::DataFrame;
use polars_arrow::io::ipc::write::{
    Compression, EncodedData, FileWriter, WriteOptions, default_ipc_fields,
    encode_dictionary_values, encode_record_batch,
};
use polars_arrow::record_batch::RecordBatchT;

use super::arrays::Arrays;
use super::{GENERATOR_KEY, SCHEMA, SCHEMA_KEY};
use crate::GENERATOR;
use crate::error::Error;

/// The file, as far as written.
pub type File<W> = FileWriter<W>;

/// A batch.
pub type Message = EncodedData;

/// Turns batches into messages.
#[derive(Debug)]
pub struct Encoder {
    arrays: Arrays,
    options: WriteOptions,
}

impl Encoder {
    /// For such batches.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn new(arrays: Arrays) -> Result<Self, Error> {
        let compression = Some(Compression::ZSTD(ZstdLevel::try_new(1)?));
        Ok(Self { arrays, options: WriteOptions { compression } })
    }

    /// Begins the file.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn file<W: Write>(&self, out: W) -> Result<File<W>, Error> {
        let schema = Arc::new(self.arrays.schema.clone());
        let fields = default_ipc_fields(schema.iter_values());
        let mut dictionaries = Vec::new();
        for (field, names) in fields.iter().zip(self.arrays.names()) {
            if let (Some(id), Some(names)) = (field.dictionary_id, names) {
                dictionaries.push(encode_dictionary_values(id, names, &self.options)?);
            }
        }
        let mut file = FileWriter::new(out, schema, Some(fields), self.options);
        let metadata = [(SCHEMA_KEY, SCHEMA), (GENERATOR_KEY, GENERATOR)];
        let metadata = metadata.map(|(key, value)| (key.into(), value.into()));
        file.set_custom_schema_metadata(Arc::new(metadata.into_iter().collect()));
        file.start()?;
        file.write_encoded_dictionaries(&dictionaries)?;
        Ok(file)
    }

    /// Encodes a batch.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars fail.
    pub fn encode(&self, frame: &DataFrame) -> Result<Message, Error> {
        let schema = Arc::new(self.arrays.schema.clone());
        let batch = RecordBatchT::try_new(frame.height(), schema, self.arrays.of(frame)?)?;
        let mut message = EncodedData::default();
        encode_record_batch(&batch, &self.options, &mut message);
        Ok(message)
    }
}

/// Appends a batch.
///
/// # Errors
/// [`Error::Table`] should Polars fail.
pub fn append<W: Write>(file: &mut File<W>, message: &Message) -> Result<(), Error> {
    Ok(file.write_encoded_record_batch(message)?)
}

/// Ends the file.
///
/// # Errors
/// [`Error::Table`] should Polars fail.
pub fn end<W: Write>(file: &mut File<W>) -> Result<(), Error> {
    Ok(file.finish()?)
}
