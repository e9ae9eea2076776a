//! Where an output goes: into a file, or to standard output.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};

use crate::error::Error;
use crate::files::new_file::{self, NewFile, check};
use crate::print::layout::Layout;

/// What stands for standard output on the command line.
pub const STDOUT: &str = "-";

/// Where an output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To standard output.
    Stdout,
    /// Into this file.
    File(PathBuf),
}

impl From<PathBuf> for Destination {
    fn from(path: PathBuf) -> Self {
        if path == Path::new(STDOUT) { Self::Stdout } else { Self::File(path) }
    }
}

impl Destination {
    /// Understands what the command line names.
    pub fn parser() -> impl TypedValueParser<Value = Self> {
        PathBufValueParser::new().map(Self::from)
    }

    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Stdout => None,
            Self::File(path) => Some(path),
        }
    }

    /// Refuses a file that must not be replaced, before anything is worked out: see [`new_file::check`].
    ///
    /// # Errors
    /// Those of [`new_file::check`].
    pub fn check<'a>(
        &self,
        inputs: impl IntoIterator<Item = &'a Path>,
        force: bool,
    ) -> Result<(), Error> {
        self.file().map_or(Ok(()), |path| check(path, inputs, force))
    }

    /// The same for a trace that is made of `input`, which no terminal can show.
    ///
    /// # Errors
    /// [`Error::Terminal`]; those of [`new_file::check`].
    pub fn check_trace(&self, input: &Path, force: bool, layout: Layout) -> Result<(), Error> {
        if *self == Self::Stdout && layout.is_terminal() {
            return Err(Error::Terminal { option: "--output".to_owned() });
        }
        self.check([input], force)
    }

    /// Writes what `write` writes; returns the path of a file. It appears under its name once it is whole.
    ///
    /// # Errors
    /// Those of [`new_file::write`], and of `write`.
    pub fn write<'a>(
        &self,
        inputs: impl IntoIterator<Item = &'a Path>,
        force: bool,
        out: &mut dyn Write,
        write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
    ) -> Result<Option<PathBuf>, Error> {
        match self {
            Self::Stdout => write(out).map(|()| None),
            Self::File(path) => new_file::write(path, inputs, force, write).map(Some),
        }
    }

    /// The same for a trace that is made of `input`, which only its owner may read; returns what `write` does, too.
    ///
    /// # Errors
    /// As [`Destination::write`].
    pub fn write_trace<T>(
        &self,
        input: &Path,
        force: bool,
        out: &mut dyn Write,
        write: impl FnOnce(&mut dyn Write) -> Result<T, Error>,
    ) -> Result<(T, Option<PathBuf>), Error> {
        let Self::File(path) = self else {
            let written = write(out)?;
            out.flush()?;
            return Ok((written, None));
        };
        let mut file = BufWriter::new(NewFile::create_private(path, [input], force)?);
        let written = write(&mut file).map_err(|error| error.at(path))?;
        file.flush().map_err(|source| Error::Write { path: path.clone(), source })?;
        // Everything is flushed: what is left to take out is the file alone.
        let (file, _) = file.into_parts();
        Ok((written, Some(file.keep()?)))
    }
}
