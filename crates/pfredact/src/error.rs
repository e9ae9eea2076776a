//! What can go wrong with a redaction.

use crate::check::Remains;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a trace could not be redacted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A trace cannot be read, decoded or written.
    #[error(transparent)]
    Trace(#[from] pft::Error),
    /// The trace is damaged: what cannot be read cannot be redacted.
    #[error("the trace is damaged: {what}")]
    Damaged {
        /// The first damage found.
        what: String,
    },
    /// The system gives no random numbers, without which pseudonyms could be guessed.
    #[error("no random numbers: {what}")]
    Random {
        /// What the system said.
        what: String,
    },
    /// The words to look for do not fit into one search.
    #[error("cannot search for what must not remain")]
    Search(#[from] aho_corasick::BuildError),
    /// What had to go is still in the output.
    #[error("{0}")]
    Remains(Remains),
    /// An address that the first reading of the trace did not show: the file changed meanwhile.
    #[error("the trace changed while it was read")]
    Changed,
}
