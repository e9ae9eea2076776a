//! Whether the kernel read pages along with those that were touched.

use std::collections::{BTreeSet, HashSet};

use pfmodel::names::{Cause, Class};

use super::Evidence;
use crate::place::page_start;

/// How far the kernel reads around a fault by default, to either side, bytes: half of `read_ahead_kb`, 128.
pub const AROUND_BYTES: u64 = 64 << 10;

/// How far it may read on disks that are set up for much, to either side, bytes.
const FAR_BYTES: u64 = 4 << 20;

/// Fewest first touches near an earlier read that tell something.
const NEAR_MIN: u64 = 16;

/// First touches of the pages of a file, over all processes, by what came before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Readahead {
    /// Those within 64 KiB of an earlier read that read a disk themselves.
    pub near_read: u64,
    /// Those there that found their page in memory, or on its way into it.
    pub near_cached: u64,
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
        for row in rows.into_values().flatten() {
            let Some(start) = page_start(analysis, row, evidence.page_bytes) else { continue };
            if !touched.insert(start) {
                continue;
            }
            let is_read = analysis.faults.class[row] == Class::Major;
            let is_within = |bytes: u64| {
                let range = start.saturating_sub(bytes)..=start.saturating_add(bytes);
                reads.range(range).next().is_some()
            };
            let number = match (is_within(AROUND_BYTES), is_within(FAR_BYTES), is_read) {
                (true, _, true) => Some(&mut found.near_read),
                (true, _, false) => Some(&mut found.near_cached),
                (_, false, true) => Some(&mut found.apart_read),
                (_, false, false) => Some(&mut found.apart_cached),
                _ => None,
            };
            number.into_iter().for_each(|number| *number += 1);
            if !is_read && is_within(FAR_BYTES) {
                found.cached += 1;
            }
            if is_read {
                reads.insert(start);
            }
        }
        found
    }

    /// First touches near an earlier read.
    pub const fn near(&self) -> u64 {
        self.near_read + self.near_cached
    }

    /// The verdict. Of a file that was partly in memory before, pages elsewhere are there as well.
    pub const fn verdict(&self) -> Verdict {
        if self.near() < NEAR_MIN {
            Verdict::Unknown
        } else if self.near_cached * 2 >= self.near() && self.apart_read >= self.apart_cached {
            Verdict::On
        } else if self.near_read * 10 >= self.near() * 9 {
            Verdict::Off
        } else {
            Verdict::Unknown
        }
    }
}
