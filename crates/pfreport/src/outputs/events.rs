//! A line of text a fault, in order of time: what `pfrecord --live` prints while a recording goes on.
//!
//! With fixed time stamps the lines are those of the recorder, where that knew as much when the fault was
//! over. They may differ in this: memory that the kernel did not name at first, such as the heap and the
//! zeroed memory of a module, is named by later evidence here; offsets in memory that grew downwards,
//! such as a stack, count from where it begins in the end; faults of several threads are in order of
//! their entry, not of their end; and lines that the recorder dropped are here.

#[cfg(test)]
mod tests;

use std::io::Write;

use pfmodel::column::{Column, Values as _};
use pfmodel::lines::{
    Address, FIXED_STEP_NS, Line, Ordinals, push_count, push_fault, push_mark, push_oom,
};
use pfmodel::names::Class;
use pfmodel::table::Mapping;
use pft::record::LATENCY_UNKNOWN;
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};

use crate::error::Error;
use crate::load::Loaded;
use crate::outputs::summary::last_line;

/// Rows that one thread makes lines of at a time, …
const BATCH_ROWS: usize = 64 * 1024;
/// … fewer where names are so long that they would take more than this, bytes.
const BATCH_BYTES: usize = 64 << 20;

/// Writes the first `top` faults, or all, with the marks and the victims of the OOM killer between them,
/// then how many are not shown, and the summary line, which counts all of them.
///
/// `fixed_ts` leaves out what differs between two runs of one program: the n-th line's time is n
/// milliseconds, there is no latency, processes are numbered as they appear, and addresses count from
/// the start of their file or mapping.
///
/// # Errors
/// [`Error::Output`].
pub fn write(
    loaded: &Loaded,
    top: Option<usize>,
    fixed_ts: bool,
    out: &mut impl Write,
) -> Result<(), Error> {
    let rows = loaded.analysis.faults.len();
    let shown = top.map_or(rows, |top| top.min(rows));
    let events = Events { loaded, fixed_ts, moments: moments(loaded, fixed_ts, shown) };
    let threads = rayon::current_num_threads();
    let analysis = &loaded.analysis;
    let regions = analysis.mappings.iter().map(|mapping| mapping.region.len());
    let regions = regions.chain(analysis.regions.iter().map(|region| region.label.len()));
    let batch_rows = BATCH_ROWS.min(BATCH_BYTES / regions.max().unwrap_or(0).max(1)).max(1);
    // At least one batch: what happened without any fault is in it.
    for group in (0..shown.max(1)).step_by(batch_rows * threads) {
        let starts = (group..shown.max(1)).step_by(batch_rows).take(threads);
        let batches: Vec<String> = starts
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|start| events.lines(start, (start + batch_rows).min(shown), shown))
            .collect();
        for batch in batches {
            out.write_all(batch.as_bytes())?;
        }
    }
    if rows > shown {
        let mut line = "... ".to_owned();
        push_count(&mut line, (rows - shown) as u64);
        let faults = if rows - shown == 1 { "fault" } else { "faults" };
        writeln!(out, "{line} more {faults} (-n N shows more)")?;
    }
    Ok(writeln!(out, "{}", last_line(loaded, |class| loaded.class_count(class)))?)
}

/// Something that is no fault and has a line.
struct Moment {
    /// The row before which it comes.
    row: usize,
    time_ns: u64,
    what: What,
}

enum What {
    Mark(String),
    Killed { pid: u32, comm: Vec<u8> },
}

/// What lies between the first `shown` faults, and behind the last if that is shown. What happened at the
/// very moment of a fault comes before it, as phases begin.
fn moments(loaded: &Loaded, fixed_ts: bool, shown: usize) -> Vec<Moment> {
    let times = &loaded.analysis.faults.time_ns;
    let row = |time_ns| times.partition_point(|&row_ns| row_ns < time_ns);
    let marks = loaded.marks.iter().map(|mark| Moment {
        row: row(mark.time_ns),
        time_ns: mark.time_ns,
        what: What::Mark(mark.name.clone()),
    });
    let mut ids = Ids { loaded, fixed_ts, pids: Ordinals::default(), row: 0 };
    let kills = loaded.oom.iter().map(|victim| {
        let time_ns = victim.time_ns.saturating_sub(loaded.header.start_ns);
        let row = row(time_ns);
        let pid = ids.killed(row, victim.pid, victim.by_pid);
        Moment { row, time_ns, what: What::Killed { pid, comm: victim.comm.clone() } }
    });
    let mut moments: Vec<Moment> = marks.chain(kills).collect();
    moments.sort_by_key(|moment| (moment.row, moment.time_ns));
    moments.retain(|moment| moment.row < shown || shown == times.len());
    moments
}

/// Numbers of processes as lines about them come.
struct Ids<'a> {
    loaded: &'a Loaded,
    fixed_ts: bool,
    pids: Ordinals,
    /// Faults before this row have been counted.
    row: usize,
}

impl Ids<'_> {
    /// The number of a victim before a row.
    fn killed(&mut self, row: usize, pid: u32, by_pid: u32) -> u32 {
        if !self.fixed_ts {
            return pid;
        }
        let analysis = &self.loaded.analysis;
        let end = row.min(analysis.faults.len());
        for &proc in analysis.faults.proc.range(self.row.min(end)..end) {
            if let Some(process) = analysis.processes.get(proc as usize) {
                self.pids.of(process.pid);
            }
        }
        self.row = self.row.max(row);
        let number = self.pids.of(pid);
        self.pids.of(by_pid);
        number
    }
}

struct Events<'a> {
    loaded: &'a Loaded,
    fixed_ts: bool,
    /// In order.
    moments: Vec<Moment>,
}

impl Events<'_> {
    /// The lines of some rows and of what comes before each; behind the last row of all that is shown,
    /// of what comes behind it too.
    fn lines(&self, start: usize, end: usize, shown: usize) -> String {
        let mut out = String::new();
        let mut next = self.moments.partition_point(|moment| moment.row < start);
        for row in start..end {
            while let Some(moment) = self.moments.get(next).filter(|moment| moment.row <= row) {
                self.moment(&mut out, row + next, moment);
                next += 1;
            }
            self.fault(&mut out, row + next, row);
        }
        if end == shown {
            for moment in self.moments.get(next..).unwrap_or_default() {
                self.moment(&mut out, end + next, moment);
                next += 1;
            }
        }
        out
    }

    /// The time that a line shows, with so many lines above it.
    fn time_ns(&self, above: usize, time_ns: u64) -> u64 {
        if self.fixed_ts { (above as u64 + 1) * FIXED_STEP_NS } else { time_ns }
    }

    fn moment(&self, out: &mut String, above: usize, moment: &Moment) {
        let time_ns = self.time_ns(above, moment.time_ns);
        match &moment.what {
            What::Mark(name) => push_mark(out, time_ns, name),
            What::Killed { pid, comm } => push_oom(out, time_ns, *pid, comm),
        }
    }

    fn fault(&self, out: &mut String, above: usize, row: usize) {
        let analysis = &self.loaded.analysis;
        let faults = &analysis.faults;
        let value = |column: &[u64]| column.get(row).copied().unwrap_or_default();
        let addr = value(&faults.addr);
        let index = |column: &Column<u32>| column.get(row).map(|&index| index as usize);
        let mapping = index(&faults.mapping).and_then(|index| analysis.mappings.get(index));
        let part = index(&faults.region).and_then(|index| analysis.regions.get(index));
        let whole = mapping.map(|mapping| &mapping.region[..]);
        let offset = mapping.map(|mapping| offset_in(mapping, addr));
        let line = Line {
            time_ns: self.time_ns(above, value(&faults.time_ns)),
            class: faults.class.get(row).copied().unwrap_or(Class::Minor),
            addr: if self.fixed_ts { Address::relative(offset) } else { Address::Absolute(addr) },
            // The recorder knows no parts of mappings.
            region: part.filter(|_| !self.fixed_ts).map(|part| &part.label[..]).or(whole),
            offset,
            latency_ns: faults
                .latency_ns
                .get(row)
                .copied()
                .filter(|&ns| ns != LATENCY_UNKNOWN && !self.fixed_ts),
        };
        push_fault(out, &line);
    }
}

/// Offset of an address in its file, or in its mapping if that has no file.
fn offset_in(mapping: &Mapping, addr: u64) -> u64 {
    let offset = addr.wrapping_sub(mapping.start);
    if mapping.inode == 0 { offset } else { mapping.file_offset.wrapping_add(offset) }
}
