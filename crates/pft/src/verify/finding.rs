//! What breaks a rule, and where.

use std::collections::BTreeMap;
use std::fmt;

use super::rule::Rule;
use crate::frame::{FrameHeader, FrameKind};
use crate::reader::Located;

/// A frame by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameName {
    /// Its sequence number.
    pub sequence: u64,
    /// Number of its kind: see [`FrameKind::known`].
    pub kind: u16,
    /// Version of its layout.
    pub version: u16,
}

impl From<&FrameHeader> for FrameName {
    fn from(header: &FrameHeader) -> Self {
        Self { sequence: header.sequence, kind: header.kind, version: header.version }
    }
}

impl fmt::Display for FrameName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match FrameKind::known(self.kind, self.version) {
            Some(kind) => write!(f, "{kind} frame {}", self.sequence),
            None => write!(f, "frame {} of unknown kind {}", self.sequence, self.kind),
        }
    }
}

/// Where something lies in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// Byte of the file: of a frame its first. `None` where the whole file is meant.
    pub offset: Option<u64>,
    /// The frame.
    pub frame: Option<FrameName>,
    /// The row of the frame, from 0.
    pub row: Option<u64>,
}

impl Place {
    /// The whole file.
    pub const FILE: Self = Self { offset: None, frame: None, row: None };

    pub(super) fn at(offset: u64) -> Self {
        Self { offset: Some(offset), ..Self::FILE }
    }

    pub(super) fn frame(frame: &Located) -> Self {
        let name = FrameName::from(&frame.header);
        Self { offset: Some(frame.offset), frame: Some(name), row: None }
    }

    pub(super) fn row(self, row: usize) -> Self {
        Self { row: Some(row as u64), ..self }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "byte {offset}")?,
            None => f.write_str("the whole file")?,
        }
        if let Some(frame) = self.frame {
            write!(f, ", {frame}")?;
        }
        self.row.map_or(Ok(()), |row| write!(f, ", row {row}"))
    }
}

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// Where.
    pub place: Place,
    /// What is wrong, in words without text of the trace.
    pub what: String,
}

impl Finding {
    /// A finding about the whole file.
    #[must_use]
    pub fn of_file(rule: Rule, what: String) -> Self {
        Self { rule, place: Place::FILE, what }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.rule, self.what)
    }
}

/// Findings by rule: the first few, and how many there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    kept: Vec<Finding>,
    counts: BTreeMap<Rule, u64>,
    most: usize,
}

impl Findings {
    /// Keeps `most` findings of each rule and counts all.
    #[must_use]
    pub fn keeping(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// Adds one. `what` is only called for one that is kept.
    pub(super) fn add(&mut self, rule: Rule, place: Place, what: impl FnOnce() -> String) {
        let count = self.counts.entry(rule).or_default();
        *count = count.saturating_add(1);
        if *count <= self.most as u64 {
            self.kept.push(Finding { rule, place, what: what() });
        }
    }

    /// Adds one that is known already.
    pub fn push(&mut self, finding: Finding) {
        self.add(finding.rule, finding.place, || finding.what);
    }

    pub(super) fn append(&mut self, other: Self) {
        let mut beyond = other.counts;
        for finding in other.kept {
            if let Some(count) = beyond.get_mut(&finding.rule) {
                *count = count.saturating_sub(1);
            }
            self.push(finding);
        }
        for (rule, count) in beyond.into_iter().filter(|&(_, count)| count > 0) {
            let all = self.counts.entry(rule).or_default();
            *all = all.saturating_add(count);
        }
    }

    /// Those that were kept, in the order in which they were found.
    #[must_use]
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// How many there are of each rule that is broken.
    pub fn counts(&self) -> impl Iterator<Item = (Rule, u64)> {
        self.counts.iter().map(|(&rule, &count)| (rule, count))
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().fold(0, |sum, &count| sum.saturating_add(count))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}
