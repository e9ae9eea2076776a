//! Which control groups processes were in, and when.

use std::collections::HashMap;

use pft::record::CgroupRecord;

use crate::collections::intern::Interner;
use crate::table::{NONE, Process};

/// Control groups of processes, and the names of all. Times are those of the trace's clock.
#[derive(Debug, Default)]
pub(crate) struct Cgroups {
    /// Of each process: since when, and which one. The first one was there before, too.
    pub of_processes: Vec<Vec<(u64, u32)>>,
    /// Paths.
    pub paths: Vec<Vec<u8>>,
}

/// What is to be known of a process here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Life {
    pub pid: u32,
    /// Number of the process that it is a copy of, or [`NONE`].
    pub parent: u32,
    pub first_seen_ns: u64,
    pub exit_ns: Option<u64>,
}

impl Cgroups {
    /// Gives each row to the process that had its number then. A process without any has the one that its parent
    /// had when it was forked.
    pub(crate) fn of(rows: &[CgroupRecord], lives: &[Life]) -> Self {
        let mut by_pid: HashMap<u32, Vec<usize>> = HashMap::new();
        if !rows.is_empty() {
            for (proc, life) in lives.iter().enumerate() {
                by_pid.entry(life.pid).or_default().push(proc);
            }
        }
        let mut in_order: Vec<&CgroupRecord> = rows.iter().collect();
        in_order.sort_by_key(|row| row.time_ns);
        let mut paths = Interner::new();
        let mut of_processes: Vec<Vec<(u64, u32)>> = vec![Vec::new(); lives.len()];
        for row in in_order {
            let procs = by_pid.get(&row.pid).map_or(&[][..], Vec::as_slice);
            let spans =
                owner(procs, lives, row.time_ns).and_then(|proc| of_processes.get_mut(proc));
            let Some(spans) = spans else { continue };
            let path = paths.intern(&row.path);
            if spans.last().is_none_or(|&(_, last)| last != path) {
                spans.push((row.time_ns, path));
            }
        }
        for (proc, life) in lives.iter().enumerate() {
            // A parent was there before.
            let Some((before, [spans, ..])) = of_processes.split_at_mut_checked(proc) else {
                break;
            };
            let parent = before.get(life.parent as usize).filter(|_| life.parent != NONE);
            if spans.is_empty()
                && let Some(path) = parent.and_then(|parent| at(parent, life.first_seen_ns))
            {
                spans.push((life.first_seen_ns, path));
            }
        }
        Self { of_processes, paths: paths.into_texts() }
    }
}

/// The one of the processes of a pid, in order, that was there at a time: where that one has exited, a row comes from
/// the next one, which was seen before any record of it.
fn owner(procs: &[usize], lives: &[Life], time_ns: u64) -> Option<usize> {
    let life = |proc: &usize| lives.get(*proc);
    let later =
        procs.partition_point(|proc| life(proc).is_some_and(|life| life.first_seen_ns <= time_ns));
    let last = later.checked_sub(1).and_then(|last| procs.get(last));
    let has_exited = |life: &Life| life.exit_ns.is_some_and(|exit_ns| exit_ns < time_ns);
    let last = last.filter(|&proc| !life(proc).is_some_and(has_exited));
    last.or_else(|| procs.get(later)).copied()
}

/// What holds at a time of what holds since others.
fn at(spans: &[(u64, u32)], time_ns: u64) -> Option<u32> {
    let later = spans.partition_point(|&(since_ns, _)| since_ns <= time_ns);
    spans.get(later.saturating_sub(1)).map(|&(_, path)| path)
}

impl Process {
    /// The control group at a time since the start of the trace, index into
    /// [`Analysis::cgroups`](crate::table::Analysis::cgroups).
    #[must_use]
    pub fn cgroup_at(&self, time_ns: u64) -> Option<u32> {
        at(&self.cgroups, time_ns)
    }

    /// The last one.
    #[must_use]
    pub fn last_cgroup(&self) -> Option<u32> {
        self.cgroups.last().map(|&(_, path)| path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(time_ns: u64, pid: u32, path: &str) -> CgroupRecord {
        CgroupRecord { time_ns, pid, path: path.into() }
    }

    fn life(pid: u32, parent: u32, first_seen_ns: u64, exit_ns: Option<u64>) -> Life {
        Life { pid, parent, first_seen_ns, exit_ns }
    }

    /// Since when each process was in which group.
    fn spans(rows: &[CgroupRecord], lives: &[Life]) -> Vec<Vec<(u64, String)>> {
        let found = Cgroups::of(rows, lives);
        let path = |number: u32| String::from_utf8(found.paths[number as usize].clone()).unwrap();
        let named = |spans: &Vec<_>| spans.iter().map(|&(ns, number)| (ns, path(number))).collect();
        found.of_processes.iter().map(named).collect()
    }

    fn named(spans: &[(u64, &str)]) -> Vec<(u64, String)> {
        spans.iter().map(|&(ns, path)| (ns, path.to_owned())).collect()
    }

    #[test]
    fn rows_are_those_of_one_process_in_order_and_repeats_are_none() {
        let rows = [row(30, 7, "/b"), row(10, 7, "/a"), row(20, 7, "/a"), row(25, 8, "/c")];
        let found = spans(&rows, &[life(7, NONE, 5, None), life(9, NONE, 5, None)]);
        assert_eq!(found, [named(&[(10, "/a"), (30, "/b")]), vec![]]);
    }

    #[test]
    fn a_pid_that_is_used_again_is_another_process() {
        let lives = [life(7, NONE, 0, Some(100)), life(7, NONE, 200, None)];
        let seen = |time_ns| spans(&[row(time_ns, 7, "/a")], &lives);
        for time_ns in [0, 50, 100] {
            assert_eq!(seen(time_ns), [named(&[(time_ns, "/a")]), vec![]]);
        }
        // Before the first record of the second one.
        for time_ns in [101, 199, 200, 300] {
            assert_eq!(seen(time_ns), [vec![], named(&[(time_ns, "/a")])]);
        }
        let ended = [life(7, NONE, 10, Some(100))];
        assert_eq!(spans(&[row(101, 7, "/")], &ended), [vec![]]);
        assert_eq!(spans(&[row(5, 7, "/")], &ended), [named(&[(5, "/")])]);
        // The end of the first one was lost.
        let replaced = [life(7, NONE, 0, None), life(7, NONE, 200, None)];
        let rows = [row(199, 7, "/a"), row(200, 7, "/b")];
        assert_eq!(spans(&rows, &replaced), [named(&[(199, "/a")]), named(&[(200, "/b")])]);
    }

    #[test]
    fn a_forked_process_is_where_its_parent_was_until_it_is_seen() {
        let rows = [row(10, 1, "/a"), row(50, 1, "/b"), row(90, 4, "/c")];
        let lives = [
            life(1, NONE, 0, None),
            // Before the parent was first seen in a group, and after it was in another.
            life(2, 0, 5, None),
            life(3, 0, 60, None),
            life(4, 0, 60, None),
            // A child of a child, and of one that is not known.
            life(5, 2, 70, None),
            life(6, 9, 70, None),
            life(7, NONE, 70, None),
        ];
        let expected =
            [named(&[(10, "/a"), (50, "/b")]), named(&[(60, "/b")]), named(&[(90, "/c")])];
        let found = spans(&rows, &lives);
        assert_eq!(found[0], expected[0]);
        assert_eq!(found[1], named(&[(5, "/a")]));
        assert_eq!(found[2..4], expected[1..]);
        assert_eq!(found[4..], [named(&[(70, "/b")]), vec![], vec![]]);
    }

    #[test]
    fn the_first_row_holds_for_what_was_before() {
        let spans = [(10, 3), (20, 4)];
        let found = [0, 10, 19, 20, u64::MAX].map(|time_ns| at(&spans, time_ns));
        assert_eq!(found, [Some(3), Some(3), Some(3), Some(4), Some(4)]);
        assert_eq!(at(&[], 10), None);
    }
}
