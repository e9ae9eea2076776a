//! What keeps a file from being imported.

use std::io;

/// A command that records what an import needs.
pub const RECORD: &str =
    "perf record -e page-faults,minor-faults,major-faults -c 1 -d -k CLOCK_MONOTONIC -- COMMAND";

/// Why a file cannot be imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input cannot be read.
    #[error("cannot read")]
    Read(#[source] io::Error),
    /// It does not begin like a file of perf's.
    #[error("this is no perf.data file")]
    NotPerfData,
    /// Its header makes no sense.
    #[error("the header of the file is damaged: {what}")]
    Header {
        /// What is wrong with it.
        what: &'static str,
    },
    /// It was written on a machine that orders bytes the other way.
    #[error("the file was recorded on a big-endian machine, which is not supported")]
    BigEndian,
    /// It comes through a pipe, and what describes it is at its end.
    #[error(
        "this perf.data file cannot be read through a pipe: what it records is told at its end"
    )]
    NeedsSeek,
    /// None of its events is about page faults.
    #[error("no page faults were recorded, only {}", events.join(", "))]
    NoFaultEvent {
        /// The events there are.
        events: Vec<String>,
    },
    /// Some of the faults were recorded.
    #[error("{event} is a sample: perf recorded {how}, which leaves faults out")]
    Sampled {
        /// The event.
        event: String,
        /// One of so many, or so many a second.
        how: String,
    },
    /// Samples lack what no fault can do without.
    #[error("{event} was recorded without {what}")]
    Lacks {
        /// The event.
        event: String,
        /// What is missing, and the option of perf that records it.
        what: &'static str,
    },
    /// The samples of several events look alike.
    #[error("the events of the file cannot be told apart: their samples have no id")]
    NoIds,
    /// The file does not say where the fields of a tracepoint are.
    #[error("{event} cannot be read: the file does not describe its fields{}", cut(*is_cut))]
    NoFormat {
        /// The event.
        event: String,
        /// The end of the file, which has the description, is missing.
        is_cut: bool,
    },
    /// The trace cannot be written.
    #[error("cannot write the trace")]
    Write(#[source] pft::Error),
}

fn cut(is_cut: bool) -> &'static str {
    if is_cut { "; its end, where perf writes that, is missing" } else { "" }
}

impl Error {
    /// Whether the file is sound and was only recorded in a way that nothing can be made of.
    #[must_use]
    pub const fn is_unfit(&self) -> bool {
        matches!(
            self,
            Self::BigEndian
                | Self::NeedsSeek
                | Self::NoFaultEvent { .. }
                | Self::Sampled { .. }
                | Self::Lacks { .. }
                | Self::NoIds
        )
    }

    /// What helps.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::NoFaultEvent { .. } | Self::Sampled { .. } | Self::Lacks { .. } | Self::NoIds => {
                Some(format!("record with `{RECORD}`"))
            }
            Self::NeedsSeek => {
                Some("give the file itself, or record with `perf record -o -`".to_owned())
            }
            _ => None,
        }
    }
}
