//! The analysis from end to end: one walk over the faults, or two for a table that comes in parts.

use std::ops::{ControlFlow, Range};
use std::panic::resume_unwind;
use std::sync::mpsc::sync_channel;

use pft::record::FaultBatch;

use super::Analyser;
use super::assemble::{Settled, last_record_ns};
use super::code::{Code, Instructions};
use crate::judge::threshold;
use crate::order::fault_order::{Batch, Batches, FaultOrder, in_order};
use crate::order::records::Records;
use crate::recording::{Options, Recording};
use crate::table::builder::{Row, Rows};
use crate::table::{Analysis, FaultTable};

/// Rows that are collected before they become columns: they are still in a cache then, and the other thread is woken
/// so seldom that a twentieth of the time of a summary is saved against a quarter of them.
const CHUNK_ROWS: usize = 8192;
/// As many chunks wait for the thread that makes columns of them: it need not keep step.
const CHUNKS_WAITING: usize = 8;

/// What an analysis is to give.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wanted {
    /// Latency beyond which a minor fault counts as slow, nanoseconds: see [`crate::slow_threshold_ns`].
    pub slow_threshold_ns: u64,
    /// Which faults get a row, by their column `time_ns`: by their entry, nanoseconds since the start of the
    /// trace; without it all do. The others are judged, so that later ones are judged rightly, and counted.
    pub rows_ns: Option<Range<u64>>,
    /// Rows that are expected, 0 where that is not known: memory for so many is set aside at once. Parts need none.
    pub expected_rows: usize,
    /// The recording lasted at least until then, on the clock of the trace: where not all of its faults are
    /// looked at, it may have been longer than they tell.
    pub until_ns: u64,
}

impl Wanted {
    /// A row for each fault.
    #[must_use]
    pub const fn all(slow_threshold_ns: u64) -> Self {
        Self { slow_threshold_ns, rows_ns: None, expected_rows: 0, until_ns: 0 }
    }
}

/// Works out what a trace means. Never fails: what the trace does not tell is unknown in the result.
///
/// `faults` may come in any order; those of one CPU in order of time are merged fastest.
#[must_use]
pub fn analyse(recording: Recording, faults: Vec<FaultBatch>, options: &Options) -> Analysis {
    let slow_threshold_ns = options.slow_threshold_ns.unwrap_or_else(|| {
        let sample = threshold::threshold_sample(faults.iter().map(|b| b.columns.len() as u64));
        threshold::slow_threshold_ns(sample.into_iter().filter_map(|batch| faults.get(batch)))
    });
    walk_once(recording, &mut in_order(faults), &Wanted::all(slow_threshold_ns))
}

/// The same for faults that need not all be in memory: each batch comes with a time before which none of its
/// faults began, and they come in the order of these times. A batch is taken when the faults before that time
/// have been judged.
///
/// Where batches are left out, the rest is judged as if their faults had not happened. Columns `cause`,
/// `slow` and `nth` of a fault depend on the faults before it; so do the numbers of processes, mappings and call chains
/// (and, where records of threads are missing, their names). No other column does, unless records were lost.
#[must_use]
pub fn analyse_in_order<B: Into<Batch>>(
    recording: Recording,
    faults: impl IntoIterator<Item = (u64, B)>,
    wanted: &Wanted,
) -> Analysis {
    walk_once(recording, &mut batches(faults), wanted)
}

fn batches<B: Into<Batch>>(
    faults: impl IntoIterator<Item = (u64, B)>,
) -> impl Iterator<Item = (u64, Batch)> {
    faults.into_iter().map(|(from_ns, batch)| (from_ns, batch.into()))
}

/// The same in parts of at most `part_rows` rows, for more faults than memory holds. `faults` is asked twice and has to
/// give the same: the first walk settles what later evidence tells of earlier faults, the second hands out rows.
///
/// `part` gets the analysis with some of the faults, in order of time; everything else in it is final and the
/// same for all parts, but the counts of `map_confidence`, which are of the rows so far. If there are no rows,
/// it gets one part without any. What is returned has all but the faults.
///
/// Memory is for the tables other than faults, the pages that were touched and one part; the recording is there
/// twice.
///
/// # Errors
/// The first of `part`, which gets no more parts then.
pub fn analyse_in_parts<I, B, E>(
    recording: Recording,
    mut faults: impl FnMut() -> I,
    wanted: &Wanted,
    part_rows: usize,
    mut part: impl FnMut(&mut Analysis) -> Result<(), E>,
) -> Result<Analysis, E>
where
    I: IntoIterator<Item = (u64, B)>,
    B: Into<Batch>,
{
    let (again, mut settled, mut code) = settle(recording, &mut batches(faults()), wanted);
    let mut error = None;
    let mut hand_out = |analysis: &mut Analysis| match part(analysis) {
        Ok(()) => ControlFlow::Continue(()),
        Err(found) => {
            error = Some(found);
            ControlFlow::Break(())
        }
    };
    let batches = &mut batches(faults());
    let _ =
        walk_again(again, batches, (&mut settled, &mut code), (wanted, part_rows), &mut hand_out);
    match error {
        Some(error) => Err(error),
        None => Ok(Analysis { faults: FaultTable::default(), ..settled.analysis }),
    }
}

/// The first of two walks: everything but the rows, and the recording for the second.
fn settle(
    mut recording: Recording,
    batches: Batches<'_>,
    wanted: &Wanted,
) -> (Recording, Settled, Code) {
    let mut code = Code::take_from(&mut recording);
    let again = recording.clone();
    let mut analyser = analyser(&mut recording, wanted);
    let mut instructions = Instructions::default();
    let rows = &mut Vec::new();
    let _ = walk(&mut analyser, &mut code, batches, wanted, rows, &mut |_, rows| {
        rows.drain(..).for_each(|row| instructions.see(&row));
        ControlFlow::Continue(())
    });
    let mut settled = Settled::of(analyser, &recording, &code);
    settled.number_all(instructions.in_order(), &mut code);
    settled.publish(&code);
    (again, settled, code)
}

/// The second: the rows.
fn walk_again(
    mut recording: Recording,
    batches: Batches<'_>,
    (settled, code): (&mut Settled, &mut Code),
    (wanted, part_rows): (&Wanted, usize),
    part: &mut dyn FnMut(&mut Analysis) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut analyser = analyser(&mut recording, wanted);
    code.chains.walk_again();
    let mut rows = Rows::default();
    let mut waiting = Vec::new();
    let chunk_rows = part_rows.clamp(1, CHUNK_ROWS);
    let mut is_empty = true;
    walk(&mut analyser, code, batches, wanted, &mut waiting, &mut |code, waiting| {
        if waiting.len() < chunk_rows.min(part_rows.saturating_sub(rows.table.len())) {
            return ControlFlow::Continue(());
        }
        rows.extend(waiting);
        waiting.clear();
        if rows.table.len() < part_rows {
            return ControlFlow::Continue(());
        }
        is_empty = false;
        settled.fill(std::mem::take(&mut rows), code);
        part(&mut settled.analysis)
    })?;
    rows.extend(&waiting);
    if is_empty || !rows.table.is_empty() {
        settled.fill(rows, code);
        part(&mut settled.analysis)?;
    }
    ControlFlow::Continue(())
}

fn walk_once(mut recording: Recording, batches: Batches<'_>, wanted: &Wanted) -> Analysis {
    let mut code = Code::take_from(&mut recording);
    let mut analyser = analyser(&mut recording, wanted);
    let rows = std::thread::scope(|threads| {
        let (sender, receiver) = sync_channel::<Vec<Row>>(CHUNKS_WAITING);
        let builder = threads.spawn(move || {
            let mut rows = Rows::with_room_for(wanted.expected_rows);
            receiver.iter().for_each(|chunk| rows.extend(&chunk));
            rows
        });
        let mut chunk = Vec::with_capacity(CHUNK_ROWS);
        let _ = walk(&mut analyser, &mut code, batches, wanted, &mut chunk, &mut |_, chunk| {
            if chunk.len() < CHUNK_ROWS {
                return ControlFlow::Continue(());
            }
            let full = std::mem::replace(chunk, Vec::with_capacity(CHUNK_ROWS));
            // Nobody takes it where the other thread has panicked, which is met below.
            if sender.send(full).is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        let _ = sender.send(chunk);
        drop(sender);
        builder.join().unwrap_or_else(|panic| resume_unwind(panic))
    });
    let mut settled = Settled::of(analyser, &recording, &code);
    settled.fill(rows, &mut code);
    settled.publish(&code);
    settled.analysis
}

/// Judges all faults and adds those that are wanted to `rows`. `take` is asked after each whether to go on, and may take
/// them away.
fn walk(
    analyser: &mut Analyser,
    code: &mut Code,
    batches: Batches<'_>,
    wanted: &Wanted,
    rows: &mut Vec<Row>,
    take: &mut impl FnMut(&mut Code, &mut Vec<Row>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut order = FaultOrder::new(batches);
    while let Some(mut recorded) = order.next() {
        if !order.lost.is_empty() {
            analyser.lose(&std::mem::take(&mut order.lost));
        }
        code.add_instruction(&mut recorded.fault, recorded.call_chain);
        // The row is filled where it stays. To copy it right after it was judged would wait until all that was written
        // meanwhile, to histories of pages above all, has reached a cache: a twentieth of the time of a summary.
        let row = rows.push_mut(Row::BLANK);
        if !analyser.judge(&mut recorded.fault, row) {
            rows.pop();
            continue;
        }
        if recorded.call_chain != 0 {
            row.call_chain = analyser.call_chain(row, recorded.call_chain, code);
        }
        row.node = recorded.node;
        let time_ns = row.time_ns.saturating_sub(analyser.start_ns);
        if wanted.rows_ns.as_ref().is_none_or(|wanted| wanted.contains(&time_ns)) {
            take(code, rows)?;
        } else {
            rows.pop();
        }
    }
    ControlFlow::Continue(())
}

fn analyser(recording: &mut Recording, wanted: &Wanted) -> Analyser {
    let records = Records::take_from(recording);
    Analyser {
        last_ns: last_record_ns(recording, &records).max(wanted.until_ns),
        ..Analyser::new(recording, records, wanted.slow_threshold_ns)
    }
}
