//! Taking memory until the kernel has no more to give.

use anyhow::bail;
use pftestkit::{Exactness, Expectation, Phase};

use crate::cli::Args;
use crate::session::{FIRST_TOUCH, Session, expectation};
use crate::sys::mapping::{Backing, Mapping, page_size};

/// Writes one page after another until the OOM killer ends the process. That is for a control group with
/// a limit: `--max-mib` bounds what is taken in case that there is none. How many faults there will be
/// is for the kernel to say; the range is told before.
pub fn victim(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let pages = (args.max_mib as usize) * ((1 << 20) / page_size());
    let mapping = Mapping::new(pages, Backing::Anonymous)?;
    let kind = FIRST_TOUCH;
    let faults = expectation(session.pid(), Phase::Run, &mapping.range(), kind, pages as u64);
    session.push(Expectation { exact: Exactness::AtMost, ..faults });
    session.print()?;
    session.ready()?;
    (0..pages).for_each(|page| mapping.write(page));
    bail!("{} MiB were taken, and nothing happened: is there a limit?", args.max_mib)
}
