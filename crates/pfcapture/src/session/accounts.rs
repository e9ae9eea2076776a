//! Faults by the kernel's accounts of processes: what perf cannot see is counted there too.

use std::path::Path;

use crate::sys::Reaped;
use crate::targets::processes;

/// The accounts of some processes at the start of a recording.
#[derive(Debug)]
pub struct Accounts {
    pids: Vec<u32>,
    before: Totals,
}

/// Minor and major faults of each process, if it could be asked.
pub type Totals = Vec<Option<(u64, u64)>>;

impl Accounts {
    /// Reads them.
    #[must_use]
    pub fn open(pids: &[u32]) -> Self {
        let mut accounts = Self { pids: pids.to_vec(), before: Vec::new() };
        accounts.before = accounts.totals();
        accounts
    }

    /// The totals now.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.pids.iter().map(|&pid| processes::fault_totals(Path::new("/proc"), pid)).collect()
    }

    /// Growth: known for a command that ended and for processes that still run.
    #[must_use]
    pub fn growth(
        &self,
        reaped: Option<Reaped>,
        after: &[Option<(u64, u64)>],
    ) -> Option<(u64, u64)> {
        if let (Some(reaped), [Some((minor, major))]) = (reaped, self.before.as_slice()) {
            return Some((
                reaped.minor_faults.saturating_sub(*minor),
                reaped.major_faults.saturating_sub(*major),
            ));
        }
        if self.before.is_empty() {
            return None;
        }
        let mut growth = (0, 0);
        for (before, after) in self.before.iter().zip(after) {
            let ((minor, major), (minor_after, major_after)) = ((*before)?, (*after)?);
            growth.0 += minor_after.saturating_sub(minor);
            growth.1 += major_after.saturating_sub(major);
        }
        Some(growth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_known_only_for_what_can_be_asked() {
        let before = |before: &[_]| Accounts { pids: Vec::new(), before: before.to_vec() };
        let ended = Reaped { minor_faults: 150, major_faults: 7, ..Reaped::default() };
        assert_eq!(before(&[Some((100, 2))]).growth(Some(ended), &[None]), Some((50, 5)));
        let accounts = before(&[Some((100, 2)), Some((10, 0))]);
        let after = [Some((150, 2)), Some((11, 3))];
        assert_eq!(accounts.growth(None, &after), Some((51, 3)));
        assert_eq!(accounts.growth(None, &[Some((150, 2)), None]), None);
        assert_eq!(before(&[]).growth(None, &[]), None);
    }
}
