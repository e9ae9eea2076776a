//! Tracepoint `format` files: field offsets come from the running kernel, never from constants.

use std::path::Path;

use pfpairing::tracepoint::Format;
pub use pfpairing::tracepoint::{PageFaultTracepoint, parse_format};
use pft::record::CallKind;

/// Where the fields of `signal:signal_generate` lie in the raw payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalTracepoint {
    /// The event's `config`.
    pub id: u64,
    /// Offset of the signal's number.
    pub signal: usize,
    /// Offset of the code, `si_code` of sigaction(2).
    pub code: usize,
}

/// One system call: where its arguments lie in the raw payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTracepoint {
    /// `config` of the event at its entry.
    pub entry_id: u64,
    /// `config` of the event at its exit.
    pub exit_id: u64,
    /// Offset of the first address.
    pub addr: usize,
    /// Offset of the length.
    pub len: usize,
    /// Offset of the new length (`mremap`).
    pub new_len: Option<usize>,
    /// Offset of flags or advice.
    pub argument: Option<usize>,
    /// Offset of what it returns, in the payload of the exit.
    pub result: usize,
}

/// The system calls that change an address space without a map record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallTracepoints {
    /// `munmap(2)`.
    pub munmap: CallTracepoint,
    /// `mremap(2)`.
    pub mremap: CallTracepoint,
    /// `madvise(2)`.
    pub madvise: CallTracepoint,
}

impl CallTracepoints {
    /// That of one call.
    #[must_use]
    pub const fn of(&self, kind: CallKind) -> Option<CallTracepoint> {
        match kind {
            CallKind::Munmap => Some(self.munmap),
            CallKind::Mremap => Some(self.mremap),
            CallKind::Madvise => Some(self.madvise),
            _ => None,
        }
    }
}

/// Reads the tracepoints of the system calls below a tracefs root; `None` when one is absent, unreadable or
/// unlike what this code knows.
#[must_use]
pub fn call_tracepoints(tracefs: &Path) -> Option<CallTracepoints> {
    let read = |name: &str| {
        std::fs::read_to_string(tracefs.join("events/syscalls").join(name).join("format")).ok()
    };
    let call =
        |name: &str, addr: &str, len: &str, new_len: Option<&str>, argument: Option<&str>| {
            let (entry, exit) =
                (read(&format!("sys_enter_{name}"))?, read(&format!("sys_exit_{name}"))?);
            let (entry, exit) = (Format::parse(&entry)?, Format::parse(&exit)?);
            let optional = |name: Option<&str>| match name {
                Some(name) => entry.offset(name, 8).map(Some),
                None => Some(None),
            };
            Some(CallTracepoint {
                entry_id: entry.id,
                exit_id: exit.id,
                addr: entry.offset(addr, 8)?,
                len: entry.offset(len, 8)?,
                new_len: optional(new_len)?,
                argument: optional(argument)?,
                result: exit.offset("ret", 8)?,
            })
        };
    Some(CallTracepoints {
        munmap: call("munmap", "addr", "len", None, None)?,
        mremap: call("mremap", "addr", "old_len", Some("new_len"), Some("flags"))?,
        madvise: call("madvise", "start", "len_in", None, Some("behavior"))?,
    })
}

/// Where the fields of `oom:mark_victim` lie in the raw payload. Before Linux 6.9 there is only the pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OomTracepoint {
    /// The event's `config`.
    pub id: u64,
    /// Offset of the victim's process id.
    pub pid: usize,
    /// Offset of the word that says where the name lies: offset below, length above 16 bits.
    pub comm: Option<usize>,
    /// Offsets of sizes in KiB: address space, anonymous, file, shared memory, page tables.
    pub kib: [Option<usize>; 5],
    /// Offset of the user.
    pub uid: Option<usize>,
    /// Offset of `oom_score_adj`.
    pub oom_score_adj: Option<usize>,
}

/// Reads `oom:mark_victim` below a tracefs root; `None` when it is absent, unreadable or unlike what this
/// code knows.
#[must_use]
pub fn oom_tracepoint(tracefs: &Path) -> Option<OomTracepoint> {
    parse_oom(&std::fs::read_to_string(tracefs.join("events/oom/mark_victim/format")).ok()?)
}

/// Parses the `format` file of `oom:mark_victim`; `None` unless it has the victim.
#[must_use]
pub fn parse_oom(text: &str) -> Option<OomTracepoint> {
    let format = Format::parse(text)?;
    let sizes = ["total_vm", "anon_rss", "file_rss", "shmem_rss", "pgtables"];
    Some(OomTracepoint {
        id: format.id,
        pid: format.offset("pid", 4)?,
        comm: format.offset("comm", 4),
        kib: sizes.map(|name| format.offset(name, 8)),
        uid: format.offset("uid", 4),
        oom_score_adj: format.offset("oom_score_adj", 2),
    })
}

/// Reads `signal:signal_generate` below a tracefs root; `None` when it is absent, unreadable or unlike what this
/// code knows.
#[must_use]
pub fn signal_tracepoint(tracefs: &Path) -> Option<SignalTracepoint> {
    let path = tracefs.join("events/signal/signal_generate/format");
    parse_signal(&std::fs::read_to_string(path).ok()?)
}

/// Parses the `format` file of `signal:signal_generate`; `None` unless both fields are there.
#[must_use]
pub fn parse_signal(text: &str) -> Option<SignalTracepoint> {
    let format = Format::parse(text)?;
    Some(SignalTracepoint {
        id: format.id,
        signal: format.offset("sig", 4)?,
        code: format.offset("code", 4)?,
    })
}

/// Reads the id of `syscalls:sys_enter_set_robust_list` below a tracefs root; `None` when it is absent, unreadable or unlike what this
/// code knows.
#[must_use]
pub fn thread_start_tracepoint(tracefs: &Path) -> Option<u64> {
    let path = tracefs.join("events/syscalls/sys_enter_set_robust_list/format");
    parse_id(&std::fs::read_to_string(path).ok()?)
}

/// Reads both page-fault tracepoints below a tracefs root; `None` when they are absent, unreadable or unlike
/// what this code knows, as their error code is on other architectures.
#[must_use]
pub fn page_fault_tracepoints(
    tracefs: &Path,
) -> Option<(PageFaultTracepoint, PageFaultTracepoint)> {
    // RISC-V has them too since Linux 6.17, with a code of its own in the same place.
    if !cfg!(target_arch = "x86_64") {
        return None;
    }
    let read = |name: &str| {
        let path = tracefs.join("events/exceptions").join(name).join("format");
        parse_format(&std::fs::read_to_string(path).ok()?)
    };
    Some((read("page_fault_user")?, read("page_fault_kernel")?))
}

/// The id of the tracepoint that a `format` file describes.
#[must_use]
pub fn parse_id(text: &str) -> Option<u64> {
    Format::parse(text).map(|format| format.id)
}

/// Where tracefs is mounted, or would be.
#[must_use]
pub fn tracefs_root() -> &'static Path {
    let modern = Path::new("/sys/kernel/tracing");
    if modern.join("events").exists() { modern } else { Path::new("/sys/kernel/debug/tracing") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oom_tracepoint_of_any_kernel() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("events/oom/mark_victim");
        std::fs::create_dir_all(&folder).unwrap();
        let field = |text: &str, offset: usize, size: usize| {
            format!("\tfield:{text};\toffset:{offset};\tsize:{size};\tsigned:1;\n")
        };
        let old = format!("name: mark_victim\nID: 7\nformat:\n{}", field("int pid", 8, 4));
        std::fs::write(folder.join("format"), &old).unwrap();
        let known = oom_tracepoint(root.path()).unwrap();
        assert_eq!((known.id, known.pid, known.comm, known.kib), (7, 8, None, [None; 5]));
        let new = old
            + &field("__data_loc char[] comm", 12, 4)
            + &field("unsigned long anon_rss", 24, 8)
            + &field("short oom_score_adj", 64, 2);
        std::fs::write(folder.join("format"), &new).unwrap();
        let known = oom_tracepoint(root.path()).unwrap();
        assert_eq!((known.comm, known.oom_score_adj), (Some(12), Some(64)));
        assert_eq!(known.kib, [None, Some(24), None, None, None]);
    }
}
