//! Code made at run time.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::cli::Args;
use crate::modes::file::window_pages;
use crate::session::{FIRST_TOUCH, Session, Skip, measure};
use crate::sys::code::{Code, SharedCode};
use crate::sys::counters::Who;
use crate::sys::mapping::{Backing, Mapping, page_size};

/// Writes functions into memory that may be executed, and runs them: one of them touches other memory. They
/// are described in `/tmp/perf-PID.map`, which stays. Other functions are written into shared memory
/// and run in another mapping of it, so that running them is what faults.
pub fn jit(args: &Args, mut session: Session) -> anyhow::Result<()> {
    if !cfg!(target_arch = "x86_64") || page_size() != 4096 {
        return Err(Skip("the code is for x86-64".to_owned()).into());
    }
    let (pages, window) = (args.pages_or(24), window_pages());
    let shared = SharedCode::new(pages, window)?;
    let code = Code::new(pages)?;
    let touched = Mapping::new(pages, Backing::Anonymous)?;
    let (range, bytes) = (code.mapping().range(), Code::WRITER_BYTES);
    let map = format!("/tmp/perf-{}.map", session.pid());
    fs::write(&map, format!("{:x} {bytes:x} jit_write_pages\n", range.start)).context(map)?;
    session.ready()?;
    let ((), measured) = measure(Who::Process, || {
        code.write();
        code.touch(&touched);
        shared.run();
    });
    let run = shared.mapping().range();
    session.expect(&range, FIRST_TOUCH, pages);
    session.place(&range, "anon", "[jit]", Path::new(""));
    session.expect(&touched.range(), FIRST_TOUCH, pages);
    session.place(&touched.range(), "anon", "[anon]", Path::new(""));
    session.expect(&run, ("minor", "shmem"), pages);
    let path = Path::new("/memfd:pf-workload (deleted)");
    session.place(&run, "shmem", "memfd:pf-workload", path);
    session.usage(session.pid(), measured);
    session.finish()
}
