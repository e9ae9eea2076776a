//! Several processes, and one that executes another program.

use std::io::{Read, Write, pipe};
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, ensure};
use pftestkit::Phase;

use crate::cli::Args;
use crate::session::{COW_ANON, FIRST_TOUCH, Measured, Session, expectation, measure, warm_up};
use crate::sys::counters::{Counts, Who};
use crate::sys::mapping::{Backing, Mapping, next_address};
use crate::sys::process::{Child, fork};

pub fn cow(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let mapping = Mapping::new(args.pages_or(256), Backing::Anonymous)?;
    write_all(&mapping);
    session.expect_setup(&mapping.range(), FIRST_TOUCH, mapping.pages());
    session.ready()?;
    let copies = write_after_fork(&mapping)?;
    copies.tell(&mut session, &mapping, Measured::default());
    session.finish()
}

/// What [`write_after_fork`] measured.
#[derive(Debug)]
pub struct Copies {
    child: (u32, Measured),
    parent: Measured,
}

impl Copies {
    /// Tells what parent and child did; the parent cost `besides` elsewhere.
    pub fn tell(&self, session: &mut Session, mapping: &Mapping, besides: Measured) {
        let (pid, pages) = (self.child.0, mapping.pages());
        session.push(expectation(pid, Phase::Run, &mapping.range(), COW_ANON, pages as u64));
        session.expect(&mapping.range(), COW_ANON, pages);
        session.usage(pid, self.child.1);
        session.usage(session.pid(), self.parent.and(besides));
    }
}

/// Writes every page in a new child, then in the parent while the child lives. The child copies the
/// pages, the parent gets its own back without a copy; both fault on each page, because the fork took
/// away the right to write.
pub fn write_after_fork(mapping: &Mapping) -> anyhow::Result<Copies> {
    let (mut results, mut child_results) = pipe()?;
    let (mut child_leave, mut leave) = pipe()?;
    let child = fork(move || {
        let written = warm_up().and_then(|()| {
            let ((), measured) = measure(Who::Process, || write_all(mapping));
            child_results.write_all(&to_bytes(measured))?;
            child_leave.read_exact(&mut [0])
        });
        i32::from(written.is_err())
    })
    .context("fork")?;
    let pid = child.pid;
    let mut bytes = [0; 24];
    results.read_exact(&mut bytes).context("the child failed")?;
    warm_up()?;
    let ((), parent) = measure(Who::Process, || write_all(mapping));
    leave.write_all(&[0])?;
    succeeded(child)?;
    Ok(Copies { child: (pid, from_bytes(bytes)), parent })
}

fn write_all(mapping: &Mapping) {
    (0..mapping.pages()).for_each(|page| mapping.write(page));
}

/// Waits for a child, which must exit with 0.
pub fn succeeded(child: Child) -> anyhow::Result<()> {
    let pid = child.pid;
    let status = child.wait()?;
    ensure!(status.success(), "child {pid}: {status}");
    Ok(())
}

fn to_bytes(measured: Measured) -> [u8; 24] {
    let mut bytes = [0; 24];
    let values = [measured.counts.minflt, measured.counts.majflt, measured.wall_ns];
    for (to, value) in bytes.chunks_exact_mut(8).zip(values) {
        to.copy_from_slice(&value.to_ne_bytes());
    }
    bytes
}

fn from_bytes(bytes: [u8; 24]) -> Measured {
    let (values, _) = bytes.as_chunks::<8>();
    let mut values = values.iter().map(|value| u64::from_ne_bytes(*value));
    let mut next = || values.next().unwrap_or_default();
    Measured { counts: Counts { minflt: next(), majflt: next() }, wall_ns: next() }
}

/// Children that live for one mapping's worth of touches, a few of them at a time.
pub fn fork_storm(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let mapping = Mapping::new(args.pages_or(64), Backing::Anonymous)?;
    session.ready()?;
    let mut children = std::collections::VecDeque::new();
    let mut pids = Vec::new();
    for _ in 0..args.count_or(50) {
        if children.len() >= args.threads as usize
            && let Some(oldest) = children.pop_front()
        {
            succeeded(oldest)?;
        }
        let child = fork(|| {
            write_all(&mapping);
            0
        })
        .context("fork")?;
        pids.push(child.pid);
        children.push_back(child);
    }
    children.into_iter().try_for_each(succeeded)?;
    for pid in pids {
        let count = mapping.pages() as u64;
        session.push(expectation(pid, Phase::Run, &mapping.range(), FIRST_TOUCH, count));
    }
    session.finish()
}

/// Touches, then becomes mode `anon`, which touches as many pages in its new address space.
pub fn exec(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let pages = args.pages_or(256);
    let mapping = Mapping::new(pages, Backing::Anonymous)?;
    session.ready()?;
    let ((), measured) = measure(Who::Process, || write_all(&mapping));
    session.expect(&mapping.range(), FIRST_TOUCH, pages);
    session.usage(session.pid(), measured);
    session.print()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["anon", "--pages", &pages.to_string()]);
    command.args(["--begin-at", &next_address().to_string()]);
    if session.holds() {
        command.arg("--hold");
    }
    Err(command.exec()).context("exec")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_cross_the_pipe() {
        let counts = Counts { minflt: 1, majflt: u64::MAX };
        let back = from_bytes(to_bytes(Measured { counts, wall_ns: 3 }));
        assert_eq!((back.counts, back.wall_ns), (counts, 3));
    }
}
