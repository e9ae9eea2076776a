//! A trace that is to be added.

use std::path::{Path, PathBuf};

use pfredact::Options;
use pft::record::{Fact, Frame};
use pft::{Damage, FrameKind, Limits, Trace};

use crate::commands::redact;
use crate::error::Error;
use crate::figures::gaps::sentence;
use crate::files::input;

/// A trace of which the frames are known, and no faults have been read.
pub struct Input {
    /// The file.
    pub path: PathBuf,
    /// The same, opened.
    pub trace: Trace,
    /// What the file says that it lost before it was recovered, as [`crate::load::Loaded::damage`] says it.
    pub recorded_gaps: Vec<String>,
    facts: Vec<Fact>,
}

impl Input {
    /// Opens a trace.
    ///
    /// # Errors
    /// Those of [`input::open`]; [`Error::Damaged`] if frames are missing, or the file was not closed.
    pub fn open(path: &Path) -> Result<Self, Error> {
        // Only one frame at a time is in memory.
        let trace = input::open(path, &Limits::new(u64::MAX))?;
        let start_ns = trace.header().start_ns;
        let (mut facts, mut recorded_gaps) = (Vec::new(), Vec::new());
        for info in trace.frames() {
            if !matches!(info.kind, FrameKind::Host | FrameKind::Gaps) {
                continue;
            }
            match trace.read(info).map_err(|error| damaged(path, error.to_string()))? {
                Frame::Host(more) => facts.extend(more),
                Frame::Gaps(gaps) => {
                    recorded_gaps.extend(gaps.iter().map(|gap| sentence(gap, start_ns)));
                }
                _ => {}
            }
        }
        let is_damage = |damage: &&Damage| !matches!(damage, Damage::UnknownFrames { .. });
        match trace.damage().iter().find(is_damage) {
            Some(damage) => Err(damaged(path, damage.to_string())),
            None => Ok(Self { path: path.to_owned(), trace, recorded_gaps, facts }),
        }
    }

    /// A fact, if recorded.
    pub fn fact(&self, key: &str) -> Option<&str> {
        let last = self.facts.iter().rev().find(|fact| fact.key == key)?;
        Some(&last.value)
    }

    /// The same trace without names, written to `path`, and what was left out because its meaning is not known.
    ///
    /// # Errors
    /// [`Error::Redact`], [`Error::Write`].
    pub fn redacted(&self, options: &Options, path: &Path) -> Result<(Self, Vec<String>), Error> {
        let left_out = redact::file((&self.trace, &self.path), options, path)?;
        Ok((Self::open(path)?, left_out))
    }
}

/// A trace of which something is not there.
pub fn damaged(path: &Path, what: String) -> Error {
    Error::Damaged { path: path.to_owned(), what }
}
