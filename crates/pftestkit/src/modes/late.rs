//! Writes to pages whose history is older than `ready`.

use crate::cli::Args;
use crate::modes::file::window_pages;
use crate::modes::processes::write_after_fork;
use crate::session::{FILE_CACHED, Session, measure};
use crate::sys::counters::Who;
use crate::sys::mapping::{Backing, Mapping};
use crate::workfile::WorkFile;

/// Before `ready`, anonymous memory is read, one file is read in a private mapping, and another one is
/// written. After it the first two are written; a child and then the parent write their copies of the
/// third.
pub fn late_cow(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let (pages, window) = (args.pages_or(32), window_pages());
    let mut read_file = WorkFile::new(args, pages * window)?;
    let mut written_file = WorkFile::with_suffix(args, pages, ".written")?;
    let zero = Mapping::new(pages, Backing::Anonymous)?;
    let read = Mapping::new(pages * window, Backing::PrivateFile(read_file.file()))?;
    let written = Mapping::new(pages, Backing::PrivateFile(written_file.file()))?;
    read_file.make_warm()?;
    written_file.make_warm()?;
    for page in 0..pages {
        zero.read(page);
        read.read(page * window);
        written.write(page);
    }
    session.expect_setup(&zero.range(), ("minor", "zero-page"), pages);
    session.expect_setup(&read.range(), FILE_CACHED, pages);
    session.expect_setup(&written.range(), ("minor", "file-private-write"), pages);
    session.ready()?;
    let ((), measured) = measure(Who::Process, || {
        (0..pages).for_each(|page| zero.write(page));
        (0..pages).for_each(|page| read.write(page * window));
    });
    session.expect(&zero.range(), ("cow", "cow-zero"), pages);
    session.expect(&read.range(), ("cow", "cow-file"), pages);
    let copies = write_after_fork(&written)?;
    copies.tell(&mut session, &written, measured);
    session.finish()
}
