//! Marks that are set while a recording runs.

use std::os::fd::BorrowedFd;

use pft::record::MarkRecord;

use super::Session;
use crate::marks::Marks;

/// Where marks come from, and those that wait for the store.
#[derive(Debug)]
pub struct Marking {
    /// None where nobody can be heard.
    marks: Option<Marks>,
    /// In order of time.
    pub pending: Vec<MarkRecord>,
}

impl Marking {
    /// Nothing is marked yet.
    pub fn new(marks: Option<Marks>) -> Self {
        Self { marks, pending: Vec::new() }
    }

    /// What to wait for.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.marks.iter().flat_map(Marks::fds)
    }

    /// No mark is taken any more: whoever still sets one learns that at once.
    pub fn close(&mut self) {
        self.marks = None;
    }
}

impl Session {
    /// Takes in what was marked.
    pub(super) fn collect_marks(&mut self, now_ns: u64) {
        if let Some(marks) = &mut self.marks.marks {
            self.marks.pending.extend(marks.collect(now_ns, self.start_ns));
            self.marks.pending.sort_by_key(|mark| mark.time_ns);
        }
    }
}
