//! Mappings of a file that is in the page cache.
//!
//! A read fault also maps cached neighbours, up to the 64 KiB (the kernel's default) window around it.
//! Modes that read therefore touch one page in each window.

use std::fs::File;

use crate::cli::Args;
use crate::session::{FILE_CACHED, Kind, Session, measure};
use crate::sys::counters::Who;
use crate::sys::mapping::{Backing, Mapping, page_size};
use crate::workfile::WorkFile;

const FAULT_AROUND_BYTES: usize = 64 << 10;

/// Pages of a fault-around window.
pub fn window_pages() -> usize {
    (FAULT_AROUND_BYTES / page_size()).max(1)
}

pub fn cached(args: &Args, session: Session) -> anyhow::Result<()> {
    read_then_write(args, session, |file| Backing::ReadOnlyFile(file), None)
}

pub fn private_cow(args: &Args, session: Session) -> anyhow::Result<()> {
    let kind = ("cow", "cow-file");
    read_then_write(args, session, |file| Backing::PrivateFile(file), Some(kind))
}

pub fn shared_write(args: &Args, session: Session) -> anyhow::Result<()> {
    let kind = ("minor", "write-notify");
    read_then_write(args, session, |file| Backing::SharedFile(file), Some(kind))
}

/// Reads one page of each window; then, if writing makes faults of some kind, writes the same pages.
fn read_then_write(
    args: &Args,
    mut session: Session,
    backing: impl Fn(&File) -> Backing<'_>,
    write_kind: Option<Kind>,
) -> anyhow::Result<()> {
    let (pages, window) = (args.pages_or(64), window_pages());
    let mut file = WorkFile::new(args, pages * window)?;
    let mapping = Mapping::new(pages * window, backing(file.file()))?;
    file.make_warm()?;
    session.ready()?;
    let ((), measured) = measure(Who::Process, || {
        (0..pages).for_each(|page| mapping.read(page * window));
        if write_kind.is_some() {
            (0..pages).for_each(|page| mapping.write(page * window));
        }
    });
    session.expect(&mapping.range(), FILE_CACHED, pages);
    if let Some(kind) = write_kind {
        session.expect(&mapping.range(), kind, pages);
    }
    session.usage(session.pid(), measured);
    session.finish()
}

/// The first access of each page is a write: the kernel copies the page and maps no neighbours.
pub fn private_write(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let pages = args.pages_or(256);
    let mut file = WorkFile::new(args, pages)?;
    let mapping = Mapping::new(pages, Backing::PrivateFile(file.file()))?;
    file.make_warm()?;
    session.ready()?;
    let ((), measured) = measure(Who::Process, || (0..pages).for_each(|page| mapping.write(page)));
    session.expect(&mapping.range(), ("minor", "file-private-write"), pages);
    session.usage(session.pid(), measured);
    session.finish()
}
