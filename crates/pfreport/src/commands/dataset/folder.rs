//! The folders of a dataset, and how a trace gets there.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};

use super::identity::Partition;
use super::{SCHEMA, tables};
use crate::GENERATOR;
use crate::error::Error;
use crate::files::new_file;
use crate::print::text::printable;

/// The table in which a trace appears last.
pub const TRACES: &str = "traces";

/// The file that says that a folder is a dataset.
const MARKER: &str = "dataset.json";

/// A dataset.
pub struct Dataset {
    folder: PathBuf,
    /// The folder of each trace below that of a table, by its key: those that are whole.
    traces: BTreeMap<String, PathBuf>,
}

impl Dataset {
    /// Opens a dataset, or makes one where there is nothing.
    ///
    /// # Errors
    /// [`Error::Dataset`] where something else is, or a dataset of another version; [`Error::Write`].
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let marker = folder.join(MARKER);
        if let Ok(text) = fs::read(&marker) {
            check(&text, folder)?;
        } else if is_free(folder)? {
            make(folder)?;
            let text = serde_json::json!({ "schema": SCHEMA, "generator": GENERATOR });
            // Another process may write the same at this moment.
            new_file::write(&marker, [], true, |out| Ok(writeln!(out, "{text}")?))?;
        } else {
            let reason = format!("it is not empty and has no {MARKER}");
            return Err(Error::Dataset { path: folder.to_owned(), reason });
        }
        let dataset = Self { folder: folder.to_owned(), traces: traces(&folder.join(TRACES)) };
        let none = Partition::none().folder();
        if !dataset.folder.join(TRACES).join(&none).exists() {
            // Every table has a file without rows, so that a query finds its columns.
            let mut staged = dataset.stage()?;
            tables::write_empty(&mut staged)?;
            dataset.move_out(&mut staged, &none)?;
            dataset.move_in(&mut staged, &none)?;
        }
        Ok(dataset)
    }

    /// Whether a trace with this key is there, whole.
    pub fn has(&self, key: &str) -> bool {
        self.traces.contains_key(key)
    }

    /// A place for the files of a trace, which no reader of the dataset sees.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn stage(&self) -> Result<Staged, Error> {
        // Other processes and machines may add traces at the same time.
        let number = RandomState::new().hash_one(std::process::id());
        let folder = self.folder.join(format!(".{number:016x}.partial"));
        make(&folder)?;
        Ok(Staged { folder, tables: Vec::new(), taken_out: 0 })
    }

    /// Takes the tables of a trace, in place of those that are there.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn take(
        &mut self,
        mut staged: Staged,
        partition: &Partition,
        key: &str,
    ) -> Result<(), Error> {
        let folder = partition.folder();
        // It may have been there with another host or date.
        let before = self.traces.remove(key).filter(|before| *before != folder);
        for folder in before.iter().chain([&folder]) {
            self.move_out(&mut staged, folder)?;
        }
        self.move_in(&mut staged, &folder)?;
        self.traces.insert(key.to_owned(), folder);
        Ok(())
    }

    /// Takes what is there of a trace out of all tables, out of `traces` first: what that lists is whole.
    fn move_out(&self, staged: &mut Staged, folder: &Path) -> Result<(), Error> {
        for table in std::iter::once(TRACES).chain(tables::names()) {
            let place = self.folder.join(table).join(folder);
            match fs::rename(&place, staged.old()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::Write { path: place, source: error });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives the tables of a trace their places, `traces` last.
    fn move_in(&self, staged: &mut Staged, folder: &Path) -> Result<(), Error> {
        staged.tables.sort_by_key(|table| *table == TRACES);
        for table in &staged.tables {
            let place = self.folder.join(table).join(folder);
            make(place.parent().unwrap_or(&self.folder))?;
            match fs::rename(staged.path(Path::new(table)), &place) {
                // Another process has added the same trace meanwhile.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
                Err(source) => return Err(Error::Write { path: place, source }),
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

/// Files of a trace on their way into the dataset. They go when this is dropped.
#[derive(Debug)]
pub struct Staged {
    folder: PathBuf,
    tables: Vec<&'static str>,
    taken_out: u32,
}

impl Staged {
    /// A path in here.
    pub fn path(&self, name: &Path) -> PathBuf {
        self.folder.join(name)
    }

    /// A path for what is taken out, another each time.
    fn old(&mut self) -> PathBuf {
        self.taken_out += 1;
        self.folder.join(format!("old-{}", self.taken_out))
    }

    /// The folder of a table, made.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn table(&mut self, table: &'static str) -> Result<PathBuf, Error> {
        let path = self.path(Path::new(table));
        make(&path)?;
        self.tables.push(table);
        Ok(path)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Whether nothing is there, but what other processes are about to add.
fn is_free(folder: &Path) -> Result<bool, Error> {
    match fs::read_dir(folder) {
        Ok(mut found) => Ok(found.all(|entry| {
            entry.is_ok_and(|entry| entry.file_name().as_encoded_bytes().starts_with(b"."))
        })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(Error::Write { path: folder.to_owned(), source }),
    }
}

/// Whether this program can add to a dataset with this marker.
fn check(marker: &[u8], folder: &Path) -> Result<(), Error> {
    let found: serde_json::Value = serde_json::from_slice(marker).unwrap_or_default();
    let reason = match found.get("schema").and_then(serde_json::Value::as_str) {
        Some(SCHEMA) => return Ok(()),
        Some(schema) => {
            let schema = printable(schema.as_bytes());
            format!("it is a dataset of version {schema}, not {SCHEMA}")
        }
        None => format!("its {MARKER} names no version"),
    };
    Err(Error::Dataset { path: folder.to_owned(), reason })
}

fn make(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(|source| Error::Write { path: folder.to_owned(), source })
}

/// The traces below the folder of a table: their keys and folders.
fn traces(table: &Path) -> BTreeMap<String, PathBuf> {
    let inside = |folder: PathBuf| {
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
    };
    let folders = inside(table.to_owned()).flat_map(inside).flat_map(inside);
    let trace = |folder: PathBuf| {
        let key = folder.file_name()?.to_str()?.strip_prefix("trace=")?.to_owned();
        Some((key, folder.strip_prefix(table).ok()?.to_owned()))
    };
    folders.filter_map(trace).collect()
}
