//! Accesses that fail.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;

use anyhow::{Context, ensure};
use pftestkit::Phase;

use crate::cli::Args;
use crate::session::{INVALID, Kind, Session, expectation, measure};
use crate::sys::counters::Who;
use crate::sys::mapping::{Backing, Mapping};
use crate::sys::process::{die_on_invalid_access, fork};
use crate::workfile::WorkFile;

/// One child for each access, because each dies of it.
pub fn invalid(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let pages = args.pages_or(4);
    let file = WorkFile::new(args, 1)?;
    let hole = Mapping::new(pages, Backing::Anonymous)?;
    let read_only = Mapping::new(pages, Backing::ReadOnly)?;
    let behind_end = Mapping::new(pages + 1, Backing::SharedFile(file.file()))?;
    session.ready()?;
    hole.punch_hole()?;
    for page in 0..pages {
        die(&mut session, &hole, libc::SIGSEGV, &[INVALID], || hole.read(page))?;
        die(&mut session, &read_only, libc::SIGSEGV, &[("minor", "zero-page"), INVALID], || {
            read_only.read(page);
            read_only.write(page);
        })?;
        die(&mut session, &behind_end, libc::SIGBUS, &[INVALID], || behind_end.read(page + 1))?;
    }
    session.finish()
}

/// Runs `access` in a child that must die of `signal`, and expects one fault of each kind.
fn die(
    session: &mut Session,
    mapping: &Mapping,
    signal: i32,
    kinds: &[Kind],
    access: impl FnOnce(),
) -> anyhow::Result<()> {
    let pid = die_of(signal, access)?;
    for kind in kinds {
        session.push(expectation(pid, Phase::Run, &mapping.range(), *kind, 1));
    }
    Ok(())
}

/// Runs `access` in a child that must die of `signal`; returns the child's process id.
pub fn die_of(signal: i32, access: impl FnOnce()) -> anyhow::Result<u32> {
    let child = fork(|| {
        if die_on_invalid_access().is_ok() {
            access();
        }
        0
    })
    .context("fork")?;
    let pid = child.pid;
    let status = child.wait()?;
    ensure!(status.signal() == Some(signal), "child {pid} should die of signal {signal}: {status}");
    Ok(pid)
}

pub fn efault(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let mapping = Mapping::new(args.pages_or(256), Backing::Inaccessible)?;
    let zeros = File::open("/dev/zero")?;
    session.ready()?;
    let (refused, measured) = measure(Who::Process, || {
        let refused = |page: &usize| {
            let result = mapping.read_from(zeros.as_raw_fd(), *page);
            result.is_err_and(|error| error.raw_os_error() == Some(libc::EFAULT))
        };
        (0..mapping.pages()).filter(refused).count()
    });
    ensure!(refused == mapping.pages(), "{refused} of {} reads failed", mapping.pages());
    session.expect(&mapping.range(), ("failed", "efault"), refused);
    session.usage(session.pid(), measured);
    session.finish()
}
