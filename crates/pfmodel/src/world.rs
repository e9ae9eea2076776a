//! Processes, threads and address spaces as they are at one moment of the recording.

mod arrivals;
mod calls;
mod hindsight;
mod mappings;
mod memory;
mod sweep;

use std::collections::HashSet;

use pft::record::{TaskKind, TaskRecord};

use crate::collections::intern::{Interner, Name};
use crate::collections::keyed_map::KeyedMap;
use crate::collections::slab::Slab;
use crate::order::records::Records;
use crate::order::timeline::{Event, Timeline};
use crate::pages::page_history::PageHistory;
use crate::recording::Recording;
use crate::space::address_space::{AddressSpace, Moment};
use crate::space::mapping_rows::{MappingRows, OPEN_NS};
use crate::space::stacks::Stacks;
use crate::table::NONE;
use calls::CallState;
use hindsight::RecentFaults;

/// An address space and what is remembered of its pages.
#[derive(Debug)]
pub(crate) struct Mm {
    pub space: AddressSpace,
    pub pages: PageHistory,
    /// Address space it is a copy of, and the number of faults seen before the fork.
    parent: Option<(u32, u32)>,
    /// All mappings are known since this time, unless records were lost after it.
    known_since_ns: Option<u64>,
    calls: CallState,
    /// It took the place of another one, or is a copy, since this time.
    made_ns: u64,
    pub ended_ns: u64,
}

/// A process.
#[derive(Debug)]
pub(crate) struct ProcessState {
    pub pid: u32,
    pub parent: u32,
    pub comm: Name,
    pub first_seen_ns: u64,
    pub exit_ns: Option<u64>,
    pub mm: u32,
    live: HashSet<u32>,
}

/// A thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ThreadState {
    pub proc: u32,
    pub tid: u32,
    pub from_ns: u64,
    pub to_ns: u64,
    pub comm: Name,
}

/// Everything, now.
#[derive(Debug)]
pub(crate) struct World {
    records: Records,
    timeline: Timeline,
    /// How often anything changed, but for what faults themselves make known.
    pub changes: u64,
    /// Map records applied before their time.
    applied_early: HashSet<u32>,
    /// Records were lost before this time.
    lost_until_ns: u64,
    /// Calls that change address spaces were recorded.
    has_calls: bool,
    page_shift: u32,
    /// Kept where calls arrive at their end, behind faults that they may be about.
    recent_faults: Option<RecentFaults>,
    pub names: Interner,
    pub comms: Interner,
    pub rows: MappingRows,
    pub stacks: Stacks,
    pub processes: Slab<ProcessState>,
    pub threads: Slab<ThreadState>,
    pub mms: Slab<Mm>,
    live_processes: KeyedMap<u32, u32>,
    /// Live threads by pid and tid.
    live_threads: KeyedMap<u64, u32>,
    /// The one of them that was asked for last, by the same: a thread faults many times in a row.
    last_thread: Option<(u64, u32)>,
}

fn thread_key(pid: u32, tid: u32) -> u64 {
    u64::from(pid) << 32 | u64::from(tid)
}

/// Whether a pid stands for processes outside the recorder's pid namespace, any number of them.
fn is_foreign(pid: u32) -> bool {
    pid == 0 || pid == u32::MAX
}

impl World {
    /// The world before anything happened.
    pub(crate) fn new(recording: &Recording, records: Records) -> Self {
        Self {
            timeline: Timeline::new(&records),
            records,
            changes: 0,
            applied_early: HashSet::new(),
            lost_until_ns: 0,
            has_calls: recording.has_calls(),
            page_shift: recording.header.page_size_bytes.max(1).ilog2(),
            recent_faults: None,
            names: Interner::new(),
            comms: Interner::new(),
            rows: MappingRows::default(),
            stacks: Stacks::default(),
            processes: Slab::default(),
            threads: Slab::default(),
            mms: Slab::default(),
            live_processes: KeyedMap::default(),
            live_threads: KeyedMap::default(),
            last_thread: None,
        }
    }

    /// Lets everything happen that a fault at `now` has to know of.
    pub(crate) fn advance(&mut self, now: Moment) {
        while let Some((time_ns, event)) = self.timeline.take_until(now.ns) {
            self.apply(event, Moment { ns: time_ns, ..now });
        }
    }

    /// Lets the rest happen, after `faults` faults.
    pub(crate) fn finish(&mut self, faults: u32) {
        while let Some((ns, event)) = self.timeline.take() {
            self.apply(event, Moment { ns, faults });
        }
        for row in self.rows.as_mut_slice() {
            let ended_ns = self.mms.get(row.mm as usize).map_or(OPEN_NS, |mm| mm.ended_ns);
            row.valid_to_ns = row.valid_to_ns.min(ended_ns);
        }
    }

    fn apply(&mut self, event: Event, now: Moment) {
        self.changes += 1;
        match event {
            Event::Lost(index) => {
                if let Some(lost) = self.records.lost.get(index) {
                    self.lost_until_ns = self.lost_until_ns.max(lost.time_ns);
                }
            }
            Event::Task(index) => {
                if let Some(task) = self.records.tasks.get_mut(index) {
                    let task = TaskRecord { comm: std::mem::take(&mut task.comm), ..*task };
                    self.apply_task(&task, now);
                }
            }
            Event::Snapshot(index) => self.apply_snapshot(index, now),
            Event::Call(index) => self.apply_call(index, now),
            Event::Return(index) => self.apply_return(index, now),
            Event::StackPointer(index) => self.apply_stack_pointer(index),
            Event::Map(index) => {
                if self.applied_early.is_empty() || !self.applied_early.remove(&index) {
                    self.apply_map(index, now);
                }
            }
        }
    }

    fn apply_task(&mut self, task: &TaskRecord, now: Moment) {
        match task.kind {
            TaskKind::Fork if task.pid != task.parent_pid => self.fork(task, now),
            TaskKind::Fork => {
                let comm = self.comm_of(task.pid, task.parent_tid);
                let thread = self.thread(task.pid, task.tid, now.ns);
                self.name_thread(thread, comm);
            }
            TaskKind::Present | TaskKind::Comm | TaskKind::Exec => {
                if task.kind == TaskKind::Exec {
                    self.exec(task, now.ns);
                }
                let comm = self.comms.intern(&task.comm);
                let thread = self.thread(task.pid, task.tid, now.ns);
                self.name_thread(thread, comm);
            }
            TaskKind::Exit => self.exit(task.pid, task.tid, now.ns),
        }
    }

    fn fork(&mut self, task: &TaskRecord, now: Moment) {
        let old = self.live_processes.get(&task.pid).copied();
        let parent = self.live_processes.get(&task.parent_pid).copied().unwrap_or(NONE);
        if let Some(old) = old.and_then(|old| self.processes.get(old as usize)) {
            if old.first_seen_ns == now.ns && old.parent == parent {
                return; // reported twice
            }
            self.end_process(task.pid, now.ns);
        }
        let comm = self.comm_of(task.parent_pid, task.parent_tid);
        let parent_mm = self.mm_of(parent);

        let child = self.open_process(task.pid, parent, now.ns);
        let mm = self.mm_of(child);
        if let Some(source) = self.mms.get(parent_mm as usize) {
            let space = source.space.fork(mm, child, now.ns);
            let (known_since_ns, calls) = (source.known_since_ns, source.calls.fork(now.ns));
            if let Some(mm) = self.mms.get_mut(mm as usize) {
                mm.space = space;
                mm.parent = Some((parent_mm, now.faults));
                (mm.known_since_ns, mm.calls) = (known_since_ns, calls);
                mm.made_ns = now.ns;
            }
        }
        let thread = self.thread(task.pid, task.tid, now.ns);
        self.name_thread(thread, comm);
    }

    /// The process of `task` replaced its address space; its other threads are gone.
    fn exec(&mut self, task: &TaskRecord, now_ns: u64) {
        let proc = self.process(task.pid, now_ns);
        let mm = self.add_mm(proc, Some(now_ns));
        let Some(process) = self.processes.get_mut(proc as usize) else {
            return;
        };
        let old_mm = std::mem::replace(&mut process.mm, mm);
        let gone: Vec<u32> = process.live.extract_if(|&tid| tid != task.tid).collect();
        self.end_mm(old_mm, now_ns);
        for tid in gone {
            self.end_thread(task.pid, tid, now_ns);
        }
    }

    fn exit(&mut self, pid: u32, tid: u32, now_ns: u64) {
        let Some(&proc) = self.live_processes.get(&pid) else {
            return;
        };
        self.end_thread(pid, tid, now_ns);
        let Some(process) = self.processes.get_mut(proc as usize) else {
            return;
        };
        if process.live.remove(&tid) && process.live.is_empty() {
            process.exit_ns = Some(now_ns);
            self.end_process(pid, now_ns);
        }
    }

    /// The live process of a pid; one that was never announced is opened now.
    fn process(&mut self, pid: u32, now_ns: u64) -> u32 {
        match self.live_processes.get(&pid) {
            Some(&proc) => proc,
            None => self.open_process(pid, NONE, now_ns),
        }
    }

    fn open_process(&mut self, pid: u32, parent: u32, now_ns: u64) -> u32 {
        let proc = self.processes.insert(ProcessState {
            pid,
            parent,
            comm: Interner::EMPTY,
            first_seen_ns: now_ns,
            exit_ns: None,
            mm: NONE,
            live: HashSet::new(),
        });
        let mm = self.add_mm(proc, None);
        if let Some(process) = self.processes.get_mut(proc as usize) {
            process.mm = mm;
        }
        self.live_processes.insert(pid, proc);
        proc
    }

    fn add_mm(&mut self, proc: u32, known_since_ns: Option<u64>) -> u32 {
        let index = self.mms.insert(Mm {
            space: AddressSpace::new(NONE, proc),
            pages: PageHistory::default(),
            parent: None,
            known_since_ns,
            calls: CallState::default(),
            made_ns: known_since_ns.unwrap_or(0),
            ended_ns: OPEN_NS,
        });
        if let Some(mm) = self.mms.get_mut(index as usize) {
            mm.space = AddressSpace::new(index, proc);
        }
        index
    }

    fn end_process(&mut self, pid: u32, now_ns: u64) {
        let Some(proc) = self.live_processes.remove(&pid) else {
            return;
        };
        self.timeline.forget_process(pid);
        let Some(process) = self.processes.get_mut(proc as usize) else {
            return;
        };
        let (live, mm) = (std::mem::take(&mut process.live), process.mm);
        for tid in live {
            self.end_thread(pid, tid, now_ns);
        }
        self.end_mm(mm, now_ns);
    }

    fn end_thread(&mut self, pid: u32, tid: u32, now_ns: u64) {
        self.last_thread = None;
        let thread = self.live_threads.remove(&thread_key(pid, tid));
        if let Some(thread) = thread.and_then(|thread| self.threads.get_mut(thread as usize)) {
            thread.to_ns = now_ns;
        }
    }

    fn end_mm(&mut self, mm: u32, now_ns: u64) {
        if let Some(mm) = self.mms.get_mut(mm as usize) {
            mm.space.clear();
            mm.calls = CallState::default();
            mm.ended_ns = now_ns;
        }
    }

    /// The live thread of a pid and tid; one that was never announced is opened now.
    pub(crate) fn thread(&mut self, pid: u32, tid: u32, now_ns: u64) -> u32 {
        let key = thread_key(pid, tid);
        if let Some((_, thread)) = self.last_thread.filter(|last| last.0 == key) {
            return thread;
        }
        if let Some(&thread) = self.live_threads.get(&key) {
            self.last_thread = Some((key, thread));
            return thread;
        }
        let proc = self.process(pid, now_ns);
        let mut comm = Interner::EMPTY;
        if let Some(process) = self.processes.get_mut(proc as usize) {
            process.live.insert(tid);
            comm = process.comm;
        }
        let thread = ThreadState { proc, tid, from_ns: now_ns, to_ns: OPEN_NS, comm };
        let thread = self.threads.insert(thread);
        self.live_threads.insert(key, thread);
        thread
    }

    /// Names a thread, and its process if it is the main thread or the process has no name.
    fn name_thread(&mut self, thread: u32, comm: Name) {
        let Some(thread) = self.threads.get_mut(thread as usize) else {
            return;
        };
        thread.comm = comm;
        if let Some(process) = self.processes.get_mut(thread.proc as usize)
            && (process.pid == thread.tid || process.comm == Interner::EMPTY)
        {
            process.comm = comm;
        }
    }

    /// Name of a live thread; failing that, of its process.
    fn comm_of(&self, pid: u32, tid: u32) -> Name {
        let thread = self.live_threads.get(&thread_key(pid, tid));
        if let Some(thread) = thread.and_then(|&thread| self.threads.get(thread as usize)) {
            return thread.comm;
        }
        let process = self.live_processes.get(&pid);
        let process = process.and_then(|&proc| self.processes.get(proc as usize));
        process.map_or(Interner::EMPTY, |process| process.comm)
    }

    /// Process id of a process.
    pub(crate) fn pid_of(&self, proc: u32) -> Option<u32> {
        self.processes.get(proc as usize).map(|process| process.pid)
    }

    /// The present address space of a process.
    pub(crate) fn mm_of(&self, proc: u32) -> u32 {
        self.processes.get(proc as usize).map_or(NONE, |process| process.mm)
    }

    /// Whether an address space came to be, by `fork` or `exec`, after a moment.
    pub(crate) fn is_made_after(&self, mm: u32, time_ns: u64) -> bool {
        self.mms.get(mm as usize).is_some_and(|mm| mm.made_ns > time_ns)
    }
}
