//! The main thread's stack.

use anyhow::{Context, ensure};
use pftestkit::Phase;

use crate::cli::Args;
use crate::modes::failed::die_of;
use crate::session::{Session, expectation, measure};
use crate::sys::counters::Who;
use crate::sys::mapping::page_size;
use crate::sys::process::{limit_stack, stack_limit};
use crate::sys::stack::MainStack;

/// The kernel extends a stack exactly to the page that faults: one extension for each page.
pub fn growth(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let pages = args.pages_or(64);
    session.ready()?;
    let stack = MainStack::find()?;
    let bytes = (pages * page_size()) as u64;
    let limit = stack_limit();
    ensure!(
        stack.len_bytes() + bytes <= limit,
        "{pages} pages exceed the stack limit of {limit} bytes"
    );
    let below = stack.below(pages)?;
    let ((), measured) = measure(Who::Process, || below.write());
    session.expect(&below.range(), ("minor", "stack-growth"), pages);
    session.usage(session.pid(), measured);
    session.finish()
}

/// A child whose stack may not grow touches the page below it.
pub fn overflow(_args: &Args, mut session: Session) -> anyhow::Result<()> {
    session.ready()?;
    let stack = MainStack::find()?;
    let below = stack.below(1)?;
    let pid = die_of(libc::SIGSEGV, || {
        if limit_stack(stack.len_bytes()).is_ok() {
            below.write();
        }
    })
    .context("overflowing the stack")?;
    let kind = ("failed", "stack-overflow");
    session.push(expectation(pid, Phase::Run, &below.range(), kind, 1));
    session.finish()
}
