//! What is new goes to whoever shows it, at once; the store gets it later, in larger pieces.

use pft::record::Snapshot;

use super::Session;
use crate::counts::Counts;
use crate::live::{Happenings, Live, LiveEnd, Skipped};

/// Somebody who shows what happens, and what of it has been handed over.
pub struct Show {
    live: Box<dyn Live>,
    /// Snapshots that are new.
    pub snapshots: Vec<Snapshot>,
    /// How many of the tasks, maps, calls, losses, victims and marks that wait for the store are not
    /// new any more.
    shown: [usize; 6],
}

impl Show {
    /// Nothing is shown yet.
    pub fn new(live: Box<dyn Live>) -> Self {
        Self { live, snapshots: Vec::new(), shown: [0; 6] }
    }

    /// The store has taken everything that waited.
    pub fn forget(&mut self) {
        self.shown = [0; 6];
    }

    /// Whether nothing more can be shown.
    pub fn is_over(&self) -> bool {
        self.live.is_over()
    }

    /// The recording is over.
    pub fn finish(self, counts: &Counts) -> LiveEnd {
        self.live.finish(Skipped { minor: counts.fast_minor, major: counts.fast_major })
    }
}

/// Those behind the first `shown`, which grows over them.
fn new<T: Clone>(all: &[T], shown: &mut usize) -> Vec<T> {
    let new = all.get(*shown..).unwrap_or_default().to_vec();
    *shown = all.len();
    new
}

impl Session {
    /// Hands over what is new.
    pub(super) fn show_new(&mut self) {
        let Some(show) = &mut self.show else { return };
        let drain = &mut self.drain;
        let [tasks, maps, calls, lost, oom, marks] = &mut show.shown;
        let happenings = Happenings {
            tasks: new(&drain.tasks, tasks),
            maps: new(&drain.maps, maps),
            calls: new(&drain.calls, calls),
            snapshots: std::mem::take(&mut show.snapshots),
            lost: new(&drain.lost, lost),
            marks: new(&self.marks.pending, marks),
            oom: new(&drain.oom, oom),
            faults: drain.settled.as_mut().map(std::mem::take).unwrap_or_default(),
        };
        if happenings != Happenings::default() {
            show.live.take(happenings);
        }
    }
}
