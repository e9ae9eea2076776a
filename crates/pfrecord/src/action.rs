//! What `pfrecord` does besides recording.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::{Command, Subcommand};
use pfcapture::{Error, marks};

/// A subcommand.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Stamp a phase into a running recording
    ///
    /// From this moment on the faults of the recording belong to phase NAME, until the next mark.
    /// Says nothing when the mark is set; exits with 2 when there is no recording to mark.
    #[command(after_help = MARK_EXAMPLES)]
    Mark {
        /// Name of the phase that begins, at most 255 bytes
        name: OsString,

        /// The pfrecord that is meant, when several are running
        #[arg(long, value_name = "PID")]
        to: Option<u32>,
    },
    /// Write what makes a shell complete options and file names
    Completions(pfcli::Completions),
    /// Write the manual pages
    Man(pfcli::ManPages),
}

const MARK_EXAMPLES: &str = "\
Examples:
  pfrecord mark warm-up               the only recording of this user
  pfrecord mark serving --to 4711     the recording made by pfrecord with PID 4711";

impl Action {
    /// Does it. `program` is the definition of the command line.
    ///
    /// # Errors
    /// Why it could not be done.
    pub fn run(&self, program: Command) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        let failed = |path: Option<PathBuf>, source: io::Error| match path {
            // Whoever closed standard output has seen enough.
            None if source.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            None => Err(Error::System { action: "write to standard output", source }),
            Some(path) => Err(Error::Output { path, source }),
        };
        match self {
            Self::Mark { name, to } => marks::send(name.as_bytes(), *to),
            Self::Completions(completions) => {
                completions.write(program, &mut out).or_else(|error| failed(None, error))
            }
            Self::Man(pages) => {
                pages.write(program, &mut out).or_else(|(path, error)| failed(path, error))
            }
        }
    }
}
