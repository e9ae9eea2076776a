//! Anonymous memory, private and shared.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::cli::Args;
use crate::pages::anon_huge_bytes;
use crate::session::{FIRST_TOUCH, REFAULT, Session, Skip, measure};
use crate::sys::counters::Who;
use crate::sys::mapping::{Advice, Backing, Mapping, memfd, page_size};

/// How often to touch: a number of rounds, and more of them until a moment.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    at_least: u64,
    seconds: Option<f64>,
}

impl Rounds {
    /// As the arguments want it.
    pub fn of(args: &Args) -> Self {
        Self { at_least: args.rounds.into(), seconds: args.seconds }
    }

    /// Writes every page, and again after dropping them all. Returns the number of rounds.
    pub fn touch(self, mapping: &Mapping) -> io::Result<u64> {
        let write_all = || (0..mapping.pages()).for_each(|page| mapping.write(page));
        self.repeat(write_all, || mapping.advise(Advice::DontNeed))
    }

    /// Calls `touch`, and again after `forget`. Returns the number of rounds.
    pub fn repeat(
        self,
        mut touch: impl FnMut(),
        mut forget: impl FnMut() -> io::Result<()>,
    ) -> io::Result<u64> {
        let duration = Duration::try_from_secs_f64(self.seconds.unwrap_or(0.0)).unwrap_or_default();
        let until = Instant::now() + duration;
        let mut done = 0;
        loop {
            touch();
            done += 1;
            if done >= self.at_least && Instant::now() >= until {
                return Ok(done);
            }
            forget()?;
        }
    }
}

pub fn anon(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let mapping = Mapping::new(args.pages_or(256), Backing::Anonymous)?;
    session.ready()?;
    let (rounds, measured) = measure(Who::Process, || Rounds::of(args).touch(&mapping));
    expect_rounds(&mut session, &mapping, mapping.pages(), rounds?);
    session.usage(session.pid(), measured);
    session.finish()
}

/// The expectations of a mapping of which `pages` pages were touched in rounds.
pub fn expect_rounds(session: &mut Session, mapping: &Mapping, pages: usize, rounds: u64) {
    session.expect(&mapping.range(), FIRST_TOUCH, pages);
    if rounds > 1 {
        let again = usize::try_from(rounds - 1).unwrap_or(usize::MAX);
        session.expect(&mapping.range(), REFAULT, pages.saturating_mul(again));
    }
}

pub fn kernel_anon(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let mapping = Mapping::new(args.pages_or(256), Backing::Anonymous)?;
    let zeros = File::open("/dev/zero")?;
    session.ready()?;
    let (result, measured) = measure(Who::Process, || {
        (0..mapping.pages())
            .try_for_each(|page| mapping.read_from(zeros.as_raw_fd(), page).map(drop))
    });
    result.context("reading /dev/zero")?;
    session.expect(&mapping.range(), FIRST_TOUCH, mapping.pages());
    session.usage(session.pid(), measured);
    session.finish()
}

pub fn zero(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let mapping = Mapping::new(args.pages_or(256), Backing::Anonymous)?;
    session.ready()?;
    let ((), measured) = measure(Who::Process, || {
        (0..mapping.pages()).for_each(|page| mapping.read(page));
        (0..mapping.pages()).for_each(|page| mapping.write(page));
    });
    session.expect(&mapping.range(), ("minor", "zero-page"), mapping.pages());
    session.expect(&mapping.range(), ("cow", "cow-zero"), mapping.pages());
    session.usage(session.pid(), measured);
    session.finish()
}

pub fn shmem(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let pages = args.pages_or(256);
    let file = memfd((pages * page_size()) as u64)?;
    let mappings = [
        Mapping::new(pages, Backing::SharedAnonymous)?,
        Mapping::new(pages, Backing::SharedFile(&file))?,
    ];
    session.ready()?;
    let ((), measured) = measure(Who::Process, || {
        for mapping in &mappings {
            (0..pages).for_each(|page| mapping.write(page));
        }
    });
    for mapping in &mappings {
        session.expect(&mapping.range(), ("minor", "shmem"), pages);
    }
    session.usage(session.pid(), measured);
    session.finish()
}

/// Touches one page of each huge page, so that there is one fault each, whether or not the kernel has
/// a huge page to give; the witness tells how often it had.
pub fn huge(args: &Args, mut session: Session) -> anyhow::Result<()> {
    const CONTROL: &str = "/sys/kernel/mm/transparent_hugepage";
    let Ok(enabled) = fs::read_to_string(format!("{CONTROL}/enabled")) else {
        return Err(Skip("no transparent huge pages in this kernel".to_owned()).into());
    };
    if enabled.contains("[never]") {
        return Err(Skip(format!("{CONTROL}/enabled is `never`")).into());
    }
    let huge_bytes: usize =
        fs::read_to_string(format!("{CONTROL}/hpage_pmd_size"))?.trim().parse()?;
    let stride = huge_bytes / page_size();
    let huge_pages = args.pages_or(8);
    let mapping = Mapping::new(huge_pages * stride, Backing::Anonymous)?;
    mapping.advise(Advice::HugePage)?;
    session.ready()?;
    let ((), measured) = measure(Who::Process, || {
        (0..huge_pages).for_each(|huge| mapping.write(huge * stride));
    });
    let range = mapping.range();
    let bytes = anon_huge_bytes(range.start)?;
    let huge = bytes / huge_bytes as u64;
    let witness = [("anon_huge_bytes", bytes)];
    session.expect_witness(&range, ("minor", "huge-page"), huge, &witness);
    session.expect_witness(&range, FIRST_TOUCH, huge_pages as u64 - huge, &witness);
    session.usage(session.pid(), measured);
    session.finish()
}
