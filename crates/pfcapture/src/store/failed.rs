//! What comes when the trace cannot be written any more: counted, so that its ledger can tell.

use pft::keys::ledger as keys;
use pft::record::{LedgerEntry, LostBy, LostRecord};

use super::Item;

/// A failure and what it leaves out.
#[derive(Debug)]
pub struct Failed {
    failure: pft::Error,
    /// What the trace should end with if there is room: facts, losses, ledger.
    last: Vec<Item>,
    /// Where the faults are missing that were not written, by CPU.
    missing: Vec<LostRecord>,
}

impl Failed {
    /// Taking `item` failed; of the faults up to now so many are missing in the trace.
    pub fn new(failure: pft::Error, missing: u64, item: &Item) -> Self {
        let mut failed = Self { failure, last: Vec::new(), missing: Vec::new() };
        failed.miss(item);
        let of_item = failed.missing.first().map_or(0, |lost| lost.count);
        match failed.missing.first_mut() {
            // A part of the batch was written before.
            Some(lost) if missing <= of_item => lost.count = missing,
            // Frames that were written are gone, whichever they are.
            Some(lost) => (lost.count, lost.after_ns) = (missing, 0),
            None if missing > 0 => failed.missing.push(lost(0, 0, missing)),
            None => {}
        }
        failed.missing.retain(|lost| lost.count > 0);
        failed
    }

    /// Goes without an item. What the trace should end with is kept.
    pub fn leave_out(&mut self, item: &mut Item) {
        match item {
            Item::Faults(..) => self.miss(item),
            Item::Facts(_) | Item::Lost(_) => {
                self.last.push(std::mem::replace(item, Item::Facts(Vec::new())));
            }
            Item::Checkpoint(checkpoint) if checkpoint.end => {
                let mut missing = std::mem::take(&mut self.missing);
                let count = missing.iter().map(|lost| lost.count).sum();
                add(&mut checkpoint.ledger, keys::DROPPED_RECORDER, count);
                missing.iter_mut().for_each(|lost| lost.time_ns = checkpoint.time_ns);
                self.last.push(Item::Lost(missing));
                self.last.push(std::mem::replace(item, Item::Facts(Vec::new())));
            }
            _ => {}
        }
    }

    /// The failure, and what the trace should end with: nothing unless the recording has ended, since a
    /// trace without its last ledger must not look whole.
    pub fn into_parts(self) -> (pft::Error, Vec<Item>) {
        let is_ended = matches!(self.last.last(), Some(Item::Checkpoint(_)));
        (self.failure, if is_ended { self.last } else { Vec::new() })
    }

    fn miss(&mut self, item: &Item) {
        let Item::Faults(cpu, batch) = item else { return };
        let Some(first_ns) = batch.rows.iter().map(|row| row.time_ns).min() else { return };
        let (after_ns, count) = (first_ns.saturating_sub(1), batch.rows.len() as u64);
        match self.missing.iter_mut().find(|lost| lost.cpu == *cpu) {
            Some(known) => {
                known.after_ns = known.after_ns.min(after_ns);
                known.count += count;
            }
            None => self.missing.push(lost(*cpu, after_ns, count)),
        }
    }
}

fn lost(cpu: u32, after_ns: u64, count: u64) -> LostRecord {
    LostRecord { after_ns, time_ns: 0, cpu, by: LostBy::Recorder, count }
}

fn add(ledger: &mut Vec<LedgerEntry>, key: &str, count: u64) {
    match ledger.iter_mut().find(|entry| entry.key == key) {
        Some(entry) => entry.value += count,
        None => ledger.push(LedgerEntry { key: key.to_owned(), value: count }),
    }
}

#[cfg(test)]
mod tests {
    use pft::record::Checkpoint;

    use super::*;
    use crate::drain::batch::FaultRows;
    use crate::store::tests::row;

    fn batch(cpu: u32, times: &[u64]) -> Item {
        let rows: Vec<_> = times.iter().map(|&time_ns| row(time_ns, 1)).collect();
        Item::Faults(cpu, FaultRows::from(rows))
    }

    /// What the trace ends with when so many faults are missing as `item` fails, and others come later.
    fn ended(missing: u64, item: &Item) -> (Vec<LostRecord>, u64) {
        let mut failed = Failed::new(pft::Error::Closed, missing, item);
        failed.leave_out(&mut Item::Tasks(Vec::new()));
        failed.leave_out(&mut batch(2, &[70, 60]));
        let ledger = vec![LedgerEntry { key: keys::DROPPED_RECORDER.to_owned(), value: 100 }];
        let checkpoint = Checkpoint { time_ns: 900, end: true, ledger, ..Checkpoint::default() };
        failed.leave_out(&mut Item::Checkpoint(checkpoint));
        let [Item::Lost(lost), Item::Checkpoint(checkpoint)] = failed.last.as_slice() else {
            panic!("{:?}", failed.last)
        };
        (lost.clone(), checkpoint.ledger[0].value)
    }

    fn missed(cpu: u32, after_ns: u64, count: u64) -> LostRecord {
        LostRecord { time_ns: 900, ..lost(cpu, after_ns, count) }
    }

    #[test]
    fn what_is_missing_is_counted_and_placed() {
        let later = missed(2, 59, 2);
        let whole = ended(3, &batch(1, &[30, 10, 20]));
        assert_eq!(whole, (vec![missed(1, 9, 3), later.clone()], 105));
        // A frame of the batch was written.
        let part = ended(1, &batch(1, &[30, 10, 20]));
        assert_eq!(part, (vec![missed(1, 9, 1), later.clone()], 103));
        // Somebody has cut off frames that were written.
        let cut = ended(40, &batch(1, &[30, 10, 20]));
        assert_eq!(cut, (vec![missed(1, 0, 40), later.clone()], 142));
        let other = Item::Tasks(Vec::new());
        assert_eq!(ended(7, &other), (vec![missed(0, 0, 7), later.clone()], 109));
        assert_eq!(ended(0, &other), (vec![later], 102));
    }
}
