//! Which module lies where in which process, over time.

use std::ops::Range;

use pft::record::{
    CallKind, CallRecord, MapRecord, Snapshot, SnapshotReason, TaskKind, TaskRecord,
};
use rustc_hash::FxHashMap;

use super::modules::{FileKey, ModuleKey, Modules};
use super::space::{Content, Found, Piece, Space};

/// `MAP_SHARED`.
const SHARED: u32 = 1;
/// `PROT_EXEC`.
const EXEC: u32 = 4;

/// A process that has ended is remembered this long: its last faults may come later than its end.
const ENDED_NS: u64 = 10_000_000_000;

/// Between what the file holds of a module and its `.bss` there is at most so much, for the sake of
/// alignment: the size of a huge page.
const MAX_GAP_BYTES: u64 = 2 << 20;

/// What a new mapping is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// A file, by its module, or the vdso.
    Module(Content),
    /// Anonymous memory that may be executed.
    Code,
    /// Anonymous memory: behind a module its `.bss`.
    Anonymous,
    /// The heap, of which `.bss` may be the first part.
    Heap,
    /// Anything else.
    Other,
}

/// A change that waits for its place in time.
#[derive(Debug)]
enum Change {
    Map { pid: u32, start: u64, end: u64, kind: Kind },
    Unmap { pid: u32, start: u64, end: u64 },
    Task { kind: TaskKind, pid: u32, parent_pid: u32 },
    Snapshot { pid: u32, is_whole: bool, vmas: Vec<(u64, u64, Kind)> },
}

/// The modules of all processes.
#[derive(Debug, Default)]
pub struct CodeMaps {
    /// All that were ever mapped.
    pub modules: Modules,
    spaces: FxHashMap<u32, Space>,
    waiting: Vec<(u64, Change)>,
    changes: u32,
}

impl CodeMaps {
    /// Another number whenever something changed that an earlier answer may have depended on.
    pub const fn epoch(&self) -> u32 {
        self.changes.wrapping_add(self.modules.late)
    }

    /// Task changes.
    pub fn tasks(&mut self, tasks: &[TaskRecord]) {
        for &TaskRecord { time_ns, kind, pid, parent_pid, .. } in tasks {
            if kind != TaskKind::Comm {
                self.waiting.push((time_ns, Change::Task { kind, pid, parent_pid }));
            }
        }
    }

    /// Map changes.
    pub fn maps(&mut self, maps: &[MapRecord]) {
        for map in maps {
            let &MapRecord { time_ns, pid, start, end, .. } = map;
            let file = FileKey::of_map(map);
            let shared = map.flags & SHARED != 0;
            let kind = self.kind(file, map.file_offset, map.prot, shared);
            self.waiting.push((time_ns, Change::Map { pid, start, end, kind }));
        }
    }

    /// System calls that change address spaces.
    pub fn calls(&mut self, calls: &[CallRecord]) {
        for call in calls {
            let end = call.addr.saturating_add(call.len_bytes);
            let start = match call.kind {
                CallKind::Munmap if call.result == 0 => call.addr,
                // It stays where it is, and is at most cut short.
                CallKind::Mremap if u64::try_from(call.result) == Ok(call.addr) => {
                    call.addr.saturating_add(call.new_len_bytes)
                }
                CallKind::Mremap if call.result >= 0 => call.addr,
                _ => continue,
            };
            if start < end && call.end_ns != u64::MAX {
                self.waiting.push((call.time_ns, Change::Unmap { pid: call.pid, start, end }));
            }
        }
    }

    /// A snapshot.
    pub fn snapshot(&mut self, snapshot: &Snapshot) {
        let mut vmas = Vec::with_capacity(snapshot.vmas.len());
        for vma in &snapshot.vmas {
            let kind = self.kind(FileKey::of_vma(vma), vma.file_offset, vma.prot, vma.shared);
            vmas.push((vma.start, vma.end, kind));
        }
        let is_whole = snapshot.reason != SnapshotReason::Query;
        let change = Change::Snapshot { pid: snapshot.pid, is_whole, vmas };
        self.waiting.push((snapshot.start_ns, change));
    }

    fn kind(&mut self, file: FileKey, offset: u64, prot: u32, shared: bool) -> Kind {
        let is_code = prot & EXEC != 0;
        let is_file = file.inode != 0 && file.path.starts_with(b"/");
        if !is_file && file.path == b"[vdso]" {
            let module = self.modules.intern(ModuleKey::Vdso, true);
            return Kind::Module(Content { module, offset: 0, is_code: true, is_file: true });
        }
        if !is_file {
            return match file.path.as_slice() {
                _ if shared => Kind::Other,
                [] | b"//anon" | b"[heap]" if is_code => Kind::Code,
                path if is_code && path.starts_with(b"[anon:") => Kind::Code,
                b"[heap]" => Kind::Heap,
                [] | b"//anon" => Kind::Anonymous,
                path if path.starts_with(b"[anon:") => Kind::Anonymous,
                _ => Kind::Other,
            };
        }
        if shared && !is_code {
            return Kind::Other;
        }
        match self.modules.intern(ModuleKey::File(file), is_code) {
            Some(module) => {
                Kind::Module(Content { module: Some(module), offset, is_code, is_file: true })
            }
            None => Kind::Other,
        }
    }

    /// Takes in all that waits, in order of time.
    pub fn settle(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|(time_ns, _)| *time_ns);
        let now_ns = waiting.last().map_or(0, |(time_ns, _)| *time_ns);
        for (time_ns, change) in waiting.drain(..) {
            self.apply(time_ns, change);
        }
        self.waiting = waiting;
        let Self { spaces, modules, changes, .. } = self;
        spaces.retain(|_, space| {
            let over = space.ended_ns.is_some_and(|at| at.saturating_add(ENDED_NS) < now_ns);
            if over {
                want(modules, space);
                *changes = changes.wrapping_add(1);
            }
            !over
        });
    }

    fn apply(&mut self, at_ns: u64, change: Change) {
        let (Change::Map { pid, .. }
        | Change::Unmap { pid, .. }
        | Change::Task { pid, .. }
        | Change::Snapshot { pid, .. }) = change;
        let changed = match change {
            Change::Map { pid, start, end, kind } => {
                let space = self.spaces.entry(pid).or_default();
                put(space, (start, end, kind), at_ns, false)
            }
            Change::Unmap { pid, start, end } => {
                self.spaces.get_mut(&pid).is_some_and(|space| space.cut(start..end, at_ns))
            }
            Change::Snapshot { pid, is_whole, vmas } => {
                let space = self.spaces.entry(pid).or_default();
                reconcile(space, &vmas, is_whole, at_ns)
            }
            Change::Task { kind, pid, parent_pid } => self.task(kind, pid, parent_pid, at_ns),
        };
        if changed {
            self.changes = self.changes.wrapping_add(1);
            if let Some(space) = self.spaces.get_mut(&pid) {
                space.version = self.changes;
            }
        }
    }

    fn task(&mut self, kind: TaskKind, pid: u32, parent_pid: u32, at_ns: u64) -> bool {
        if kind == TaskKind::Fork && pid != parent_pid {
            let forked = self.spaces.get(&parent_pid).map_or_else(Space::default, Space::fork);
            if let Some(before) = self.spaces.insert(pid, forked) {
                want(&mut self.modules, &before);
            }
            return true;
        }
        let space = self.spaces.entry(pid).or_default();
        match kind {
            TaskKind::Fork | TaskKind::Present => space.threads += 1,
            TaskKind::Exit => {
                space.threads = space.threads.saturating_sub(1);
                space.ended_ns = (space.threads == 0).then_some(at_ns);
            }
            TaskKind::Exec => {
                want(&mut self.modules, space);
                space.exec(at_ns);
                return true;
            }
            TaskKind::Comm => {}
        }
        false
    }

    /// What lies at an address of a process that faults; `None` if nothing is known of the process.
    pub fn find(&mut self, pid: u32, addr: u64, time_ns: u64) -> Option<Found> {
        let space = self.spaces.get_mut(&pid)?;
        space.has_faulted = true;
        // Some of its threads were not known.
        if let Some(ended_ns) = &mut space.ended_ns {
            *ended_ns = (*ended_ns).max(time_ns);
        }
        Some(space.find(addr, time_ns))
    }

    /// The nearest code of the module that has data at an address, and where it begins.
    pub fn code_near(
        &self,
        pid: u32,
        addr: u64,
        module: u32,
        time_ns: u64,
    ) -> Option<(u64, Piece)> {
        self.spaces.get(&pid)?.code_near(addr, module, time_ns)
    }

    /// Another number whenever the address space of a process changed.
    pub fn version(&self, pid: u32) -> u32 {
        self.spaces.get(&pid).map_or(0, |space| space.version)
    }

    /// Where the code of a process is: addresses, file offset, module. Code that it made has none.
    pub fn code_of(&self, pid: u32) -> impl Iterator<Item = (Range<u64>, u64, Option<u32>)> {
        self.spaces.get(&pid).into_iter().flat_map(Space::code)
    }

    /// Marks the modules of all processes that faulted.
    pub fn want_all(&mut self) {
        let Self { spaces, modules, .. } = self;
        spaces.values().for_each(|space| want(modules, space));
    }
}

fn want(modules: &mut Modules, space: &Space) {
    if space.has_faulted {
        space.modules().for_each(|module| modules.want(module));
    }
}

/// Something new is mapped. Whether that changes anything.
fn put(space: &mut Space, (start, end, kind): (u64, u64, Kind), at_ns: u64, old: bool) -> bool {
    if start >= end {
        return false;
    }
    let content = match kind {
        Kind::Module(content) => Some(content),
        Kind::Code => Some(Content { module: None, offset: start, is_code: true, is_file: false }),
        Kind::Anonymous => bss(space, start, MAX_GAP_BYTES),
        Kind::Heap => bss(space, start, 0),
        Kind::Other => None,
    };
    match content {
        Some(content) => space.set(start..end, content, at_ns, old),
        None => space.cut(start..end, at_ns),
    }
}

/// Anonymous memory as a part of the module in front of it. What the file does not hold of a segment
/// lies directly behind what it does, or upon it if more of the file was mapped; a segment of which it
/// holds nothing may begin some way behind another.
fn bss(space: &Space, start: u64, max_gap_bytes: u64) -> Option<Content> {
    let (from, Piece { end, content, .. }) = space.below(start)?;
    let max_gap_bytes = if content.is_file { max_gap_bytes } else { 0 };
    let is_data = !content.is_code && content.module.is_some();
    let offset = content.offset.wrapping_add(start - from);
    (is_data && start.saturating_sub(end) <= max_gap_bytes).then_some(Content {
        offset,
        is_file: false,
        ..content
    })
}

/// Brings an address space in line with a snapshot. Whether that changes anything.
fn reconcile(space: &mut Space, vmas: &[(u64, u64, Kind)], is_whole: bool, at_ns: u64) -> bool {
    let mut changed = false;
    // A process that is just ending shows no maps any more: that says nothing.
    if is_whole && !vmas.is_empty() {
        let mut vmas = vmas.iter().peekable();
        for piece in space.ranges() {
            let mut gone_from = piece.start;
            while let Some(&&(start, end, _)) = vmas.peek() {
                if end <= piece.start {
                    vmas.next();
                    continue;
                }
                if start >= piece.end {
                    break;
                }
                if start > gone_from {
                    changed |= space.cut(gone_from..start, at_ns);
                }
                gone_from = gone_from.max(end);
                if end > piece.end {
                    break;
                }
                vmas.next();
            }
            if gone_from < piece.end {
                changed |= space.cut(gone_from..piece.end, at_ns);
            }
        }
    }
    for &vma in vmas {
        changed |= put(space, vma, at_ns, true);
    }
    changed
}
