//! Mappings that replace each other, move, are dropped, or are many.

use std::ops::Range;
use std::{fs, io};

use anyhow::{Context, ensure};

use crate::cli::Args;
use crate::modes::anonymous::{Rounds, expect_rounds};
use crate::modes::file::window_pages;
use crate::pages::vmas;
use crate::session::{FILE_CACHED, FIRST_TOUCH, Measured, REFAULT, Session, Skip, measure};
use crate::sys::counters::Who;
use crate::sys::mapping::{Backing, Mapping, page_size};
use crate::workfile::WorkFile;

/// Mappings that the process may need besides those of `many-mappings`.
const SPARE_MAPPINGS: usize = 500;

/// Four mappings, one after another at the same addresses: a file, another file, anonymous memory, and
/// the first file from its second window on, which is moved there from elsewhere.
pub fn reuse(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let (windows, window) = (args.pages_or(8), window_pages());
    let pages = windows * window;
    let mut first = WorkFile::new(args, pages + window)?;
    let mut second = WorkFile::with_suffix(args, pages, ".second")?;
    let shared = Mapping::new(pages, Backing::ReadOnlyFile(first.file()))?;
    let range = shared.range();
    first.make_warm()?;
    second.make_warm()?;
    session.ready()?;

    let mut sum = Measured::default();
    let mut read = |mapping: &Mapping| {
        let ((), measured) = measure(Who::Process, || {
            (0..windows).for_each(|at| mapping.read(at * window));
        });
        sum = sum.then(measured);
    };
    read(&shared);
    shared.replace(Backing::ReadOnlyFile(second.file()))?;
    read(&shared);
    shared.replace(Backing::Anonymous)?;
    let ((), written) = measure(Who::Process, || {
        (0..windows).for_each(|at| shared.write(at * window));
    });
    shared.punch_hole()?;
    let from = (window * page_size()) as u64;
    let elsewhere = Mapping::new(pages, Backing::ReadOnlyFileFrom(first.file(), from))?;
    let moved = elsewhere.move_to(shared)?;
    read(&moved);

    session.expect(&range, FILE_CACHED, windows * 3);
    session.expect(&range, FIRST_TOUCH, windows);
    session.turn(&range, Some((first.path(), 0)), windows);
    session.turn(&range, Some((second.path(), 0)), windows);
    session.turn(&range, None, windows);
    session.turn(&range, Some((first.path(), window)), windows);
    session.usage(session.pid(), sum.then(written));
    session.finish()
}

/// Anonymous memory and a file's mapping are touched, moved and grown to twice their size, and touched
/// again: pages keep their place in the page table, only the new ones fault.
pub fn mremap(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let (pages, window) = (args.pages_or(32), window_pages());
    let mut file = WorkFile::new(args, pages * window * 2)?;
    let anonymous = Mapping::new(pages, Backing::Anonymous)?;
    let of_file = Mapping::new(pages * window, Backing::ReadOnlyFile(file.file()))?;
    let places =
        [pages * 2, pages * window * 2].map(|len| Mapping::new(len, Backing::Inaccessible));
    let [new_anonymous, new_of_file] = places;
    let (new_anonymous, new_of_file) = (new_anonymous?, new_of_file?);
    file.make_warm()?;
    session.ready()?;

    let ranges = [anonymous.range(), of_file.range()];
    let ((), before) = measure(Who::Process, || {
        (0..pages).for_each(|page| anonymous.write(page));
        (0..pages).for_each(|page| of_file.read(page * window));
    });
    let anonymous = anonymous.move_to(new_anonymous)?;
    let of_file = of_file.move_to(new_of_file)?;
    let ((), after) = measure(Who::Process, || {
        (0..pages * 2).for_each(|page| anonymous.write(page));
        (0..pages * 2).for_each(|page| of_file.read(page * window));
    });

    let mut tell = |anonymous: &Range<u64>, of_file: &Range<u64>| {
        session.expect(anonymous, FIRST_TOUCH, pages);
        session.turn(anonymous, None, pages);
        session.expect(of_file, FILE_CACHED, pages);
        session.turn(of_file, Some((file.path(), 0)), pages);
    };
    tell(&ranges[0], &ranges[1]);
    tell(&anonymous.range(), &of_file.range());
    session.usage(session.pid(), before.then(after));
    session.finish()
}

/// The middle half of some anonymous memory and of a file's mapping is dropped and faults once more.
pub fn dontneed(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let (pages, window) = (args.pages_or(64), window_pages());
    let middle = pages / 4..pages - pages / 4;
    let mut file = WorkFile::new(args, pages * window)?;
    let anonymous = Mapping::new(pages, Backing::Anonymous)?;
    let of_file = Mapping::new(pages * window, Backing::ReadOnlyFile(file.file()))?;
    file.make_warm()?;
    session.ready()?;
    let (dropped, measured) = measure(Who::Process, || {
        let touch = || {
            (0..pages).for_each(|page| anonymous.write(page));
            (0..pages).for_each(|page| of_file.read(page * window));
        };
        touch();
        anonymous.drop_pages(middle.clone())?;
        of_file.drop_pages(middle.start * window..middle.end * window)?;
        touch();
        io::Result::Ok(())
    });
    dropped.context("dropping pages")?;
    session.expect(&anonymous.range(), FIRST_TOUCH, pages);
    session.expect(&anonymous.range(), REFAULT, middle.len());
    session.expect(&of_file.range(), FILE_CACHED, pages + middle.len());
    session.usage(session.pid(), measured);
    session.finish()
}

/// Single pages with holes between them, each a mapping of its own; some are touched, spread over all.
/// Only the touching is measured, so that its duration tells what a fault costs in such a process.
pub fn many(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let mappings = args.count_or(60_000);
    let touched = args.pages_or(mappings.min(20_000));
    ensure!(touched <= mappings, "{touched} pages of {mappings} mappings");
    room_for(mappings)?;
    let mapping = Mapping::new(mappings * 2 - 1, Backing::Inaccessible)?;
    mapping.scatter()?;
    session.ready()?;
    let page = |index: usize| index * mappings / touched * 2;
    let mut sum = Measured::default();
    let rounds = Rounds::of(args).repeat(
        || {
            let ((), measured) = measure(Who::Process, || {
                (0..touched).for_each(|index| mapping.write(page(index)));
            });
            sum = sum.then(measured);
        },
        || (0..touched).try_for_each(|index| mapping.drop_pages(page(index)..page(index) + 1)),
    );
    expect_rounds(&mut session, &mapping, touched, rounds.context("dropping pages")?);
    session.usage(session.pid(), sum);
    session.finish()
}

/// Whether the kernel lets this process have so many more mappings.
fn room_for(mappings: usize) -> anyhow::Result<()> {
    const LIMIT: &str = "/proc/sys/vm/max_map_count";
    let limit: usize = fs::read_to_string(LIMIT).context(LIMIT)?.trim().parse().context(LIMIT)?;
    let needed = mappings + vmas()?.len() + SPARE_MAPPINGS;
    if needed <= limit {
        return Ok(());
    }
    Err(Skip(format!("{LIMIT} is {limit}, {mappings} mappings need {needed}")).into())
}
