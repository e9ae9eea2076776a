//! From what happened to lines: records into the model, faults out of it, in order of time.

use std::collections::HashSet;
use std::iter::Peekable;
use std::vec::IntoIter;

use pfcapture::{Happenings, Settled, Skipped};
use pfmodel::lines::{Address, FIXED_STEP_NS, Ordinals, push_mark, push_oom};
use pfmodel::{Fault, Judged, Live, Options};
use pft::record::{
    CallRecord, Fact, LostRecord, MapRecord, MarkRecord, OomRecord, Snapshot, SnapshotReason,
    TaskKind, TaskRecord, TraceHeader,
};
use pft::text::printable;

use super::output::Output;
use super::tally::{Missed, Scope, Tally};
use super::{Format, Style, json, text};

/// What a line says of a fault. Times count from the start of the recording.
#[derive(Debug, Clone, Copy)]
pub struct FaultLine<'a> {
    /// Entry.
    pub time_ns: u64,
    /// Completion, or when it was seen to have failed.
    pub end_ns: Option<u64>,
    /// The same, but never before the line above.
    pub over_ns: u64,
    /// First entry to completion.
    pub latency_ns: Option<u64>,
    pub cpu: Option<u32>,
    pub pid: u32,
    pub tid: u32,
    pub addr: Address,
    pub ip: Address,
    pub attempts: u32,
    pub judged: Judged<'a>,
}

impl FaultLine<'_> {
    /// Offset of the address in its file, or in its mapping if that has no file.
    pub fn offset(&self) -> Option<u64> {
        self.judged.place.map(|place| place.file_offset.unwrap_or(place.offset))
    }
}

/// Makes the lines of a stream.
#[derive(Debug)]
pub struct Lines {
    model: Live,
    output: Output,
    scope: Scope,
    tally: Tally,
    stamps: Stamps,
}

/// What differs from run to run, and what is shown of it.
#[derive(Debug)]
struct Stamps {
    style: Style,
    start_ns: u64,
    /// Time of the last line.
    last_ns: u64,
    pids: Ordinals,
    tids: Ordinals,
    /// Processes that were there before the recording.
    present: HashSet<u32>,
}

/// Records of one kind that are not applied yet.
type Waiting<T> = Peekable<IntoIter<T>>;

/// The records between the faults.
struct Between {
    tasks: Waiting<TaskRecord>,
    maps: Waiting<MapRecord>,
    calls: Waiting<CallRecord>,
    lost: Waiting<LostRecord>,
    marks: Waiting<MarkRecord>,
    oom: Waiting<OomRecord>,
}

impl Lines {
    /// Nothing shown yet.
    pub fn new(style: Style, header: &TraceHeader, facts: &[Fact], output: Output) -> Self {
        let stamps = Stamps {
            style,
            start_ns: header.start_ns,
            last_ns: 0,
            pids: Ordinals::default(),
            tids: Ordinals::default(),
            present: HashSet::new(),
        };
        let model = Live::new(header, facts, &Options::default());
        Self { model, output, scope: Scope::of(facts), tally: Tally::default(), stamps }
    }

    /// Shows what happened; `missed` came after it.
    pub fn take(&mut self, happenings: Happenings, missed: Missed) {
        if self.output.shared().is_closed() {
            return;
        }
        self.stamps.note_present(&happenings.tasks);
        for snapshot in happenings.snapshots {
            if self.stamps.is_shown_alike(&snapshot) {
                self.model.push_snapshot(snapshot);
            }
        }
        let mut between = Between {
            tasks: happenings.tasks.into_iter().peekable(),
            maps: happenings.maps.into_iter().peekable(),
            calls: happenings.calls.into_iter().peekable(),
            lost: happenings.lost.into_iter().peekable(),
            marks: happenings.marks.into_iter().peekable(),
            oom: happenings.oom.into_iter().peekable(),
        };
        for fault in &happenings.faults {
            self.pass(&mut between, fault.settled_ns);
            self.fault(fault);
        }
        self.pass(&mut between, u64::MAX);
        if missed.faults() > 0 {
            self.model.miss();
            self.tally.miss(missed);
            self.output.miss(missed.faults());
        }
        self.output.flush();
    }

    /// Ends the stream with its summary, in which those count too that were skipped.
    pub fn finish(mut self, skipped: Skipped) -> Output {
        let totals = self.tally.totals(self.scope, skipped, &self.model.unjudged());
        self.output.note(|out| match self.stamps.style.format {
            Format::Text => text::push_summary(out, &totals),
            Format::Json => json::push_summary(out, &totals),
        });
        self.output
    }

    /// Applies and shows what happened up to a moment.
    fn pass(&mut self, between: &mut Between, until_ns: u64) {
        while let Some(task) = between.tasks.next_if(|task| task.time_ns <= until_ns) {
            self.model.push_task(task);
        }
        while let Some(map) = between.maps.next_if(|map| map.time_ns <= until_ns) {
            self.model.push_map(map);
        }
        while let Some(call) = between.calls.next_if(|call| call_over_ns(call) <= until_ns) {
            self.model.push_call(call);
        }
        while let Some(lost) = between.lost.next_if(|lost| lost.time_ns <= until_ns) {
            self.model.push_lost(lost);
        }
        while let Some(mark) = between.marks.next_if(|mark| mark.time_ns <= until_ns) {
            let time_ns = self.stamps.next(mark.time_ns);
            self.output.note(|out| match self.stamps.style.format {
                Format::Text => push_mark(out, time_ns, &printable(&mark.name)),
                Format::Json => json::push_mark(out, time_ns, &mark),
            });
        }
        while let Some(oom) = between.oom.next_if(|oom| oom.time_ns <= until_ns) {
            let time_ns = self.stamps.next(oom.time_ns);
            let (pid, by) = (self.stamps.pid(oom.pid), self.stamps.task(oom.by_pid, oom.by_tid));
            self.output.note(|out| match self.stamps.style.format {
                Format::Text => push_oom(out, time_ns, pid, &oom.comm),
                Format::Json => json::push_oom(out, time_ns, (pid, by), &oom),
            });
        }
    }

    fn fault(&mut self, Settled { cpu, settled_ns, row }: &Settled) {
        let fault = Fault {
            time_ns: row.time_ns,
            latency_ns: row.latency_ns,
            addr: row.addr,
            ip: row.ip,
            pid: row.pid,
            tid: row.tid,
            flags: row.flags,
            attempts: row.attempts,
            cpu: *cpu,
        };
        let Some(judged) = self.model.judge(&fault) else {
            return;
        };
        self.tally.add(judged.class);
        let line = self.stamps.line(&fault, *settled_ns, judged);
        self.output.fault(|out| match self.stamps.style.format {
            Format::Text => text::push_fault(out, &line),
            Format::Json => json::push_fault(out, &line),
        });
    }
}

impl Stamps {
    fn note_present(&mut self, tasks: &[TaskRecord]) {
        if self.style.fixed_ts {
            let present = tasks.iter().filter(|task| task.kind == TaskKind::Present);
            self.present.extend(present.map(|task| task.pid));
        }
    }

    /// Whether a snapshot may be looked at. When one comes in differs from run to run, so with fixed time
    /// stamps the mappings are taken from the records, but for what was mapped before them.
    fn is_shown_alike(&self, snapshot: &Snapshot) -> bool {
        let first = snapshot.reason == SnapshotReason::Start;
        !self.style.fixed_ts || first && self.present.contains(&snapshot.pid)
    }

    /// The time that the next line, which is about this moment, shows.
    fn next(&mut self, time_ns: u64) -> u64 {
        self.last_ns = if self.style.fixed_ts {
            self.last_ns + FIXED_STEP_NS
        } else {
            time_ns.saturating_sub(self.start_ns).max(self.last_ns)
        };
        self.last_ns
    }

    fn line<'a>(&mut self, fault: &Fault, settled_ns: u64, judged: Judged<'a>) -> FaultLine<'a> {
        let over_ns = self.next(settled_ns);
        let (pid, tid) = self.task(fault.pid, fault.tid);
        let line = FaultLine {
            time_ns: fault.time_ns.saturating_sub(self.start_ns),
            end_ns: Some(settled_ns.saturating_sub(self.start_ns)),
            over_ns,
            latency_ns: judged.latency_ns,
            cpu: Some(fault.cpu),
            pid,
            tid,
            addr: Address::Absolute(fault.addr),
            ip: if fault.knows_ip() { Address::Absolute(fault.ip) } else { Address::Unknown },
            attempts: fault.attempts,
            judged,
        };
        if !self.style.fixed_ts {
            return line;
        }
        FaultLine {
            time_ns: over_ns,
            end_ns: None,
            latency_ns: None,
            cpu: None,
            addr: Address::relative(line.offset()),
            ip: Address::relative(judged.ip_place.map(|p| p.file_offset.unwrap_or(p.offset))),
            ..line
        }
    }

    fn pid(&mut self, pid: u32) -> u32 {
        if self.style.fixed_ts { self.pids.of(pid) } else { pid }
    }

    fn task(&mut self, pid: u32, tid: u32) -> (u32, u32) {
        let tid = if self.style.fixed_ts { self.tids.of(tid) } else { tid };
        (self.pid(pid), tid)
    }
}

/// When a call is known: at its end, or, where that was not seen, as soon as it comes in.
fn call_over_ns(call: &CallRecord) -> u64 {
    if call.end_ns == u64::MAX { call.time_ns } else { call.end_ns }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pfcapture::FaultRow;
    use pft::record::Outcome;

    #[test]
    fn faults_that_were_not_taken_are_missing_where_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let file = std::fs::File::create(&path).unwrap();
        let output = Output::start(file, Format::Text, Default::default()).unwrap();
        let header = TraceHeader {
            uuid: [0; 16],
            page_size_bytes: 4096,
            clock_id: 1,
            start_ns: 0,
            start_realtime_ns: 0,
        };
        let style = Style { format: Format::Text, fixed_ts: true };
        let mut lines = Lines::new(style, &header, &[], output);
        let fault = |n: u64| {
            let flags = Outcome::Minor as u32;
            let (addr, ip) = (n << 12, 0);
            let row = FaultRow {
                time_ns: n,
                latency_ns: 1,
                addr,
                ip,
                pid: 1,
                tid: 1,
                flags,
                ..FaultRow::default()
            };
            Settled { cpu: 0, settled_ns: n + 1, row }
        };
        let mut faults: Vec<Settled> = (1..=5).map(fault).collect();
        let missed = Missed::beyond(&mut faults, 2);
        lines.take(Happenings { faults, ..Happenings::default() }, missed);
        let faults = vec![fault(6)];
        lines.take(Happenings { faults, ..Happenings::default() }, Missed::default());
        assert!(lines.finish(Skipped::default()).finish().is_none());
        let text = std::fs::read_to_string(path).unwrap();
        let words: Vec<&str> =
            text.lines().filter_map(|line| line.split(' ').next_back()).collect();
        assert_eq!(words, ["-", "-", "dropped", "-", "cow=unknown"]);
        assert!(text.contains("\n... 3 lines dropped\n"), "{text}");
        assert!(text.ends_with("Summary: major=0 minor=6 cow=unknown\n"), "{text}");
    }
}
