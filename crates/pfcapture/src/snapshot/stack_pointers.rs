//! Where the stacks of threads are that wait in the kernel: `/proc/PID/task/TID/syscall`.

use std::io::ErrorKind;
use std::path::Path;

use pft::record::StackPointerRecord;

use crate::system::clock;

/// Threads of a process that are looked at.
const MAX_THREADS: usize = 1000;

/// The stack pointers of the threads of `pid` that wait, below a `/proc` root. Of those that run, or may
/// not be looked at (`ptrace(2)` says who may), nothing is known.
#[must_use]
pub fn read(proc_root: &Path, pid: u32) -> Vec<StackPointerRecord> {
    let mut found = Vec::new();
    let Ok(threads) = proc_root.join(pid.to_string()).join("task").read_dir() else {
        return found;
    };
    for thread in threads.flatten().take(MAX_THREADS) {
        let Some(tid) = thread.file_name().to_str().and_then(|tid| tid.parse().ok()) else {
            continue;
        };
        match std::fs::read_to_string(thread.path().join("syscall")) {
            Ok(line) => found.extend(parse(&line).map(|stack_pointer| {
                let time_ns = clock::monotonic_ns();
                StackPointerRecord { time_ns, pid, tid, stack_pointer }
            })),
            // It holds for the whole process.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => break,
            Err(_) => {}
        }
    }
    found
}

/// The stack pointer of a line: the last word but one, behind the number of the system call and its
/// arguments, or behind -1 where the thread waits for something else.
fn parse(line: &str) -> Option<u64> {
    let mut words = line.split_ascii_whitespace().rev();
    let (_program_counter, stack_pointer) = (words.next()?, words.next()?);
    let stack_pointer = u64::from_str_radix(stack_pointer.strip_prefix("0x")?, 16).ok()?;
    // A thread of the kernel has none.
    (words.next().is_some() && stack_pointer != 0).then_some(stack_pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_pointer_is_the_last_word_but_one() {
        let waiting = "202 0x7f8 0x189 0x0 0x0 0x0 0xffffffff 0x7ffc9d0 0x7f05fa8\n";
        assert_eq!(parse(waiting), Some(0x7ffc9d0));
        assert_eq!(parse("-1 0x7ffc9d0 0x7f05fa8\n"), Some(0x7ffc9d0));
        for line in ["running\n", "", "0x1 0x2", "-1 0x0 0x0\n", "-1 7ffc9d0 0x1", "-1 0x 0x1"] {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn threads_that_wait_are_found_below_the_given_root() {
        let root = tempfile::tempdir().unwrap();
        for (tid, line) in [(42, "running\n"), (43, "-1 0x1000 0x1\n"), (44, "0 0x2000 0x1\n")] {
            let thread = root.path().join(format!("42/task/{tid}"));
            std::fs::create_dir_all(&thread).unwrap();
            std::fs::write(thread.join("syscall"), line).unwrap();
        }
        // It ended meanwhile.
        std::fs::create_dir(root.path().join("42/task/45")).unwrap();
        let mut found = read(root.path(), 42);
        found.sort_by_key(|shown| shown.tid);
        let found: Vec<_> = found.iter().map(|s| (s.pid, s.tid, s.stack_pointer)).collect();
        assert_eq!(found, [(42, 43, 0x1000), (42, 44, 0x2000)]);
        assert_eq!(read(root.path(), 43), []);
    }
}
