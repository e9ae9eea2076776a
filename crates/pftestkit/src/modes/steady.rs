//! Faults at full speed, as many as another process wants and when it wants them.

use std::fs::OpenOptions;
use std::time::Duration;

use anyhow::Context;

use crate::cli::Args;
use crate::session::{FIRST_TOUCH, REFAULT, Session, measure};
use crate::sys::board::{Board, Slot};
use crate::sys::counters::Who;
use crate::sys::mapping::{Backing, Mapping};

/// Pages of the range: a prime, so that no round number of faults that are missing leads back to the
/// page that is expected next.
const PAGES: usize = 200_003;

/// Pages that are touched before they are dropped together.
const RUN: usize = 256;

/// How often to look whether there is something to do.
const PAUSE: Duration = Duration::from_micros(500);

/// Touches the pages of a range in their order, over and over: as many in all as the board says, until it
/// says that this is the end.
pub fn steady(args: &Args, mut session: Session) -> anyhow::Result<()> {
    let path = args.board.as_deref().context("a board is needed: --board PATH")?;
    let file = OpenOptions::new().read(true).write(true).open(path);
    let board = Board::of(&file.with_context(|| format!("opening {}", path.display()))?)?;
    let mapping = Mapping::new(args.pages_or(PAGES), Backing::Anonymous)?;
    session.ready()?;
    let (done, measured) = measure(Who::Process, || -> std::io::Result<usize> {
        let (mut done, mut first) = (0, 0);
        loop {
            let wanted = board.value(Slot::Wanted);
            if done as u64 >= wanted {
                if board.value(Slot::Over) != 0 {
                    return Ok(done);
                }
                board.set(Slot::Resting, wanted);
                std::thread::sleep(PAUSE);
                continue;
            }
            let page = done % mapping.pages();
            mapping.write(page);
            done += 1;
            board.set(Slot::Done, done as u64);
            if page + 1 - first == RUN || page + 1 == mapping.pages() {
                mapping.drop_pages(first..page + 1)?;
                first = (page + 1) % mapping.pages();
            }
        }
    });
    let done = done?;
    let first = done.min(mapping.pages());
    session.expect(&mapping.range(), FIRST_TOUCH, first);
    session.expect(&mapping.range(), REFAULT, done - first);
    session.usage(session.pid(), measured);
    session.finish()
}
