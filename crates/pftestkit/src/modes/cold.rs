//! Reading a mapped file that is not in the page cache.

use anyhow::Context;
use pftestkit::OrderKind;

use crate::cli::Args;
use crate::pages::Pagemap;
use crate::session::{FILE_READ, Session, measure};
use crate::sys::counters::{Counts, Who, counts};
use crate::sys::mapping::{Advice, Backing, Mapping, page_size};
use crate::sys::process::Interruptions;
use crate::workfile::WorkFile;

/// Share of the file's pages that random modes read: one in so many.
const SPARSENESS: usize = 4;

/// Time between signals, microseconds: about that of one read from a disk.
const INTERRUPT_US: u32 = 300;

/// A cold file, mapped without read-ahead, and the pages to read in order.
#[derive(Debug)]
pub struct RandomReads {
    file: WorkFile,
    mapping: Mapping,
    order: Vec<usize>,
}

impl RandomReads {
    /// A file of which `pages` pages will be read in random order.
    ///
    /// Each page read is one fault: nothing is read ahead, and the cached neighbours that a fault maps
    /// besides its own page are pages that were read, and thus mapped, before.
    pub fn new(args: &Args, pages: usize) -> anyhow::Result<Self> {
        let file = WorkFile::new(args, pages * SPARSENESS)?;
        let mapping = Mapping::new(pages * SPARSENESS, Backing::ReadOnlyFile(file.file()))?;
        mapping.advise(Advice::Random)?;
        file.make_cold()?;
        let order = random_order(pages * SPARSENESS, pages, args.seed);
        Ok(Self { file, mapping, order })
    }

    /// Reads the pages at these places of the order.
    pub fn read(&self, places: std::ops::Range<usize>) {
        for &page in self.order.get(places).unwrap_or_default() {
            self.mapping.read(page);
        }
    }

    /// Number of pages to read.
    pub fn pages(&self) -> usize {
        self.order.len()
    }

    /// Tells the order.
    pub fn tell_order(&self, session: &mut Session) -> anyhow::Result<()> {
        session.order(self.file.path(), OrderKind::Access, &self.order)
    }

    /// Tells that every read was a major fault.
    pub fn expect_major(&self, session: &mut Session) {
        session.expect(&self.mapping.range(), FILE_READ, self.pages());
    }
}

/// `picked` of the numbers below `len`, in an order that depends on the seed only.
fn random_order(len: usize, picked: usize, seed: u64) -> Vec<usize> {
    // xorshift64*; its state must not be zero.
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut order: Vec<usize> = (0..len).collect();
    for place in 0..picked.min(len) {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let random = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        order.swap(place, place + random as usize % (len - place));
    }
    order.truncate(picked);
    order
}

pub fn random(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let reads = RandomReads::new(args, args.pages_or(256))?;
    session.ready()?;
    let ((), measured) = measure(Who::Process, || reads.read(0..reads.pages()));
    reads.expect_major(&mut session);
    reads.tell_order(&mut session)?;
    session.usage(session.pid(), measured);
    session.finish()
}

/// Two private mappings of cold files without read-ahead: one is written, the other one read. Each access
/// is a fault that fetches its page.
pub fn private(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let pages = args.pages_or(64);
    let files = [WorkFile::new(args, pages)?, WorkFile::with_suffix(args, pages, ".read")?];
    let map = |file: &WorkFile| -> anyhow::Result<Mapping> {
        let mapping = Mapping::new(pages, Backing::PrivateFile(file.file()))?;
        mapping.advise(Advice::Random)?;
        file.make_cold()?;
        Ok(mapping)
    };
    let (written, read) = (map(&files[0])?, map(&files[1])?);
    session.ready()?;
    let ((), measured) = measure(Who::Process, || {
        (0..pages).for_each(|page| written.write(page));
        (0..pages).for_each(|page| read.read(page));
    });
    session.expect(&written.range(), ("major", "file-private-write"), pages);
    session.expect(&read.range(), FILE_READ, pages);
    session.usage(session.pid(), measured);
    session.finish()
}

/// Every page read completes one fault. One whose wait was interrupted entered more than once, and
/// completes as minor when the page arrived meanwhile.
pub fn interrupted(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let reads = RandomReads::new(args, args.pages_or(1000))?;
    session.ready()?;
    let timer = Interruptions::every(INTERRUPT_US).context("starting a timer")?;
    let ((), measured) = measure(Who::Process, || reads.read(0..reads.pages()));
    drop(timer);
    let Counts { minflt, majflt } = measured.counts;
    let witness = [("distinct_pages", reads.pages() as u64)];
    session.expect_witness(&reads.mapping.range(), FILE_READ, majflt, &witness);
    session.expect_witness(&reads.mapping.range(), ("minor", "any"), minflt, &witness);
    reads.tell_order(&mut session)?;
    session.usage(session.pid(), measured);
    session.finish()
}

/// What an access did, by witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    NoFault,
    Minor,
    Major,
}

/// Which accesses fault depends on read-ahead and fault-around: the page table before the access and
/// the thread's counters around it are the witnesses.
pub fn sequential(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let pages = args.pages_or(4096);
    let file = WorkFile::new(args, pages)?;
    let mapping = Mapping::new(pages, Backing::ReadOnlyFile(file.file()))?;
    file.make_cold()?;
    let pagemap = Pagemap::open().context("opening /proc/self/pagemap")?;
    let start = mapping.range().start;
    let mut seen = vec![Seen::Major; pages]; // not zero: written now, not at the first access
    let mut absent = 0;
    session.ready()?;
    let (result, measured) = measure(Who::Process, || -> std::io::Result<()> {
        for (page, seen) in seen.iter_mut().enumerate() {
            absent += u64::from(!pagemap.is_present(start + (page * page_size()) as u64)?);
            let before = counts(Who::Thread);
            mapping.read(page);
            *seen = match counts(Who::Thread) - before {
                Counts { majflt: 0, minflt: 0 } => Seen::NoFault,
                Counts { majflt: 0, .. } => Seen::Minor,
                _ => Seen::Major,
            };
        }
        Ok(())
    });
    result.context("reading /proc/self/pagemap")?;
    tell_sequential(&mut session, &file, &mapping, &seen, absent)?;
    session.usage(session.pid(), measured);
    session.finish()
}

fn tell_sequential(
    session: &mut Session,
    file: &WorkFile,
    mapping: &Mapping,
    seen: &[Seen],
    absent: u64,
) -> anyhow::Result<()> {
    let pages_of = |kind| -> Vec<usize> {
        seen.iter().enumerate().filter(|(_, seen)| **seen == kind).map(|(page, _)| page).collect()
    };
    let (major, minor) = (pages_of(Seen::Major), pages_of(Seen::Minor));
    let witness = [("absent_pages", absent)];
    session.expect_witness(&mapping.range(), FILE_READ, major.len() as u64, &witness);
    session.expect_witness(&mapping.range(), ("minor", "any"), minor.len() as u64, &witness);
    let all: Vec<usize> = (0..seen.len()).collect();
    session.order(file.path(), OrderKind::Access, &all)?;
    session.order(file.path(), OrderKind::Major, &major)?;
    session.order(file.path(), OrderKind::Minor, &minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_orders_repeat_and_hold_each_page_once() {
        let order = random_order(1000, 250, 1);
        assert_eq!(order, random_order(1000, 250, 1));
        assert_ne!(order, random_order(1000, 250, 2));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 250);
        assert!(sorted.iter().all(|&page| page < 1000));
        assert!(!order.is_sorted());
    }
}
