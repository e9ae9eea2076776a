//! The dialogue with whoever started the workload, and the measuring of its faults.

use std::fmt;
use std::fs;
use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use pftestkit::{Exactness, Expectation, Order, OrderKind, Phase, Place, Total, Turn, Usage};

use crate::cli::Args;
use crate::sys::counters::{Counts, Who, counts};
use crate::sys::mapping::{Backing, Mapping, map_code, page_size};

/// The machine or the user cannot run this mode.
#[derive(Debug, thiserror::Error)]
#[error("skipped: {0}")]
pub struct Skip(pub String);

/// Class and cause of a fault.
pub type Kind = (&'static str, &'static str);

/// First write of anonymous memory.
pub const FIRST_TOUCH: Kind = ("minor", "anon-first-touch");
/// Anonymous memory that was dropped.
pub const REFAULT: Kind = ("minor", "anon-refault");
/// Write of an anonymous page shared by fork.
pub const COW_ANON: Kind = ("cow", "cow-anon");
/// Read of a file page that had to be fetched.
pub const FILE_READ: Kind = ("major", "file-read");
/// Read of a cached file page.
pub const FILE_CACHED: Kind = ("minor", "file-cached");
/// Access that no mapping allows.
pub const INVALID: Kind = ("failed", "invalid");

/// What a stretch of faulting cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measured {
    /// Faults that the kernel counted.
    pub counts: Counts,
    /// Duration, nanoseconds.
    pub wall_ns: u64,
}

impl Measured {
    /// Adds what a later stretch cost.
    pub fn then(self, later: Self) -> Self {
        Self { counts: self.counts + later.counts, wall_ns: self.wall_ns + later.wall_ns }
    }

    /// Adds what another thread cost at the same time; the longer of the durations.
    pub fn and(self, other: Self) -> Self {
        Self { counts: self.counts + other.counts, wall_ns: self.wall_ns.max(other.wall_ns) }
    }
}

/// Runs `faults` and tells what the kernel counted meanwhile. Call [`warm_up`] before.
pub fn measure<T>(who: Who, faults: impl FnOnce() -> T) -> (T, Measured) {
    let (start, before) = (Instant::now(), counts(who));
    let result = faults();
    let counts = counts(who) - before;
    let wall_ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    (result, Measured { counts, wall_ns })
}

/// Maps all code of the program and the stack that measured stretches use, so that these fault no
/// more. A child does this again: fork does not copy page tables of code.
pub fn warm_up() -> io::Result<()> {
    map_code()?;
    warm_stack();
    let scratch = Mapping::new(1, Backing::Anonymous)?;
    measure(Who::Thread, || {
        scratch.read(0);
        scratch.write(0);
    });
    Ok(())
}

/// Writes the next few pages of this thread's stack.
#[inline(never)]
pub fn warm_stack() {
    black_box(&mut [1_u8; 16 << 10]);
}

/// Collects what is to be printed, and talks with the recorder's side.
#[derive(Debug)]
pub struct Session {
    pid: u32,
    wait: bool,
    hold: bool,
    order_file: Option<PathBuf>,
    lines: Vec<String>,
}

impl Session {
    /// A session as the arguments want it.
    pub fn new(args: &Args) -> Self {
        Self {
            pid: std::process::id(),
            wait: args.wait,
            hold: args.hold || args.wait,
            order_file: args.order_file.clone(),
            lines: Vec::new(),
        }
    }

    /// This process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The session of a child that speaks for its parent from now on.
    pub fn of_this_process(self) -> Self {
        Self { pid: std::process::id(), ..self }
    }

    /// Whether [`Session::ready`] will wait.
    pub fn waits(&self) -> bool {
        self.wait
    }

    /// Whether [`Session::finish`] will wait.
    pub fn holds(&self) -> bool {
        self.hold
    }

    /// The set-up is done: waits for the other side if it wishes to be waited for, and prepares this
    /// thread for measuring.
    pub fn ready(&self) -> anyhow::Result<()> {
        if self.wait {
            println!("ready pid={}", self.pid);
            wait_for_line()?;
        }
        warm_up().context("warming up")
    }

    /// Faults of the phase `run` of this process, known by construction.
    pub fn expect(&mut self, range: &Range<u64>, kind: Kind, count: usize) {
        self.push(expectation(self.pid, Phase::Run, range, kind, count as u64));
    }

    /// Faults of the phase `setup` of this process, known by construction.
    pub fn expect_setup(&mut self, range: &Range<u64>, kind: Kind, count: usize) {
        self.push(expectation(self.pid, Phase::Setup, range, kind, count as u64));
    }

    /// Faults of the phase `run` of this process, known by what was observed.
    pub fn expect_witness(
        &mut self,
        range: &Range<u64>,
        kind: Kind,
        count: u64,
        witness: &[(&str, u64)],
    ) {
        self.push(Expectation {
            exact: Exactness::Witness,
            witness: witness.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect(),
            ..expectation(self.pid, Phase::Run, range, kind, count)
        });
    }

    /// What the kernel counted in a process.
    pub fn usage(&mut self, pid: u32, measured: Measured) {
        let Counts { minflt, majflt } = measured.counts;
        self.push(Usage { pid, minflt, majflt, wall_ns: measured.wall_ns });
    }

    /// The pages of a file in order of access.
    pub fn order(&mut self, path: &Path, kind: OrderKind, pages: &[usize]) -> anyhow::Result<()> {
        let page_size_bytes = page_size() as u64;
        let mut offsets: Vec<u64> =
            pages.iter().map(|&page| page as u64 * page_size_bytes).collect();
        // The list of accesses may be long; those of faults under read-ahead are short.
        let offsets_file = self.order_file.clone().filter(|_| kind == OrderKind::Access);
        if let Some(file) = &offsets_file {
            let text: String = offsets.drain(..).map(|offset| format!("{offset}\n")).collect();
            fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
        }
        self.push(Order { path: path.to_owned(), page_size_bytes, kind, offsets, offsets_file });
        Ok(())
    }

    /// The next `count` faults of this process in `range` are made in anonymous memory, or in a file from
    /// the given page on.
    pub fn turn(&mut self, range: &Range<u64>, file: Option<(&Path, usize)>, count: usize) {
        let (path, page) = file.unwrap_or((Path::new(""), 0));
        self.push(Turn {
            pid: self.pid,
            start: range.start,
            end: range.end,
            path: path.to_owned(),
            offset_bytes: (page * page_size()) as u64,
            count: count as u64,
        });
    }

    /// What a report should call a range, and the file that is there.
    pub fn place(&mut self, range: &Range<u64>, kind: &str, label: &str, path: &Path) {
        self.push(Place {
            pid: self.pid,
            start: range.start,
            end: range.end,
            kind: kind.to_owned(),
            label: label.to_owned(),
            path: path.to_owned(),
        });
    }

    /// Adds a line.
    pub fn push(&mut self, line: impl fmt::Display) {
        self.lines.push(line.to_string());
    }

    /// Prints what was collected so far.
    pub fn print(&mut self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for line in self.lines.drain(..) {
            writeln!(out, "{line}")?;
        }
        out.flush()
    }

    /// Prints the rest and waits for the other side if it wishes to be waited for. Mappings of the
    /// workload should live until then.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.lines.push(format!("done pid={}", self.pid));
        self.print()?;
        if self.hold {
            wait_for_line()?;
        }
        let (own, children) = (counts(Who::Process), counts(Who::Children));
        println!(
            "{}",
            Total {
                pid: self.pid,
                minflt: own.minflt,
                majflt: own.majflt,
                children_minflt: children.minflt,
                children_majflt: children.majflt,
            }
        );
        Ok(())
    }
}

/// An expectation known by construction.
pub fn expectation(
    pid: u32,
    phase: Phase,
    range: &Range<u64>,
    (class, cause): Kind,
    count: u64,
) -> Expectation {
    Expectation {
        pid,
        start: range.start,
        end: range.end,
        phase,
        class: class.to_owned(),
        cause: cause.to_owned(),
        count,
        exact: Exactness::Construction,
        witness: Vec::new(),
    }
}

/// Waits for a line, or the end, of standard input.
fn wait_for_line() -> anyhow::Result<()> {
    io::stdin().lock().read_line(&mut String::new()).context("reading standard input")?;
    Ok(())
}
