//! Reading pages back from swap.

use std::io;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Context;
use pftestkit::{Exactness, Expectation, Phase};

use crate::cli::{Args, Swappable};
use crate::pages::Pagemap;
use crate::session::{FIRST_TOUCH, Measured, Session, Skip, expectation, measure, warm_up};
use crate::sys::counters::{Counts, Who};
use crate::sys::mapping::{Advice, Backing, Mapping, page_size};
use crate::sys::process::on_each_cpu;
use crate::sys::special::lock_all;
use crate::sys::swap::SwapFile;
use crate::workfile::WorkFile;

/// One page in so many is read back: farther apart than the kernel reads ahead from swap
/// (`vm.page-cluster`, 8 pages by default, on either side).
const STRIDE: usize = 16;

/// Swap for so many times the memory: pages that are read back lose their place in swap, and become
/// dirty again, when half of it or more is taken.
const SWAP_RATIO: usize = 4;

pub fn swap_in(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let read_pages = args.pages_or(256);
    let mapping = Mapping::new(read_pages * STRIDE, Backing::Anonymous)?;
    let swap_pages = u32::try_from(mapping.pages() * SWAP_RATIO)?;
    let made = (!args.swap_there).then(|| SwapFile::new(&args.dir, swap_pages));
    let _swap = made.transpose().map_err(skip)?;
    (0..mapping.pages()).for_each(|page| mapping.write(page));
    session.expect_setup(&mapping.range(), FIRST_TOUCH, mapping.pages());
    let on_the_way = swap_out(&mapping)?;
    for (class, count) in [("minor", on_the_way.minflt), ("major", on_the_way.majflt)] {
        let faults =
            expectation(session.pid(), Phase::Setup, &mapping.range(), (class, "any"), count);
        session.push(Expectation { exact: Exactness::Witness, ..faults });
    }
    session.ready()?;
    let swapped = swapped_pages(&mapping).context("reading /proc/self/pagemap")?;
    let cached = mapping.resident()?.into_iter().step_by(STRIDE).filter(|cached| *cached).count();
    let ((), measured) = measure(Who::Process, || {
        (0..read_pages).for_each(|page| mapping.read(page * STRIDE));
    });
    let Counts { minflt, majflt } = measured.counts;
    let witness = [("swapped_pages", swapped), ("swap_cached_pages", cached as u64)];
    session.expect_witness(&mapping.range(), ("major", "swap-in"), majflt, &witness);
    session.expect_witness(&mapping.range(), ("minor", "any"), minflt, &witness);
    session.usage(session.pid(), measured);
    session.finish()
}

/// Writes each page once, then reads each once. Where there is less room in memory than that, the kernel
/// swaps as it likes: the counters are the witness, and the page table before each access.
pub fn limit(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let pages = args.pages_or(6144);
    // What the program itself is made of should not fault in the midst of it.
    lock_all().map_err(|error| Skip(format!("cannot lock memory: {error}")))?;
    let file = match args.backing {
        Swappable::PrivateFile => Some(WorkFile::new(args, pages)?),
        Swappable::Anonymous | Swappable::Shared => None,
    };
    let backing = match (&file, args.backing) {
        (Some(file), _) => Backing::PrivateFile(file.file()),
        (None, Swappable::Shared) => Backing::SharedAnonymous,
        (None, _) => Backing::Anonymous,
    };
    // The first write, the page from swap, and one that read-ahead had brought back.
    let (first, back, cached) = match args.backing {
        Swappable::Anonymous => ("anon-first-touch", "swap-in", "anon-unknown"),
        Swappable::Shared => ("shmem", "shmem", "shmem"),
        Swappable::PrivateFile => ("file-private-write", "swap-in", "unknown"),
    };
    let mapping = Mapping::new(pages, backing)?;
    let pagemap = Pagemap::open().context("opening /proc/self/pagemap")?;
    let start = mapping.range().start;
    warm_up()?;
    let mut written = Accesses::default();
    (0..pages).for_each(|page| written.add(measure(Who::Thread, || mapping.write(page)).1));
    for (class, count) in [("minor", written.faults.minflt), ("major", written.faults.majflt)] {
        let kind = (class, first);
        let faults = expectation(session.pid(), Phase::Setup, &mapping.range(), kind, count);
        let witness = vec![("other_faults".to_owned(), written.others())];
        session.push(Expectation { exact: Exactness::Witness, witness, ..faults });
    }
    session.ready()?;
    let (mut swapped, mut read) = (0, Accesses::default());
    for page in 0..pages {
        let was_swapped = pagemap.is_swapped(start + (page * page_size()) as u64)?;
        let ((), one) = measure(Who::Thread, || mapping.read(page));
        swapped += u64::from(was_swapped && one.counts.majflt > 0);
        read.add(one);
    }
    let witness = [("swapped_pages", swapped), ("other_faults", read.others())];
    session.expect_witness(&mapping.range(), ("major", back), read.faults.majflt, &witness);
    session.expect_witness(&mapping.range(), ("minor", cached), read.faults.minflt, &witness);
    session.usage(session.pid(), read.all);
    session.finish()
}

/// Single accesses, each of which makes one fault at most.
#[derive(Debug, Default)]
struct Accesses {
    faults: Counts,
    all: Measured,
}

impl Accesses {
    fn add(&mut self, one: Measured) {
        let Counts { minflt, majflt } = one.counts;
        let major = majflt > 0;
        let minor = minflt > 0 && !major;
        let fault = Counts { minflt: u64::from(minor), majflt: u64::from(major) };
        self.faults = self.faults + fault;
        self.all = self.all.then(one);
    }

    /// Faults on the program's own code, which is taken from memory as well. They make it uncertain of
    /// which class the others were.
    fn others(&self) -> u64 {
        let Counts { minflt, majflt } = self.all.counts - self.faults;
        minflt + majflt
    }
}

/// Gives the machine swap space until the end.
pub fn space(args: &Args, session: Session) -> anyhow::Result<()> {
    let _swap = SwapFile::new(&args.dir, u32::try_from(args.pages_or(16_384))?).map_err(skip)?;
    session.ready()?;
    session.finish()
}

fn skip(error: io::Error) -> anyhow::Error {
    Skip(format!("cannot use a swap file: {error}")).into()
}

/// Pages the mapping out until none of it is left in memory, and tells which faults that took.
///
/// The kernel writes the pages but keeps them in the swap cache until it needs the memory. Once they
/// are read back they are clean, and paging them out again drops them, except pages that wait in a list
/// of some CPU: the advice, on whatever memory, first empties the lists of the CPU on which it is given.
fn swap_out(mapping: &Mapping) -> anyhow::Result<Counts> {
    warm_up()?;
    let unrelated = Mapping::new(1, Backing::Anonymous)?;
    let mut counts = Counts::default();
    for _ in 0..20 {
        on_each_cpu(|| unrelated.advise(Advice::PageOut))?;
        mapping.advise(Advice::PageOut)?;
        let resident = mapping.resident()?;
        if !resident.contains(&true) {
            return Ok(counts);
        }
        sleep(Duration::from_millis(50)); // until the pages are written
        let ((), measured) = measure(Who::Process, || {
            let resident = resident.iter().enumerate().filter(|(_, resident)| **resident);
            resident.for_each(|(page, _)| mapping.read(page));
        });
        counts = counts + measured.counts;
    }
    Err(Skip("the kernel keeps pages in memory in spite of MADV_PAGEOUT".to_owned()).into())
}

/// How many of the pages to be read are in swap.
fn swapped_pages(mapping: &Mapping) -> io::Result<u64> {
    let pagemap = Pagemap::open()?;
    let mut swapped = 0;
    for page in (0..mapping.pages()).step_by(STRIDE) {
        let address = mapping.range().start + (page * page_size()) as u64;
        swapped += u64::from(pagemap.is_swapped(address)?);
    }
    Ok(swapped)
}
