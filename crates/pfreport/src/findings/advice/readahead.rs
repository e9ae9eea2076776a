//! Whether the kernel read pages along with those that were touched.

use std::collections::{BTreeSet, HashSet, VecDeque};

use pfmodel::names::{Cause, Class};

use super::Evidence;
use crate::findings::place::page_start;
use crate::rows::row_set::RowSet;

/// How far the kernel reads around a fault by default, to either side, bytes: half of `read_ahead_kb`, 128.
pub const AROUND_BYTES: u64 = 64 << 10;

/// How far it may read on disks that are set up for much, to either side, bytes.
const FAR_BYTES: u64 = 4 << 20;

/// Fewest first touches near an earlier read that tell something.
const NEAR_MIN: u64 = 16;

/// Reads after which pages that were read along may be gone again.
const LATELY: usize = 64;

/// Reads whose pages are still there even where memory holds a small part of the file.
const SOON: usize = 8;

/// How far from these pages count: where readahead is set to much, few touches come nearer.
const SOON_BYTES: u64 = 1 << 20;

/// Longest read of a page by itself on a disk without moving parts, nanoseconds, many times over.
const PAGE_READ_MAX_NS: u64 = 1_000_000;

/// First touches of the pages of a file, over all processes, by what came before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Readahead {
    /// Those within 64 KiB of an earlier read that read a disk themselves.
    pub near_read: u64,
    /// Those there that found their page in memory, or on its way into it.
    pub near_cached: u64,
    /// As `near_read`, of one of the last 64 reads, whose pages are hardly gone again.
    pub lately_read: u64,
    /// As `near_cached`, of one of the last 64 reads.
    pub lately_cached: u64,
    /// Those within 1 MiB of one of the last 8 reads that read a disk.
    pub soon_read: u64,
    /// Those there that found their page in memory.
    pub soon_cached: u64,
    /// All others that read a disk.
    pub else_read: u64,
    /// All others that found their page in memory.
    pub else_cached: u64,
    /// Those more than 4 MiB from each earlier read that read a disk.
    pub apart_read: u64,
    /// Those there that found their page in memory.
    pub apart_cached: u64,
    /// Those within 4 MiB of an earlier read that found their page in memory.
    pub cached: u64,
}

/// What that says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Pages near a read were in memory afterwards, pages elsewhere were not.
    On,
    /// Pages near a read had to be read as well.
    Off,
    /// It cannot be told.
    Unknown,
}

impl Readahead {
    /// Looks through the first touches of a file.
    pub fn of(evidence: &Evidence<'_>, file: u32) -> Self {
        let causes = [Cause::FileRead, Cause::FilePrivateWrite, Cause::FileCached, Cause::FileWait];
        let rows = evidence.rows(&causes, |_, place| place.file.filter(|&of| of == file));
        let analysis = evidence.analysis();
        let mut found = Self::default();
        let (mut touched, mut reads) = (HashSet::new(), BTreeSet::new());
        let mut lately = VecDeque::new();
        for row in rows.values().flat_map(RowSet::iter) {
            let Some(start) = page_start(analysis, row, evidence.page_bytes) else { continue };
            if !touched.insert(start) {
                continue;
            }
            let is_read = analysis.faults.class[row] == Class::Major;
            // What is read around a page ends before the page that lies so far ahead of it.
            let is_near = |read: u64, bytes: u64| {
                start < read.saturating_add(bytes) && read <= start.saturating_add(bytes)
            };
            let is_within = |bytes: u64| {
                let range = start.saturating_sub(bytes)..=start.saturating_add(bytes);
                reads.range(range).any(|&read| is_near(read, bytes))
            };
            let number = match (is_within(AROUND_BYTES), is_within(FAR_BYTES), is_read) {
                (true, _, true) => Some(&mut found.near_read),
                (true, _, false) => Some(&mut found.near_cached),
                (_, false, true) => Some(&mut found.apart_read),
                (_, false, false) => Some(&mut found.apart_cached),
                _ => None,
            };
            number.into_iter().for_each(|number| *number += 1);
            if lately.iter().any(|&read: &u64| is_near(read, AROUND_BYTES)) {
                found.lately_read += u64::from(is_read);
                found.lately_cached += u64::from(!is_read);
            }
            let mut last = lately.iter().rev().take(SOON);
            let counts = if last.any(|&read: &u64| read.abs_diff(start) <= SOON_BYTES) {
                (&mut found.soon_read, &mut found.soon_cached)
            } else {
                (&mut found.else_read, &mut found.else_cached)
            };
            *(if is_read { counts.0 } else { counts.1 }) += 1;
            if !is_read && is_within(FAR_BYTES) {
                found.cached += 1;
            }
            if is_read {
                reads.insert(start);
                lately.push_back(start);
                lately.drain(..lately.len().saturating_sub(LATELY));
            }
        }
        found
    }

    /// First touches near an earlier read.
    pub const fn near(&self) -> u64 {
        self.near_read + self.near_cached
    }

    /// The verdict, with the mean latency of the reads, 0 if it is not known. Of a file that was partly in
    /// memory before, pages elsewhere are there as well. Pages that were read long ago may be gone again:
    /// that they are read says nothing then, unless reads are as fast as those of one page.
    pub const fn verdict(&self, each_ns: u64) -> Verdict {
        let lately = self.lately_read + self.lately_cached;
        let is_elsewhere_cold = self.apart_read >= self.apart_cached;
        let soon = self.soon_read + self.soon_cached;
        let is_rest_cold = self.else_read >= self.else_cached;
        let is_page_read = each_ns > 0 && each_ns <= PAGE_READ_MAX_NS;
        let is_on_lately =
            lately >= NEAR_MIN && self.lately_cached * 2 >= lately && is_elsewhere_cold;
        let is_on_soon = soon >= NEAR_MIN && self.soon_cached * 2 >= soon && is_rest_cold;
        if lately >= NEAR_MIN && self.lately_read * 10 >= lately * 9 {
            Verdict::Off
        } else if is_on_lately || is_on_soon {
            Verdict::On
        } else if self.near() < NEAR_MIN {
            Verdict::Unknown
        } else if self.near_cached * 2 >= self.near() && is_elsewhere_cold {
            Verdict::On
        } else if self.near_read * 10 >= self.near() * 9 && is_page_read {
            Verdict::Off
        } else {
            Verdict::Unknown
        }
    }
}
