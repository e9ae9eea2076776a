//! What `pfrecord` does besides recording.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use clap::Subcommand;
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
}

const MARK_EXAMPLES: &str = "\
Examples:
  pfrecord mark warm-up               the only recording of this user
  pfrecord mark serving --to 4711     the recording made by pfrecord with PID 4711";

impl Action {
    /// Does it.
    ///
    /// # Errors
    /// Why it could not be done.
    pub fn run(&self) -> Result<(), Error> {
        match self {
            Self::Mark { name, to } => marks::send(name.as_bytes(), *to),
        }
    }
}
