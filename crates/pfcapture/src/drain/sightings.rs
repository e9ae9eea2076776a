//! One happening, several records: a thread that carries the events of two roots (its own and copies
//! of its creator's) reports everything twice.

/// Recognises records of the same happening on one thread. The kernel serves all events of one
/// happening in a row, so a record of another root with the key of the last happening is a repeat,
/// until a root reports that key again: then it happened again. Samples of software events may carry the
/// id of one root only, and then have the same time as well: see `SampleLayout::kind_of`.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sightings {
    key: (u32, u64),
    time_ns: u64,
    roots: [u32; 4],
    seen: usize,
}

impl Sightings {
    /// Whether `root`'s record with this key tells of a happening that another root has told already.
    pub fn is_repeat(&mut self, key: (u32, u64), time_ns: u64, root: u32) -> bool {
        let told = self.roots.get(..self.seen).unwrap_or_default();
        let same = self.seen > 0 && self.key == key;
        if same && told.contains(&root) && self.time_ns == time_ns {
            return true;
        }
        if same && !told.contains(&root) {
            if let Some(slot) = self.roots.get_mut(self.seen) {
                *slot = root;
                self.seen += 1;
            }
            return true;
        }
        *self = Self { key, time_ns, roots: [root, 0, 0, 0], seen: 1 };
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_happening_counts_once() {
        let mut seen = Sightings::default();
        let entry = (1, 0x7000);
        let done = (2, 0x7000);
        // Two roots, twice the same entry (an interrupted wait), one completion.
        let records =
            [(entry, 5), (entry, 9), (entry, 5), (entry, 9), (done, 5), (done, 9), (done, 5)];
        let repeats: Vec<bool> =
            (1..).zip(records).map(|(at, (key, root))| seen.is_repeat(key, at, root)).collect();
        assert_eq!(repeats, [false, true, false, true, false, true, false]);
    }

    #[test]
    fn two_roots_under_one_id_are_told_by_the_time() {
        let mut seen = Sightings::default();
        let entry = (1, 0x7000);
        let repeats = [10, 10, 20, 20].map(|time_ns| seen.is_repeat(entry, time_ns, 5));
        assert_eq!(repeats, [false, true, false, true]);
    }

    #[test]
    fn a_root_that_carries_only_some_events() {
        let mut seen = Sightings::default();
        let records = [((1, 0x7000), 9), ((2, 0x7000), 5), ((2, 0x7000), 9), ((1, 0x8000), 9)];
        let repeats: Vec<bool> =
            (1..).zip(records).map(|(at, (key, root))| seen.is_repeat(key, at, root)).collect();
        assert_eq!(repeats, [false, false, true, false]);
    }
}
