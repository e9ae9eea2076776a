//! What `/proc/PID` tells of a process and its threads.
//!
//! A thread's name is any fifteen bytes, so no file that holds one is UTF-8 for sure.

use std::path::Path;

/// A file of a process as text, with U+FFFD for what is none; `None` when the process is gone, or the file may not be read.
pub fn read(proc_root: &Path, pid: u32, file: &str) -> Option<String> {
    let bytes = std::fs::read(proc_root.join(pid.to_string()).join(file)).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// What follows `name` in the text of `/proc/PID/status`, without blanks around it.
pub fn status_line<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

/// Whether this process ignores a signal, as whoever started it had it; not known is no.
#[must_use]
pub fn ignores(signal: i32) -> bool {
    let ignored = || {
        let status = read(Path::new("/proc"), std::process::id(), "status")?;
        let mask = u64::from_str_radix(status_line(&status, "SigIgn:")?, 16).ok()?;
        Some(mask >> u32::try_from(signal.checked_sub(1)?).ok()? & 1 != 0)
    };
    ignored().unwrap_or(false)
}

/// Threads of a process now, from `/proc/PID/task`; `None` when it is gone.
#[must_use]
pub fn threads_of(pid: u32) -> Option<Vec<u32>> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    Some(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// The soft stack limit of a process, if it has one.
#[must_use]
pub fn stack_limit_bytes(proc_root: &Path, pid: u32) -> Option<u64> {
    let limits = read(proc_root, pid, "limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max stack size"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Minor and major faults of a process and of the children that it waited for, from
/// `/proc/PID/stat`.
#[must_use]
pub fn fault_totals(proc_root: &Path, pid: u32) -> Option<(u64, u64)> {
    let fields = stat_fields(proc_root, pid)?;
    let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some((field(7)? + field(8)?, field(9)? + field(10)?))
}

/// Whether a process runs: one that has ended and was not waited for does not.
#[must_use]
pub fn is_running(proc_root: &Path, pid: u32) -> bool {
    let fields = stat_fields(proc_root, pid);
    fields.is_some_and(|fields| !matches!(fields.first().map(String::as_str), Some("Z" | "X")))
}

/// Whether a process has not begun to end.
#[must_use]
pub fn is_alive(proc_root: &Path, pid: u32) -> bool {
    const PF_EXITING: u32 = 4;
    let flags = stat_fields(proc_root, pid).and_then(|fields| fields.get(6)?.parse::<u32>().ok());
    flags.is_some_and(|flags| flags & PF_EXITING == 0)
}

/// The fields of `/proc/PID/stat` from the state on.
fn stat_fields(proc_root: &Path, pid: u32) -> Option<Vec<String>> {
    let stat = read(proc_root, pid, "stat")?;
    // The name may hold anything, parentheses included: the fields follow its last one.
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// Name of a thread; empty when it is gone.
#[must_use]
pub fn comm(pid: u32, tid: u32) -> Vec<u8> {
    let comm = std::fs::read(format!("/proc/{pid}/task/{tid}/comm"));
    comm.unwrap_or_default().trim_ascii_end().to_vec()
}

/// The process of a thread, from `/proc/TID/status`.
#[must_use]
pub fn process_of(proc_root: &Path, tid: u32) -> Option<u32> {
    status_line(&read(proc_root, tid, "status")?, "Tgid:")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files of process 7.
    fn put(root: &Path, file: &str, content: &[u8]) {
        std::fs::create_dir_all(root.join("7")).unwrap();
        std::fs::write(root.join("7").join(file), content).unwrap();
    }

    #[test]
    fn names_with_parentheses_do_not_shift_the_fields() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("7")).unwrap();
        let stat = "7 (a) b ) S 1 7 7 0 -1 4194304 100 20 3 4 0 0 0 0 20 0 1 0 5 6 7";
        std::fs::write(root.path().join("7/stat"), stat).unwrap();
        assert_eq!(fault_totals(root.path(), 7), Some((120, 7)));
        assert!(is_running(root.path(), 7) && !is_running(root.path(), 8));
        std::fs::write(root.path().join("7/stat"), stat.replace(") S", ") Z")).unwrap();
        assert!(!is_running(root.path(), 7));
    }

    #[test]
    fn names_are_any_bytes() {
        let root = tempfile::tempdir().unwrap();
        put(
            root.path(),
            "stat",
            b"7 (\xff\n\xfe) S 1 7 7 0 -1 4194304 100 20 3 4 0 0 0 0 20 0 1 0 5 6 7",
        );
        put(
            root.path(),
            "status",
            b"Name:\t\xff\\n\xfe\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t5\nPid:\t7\n",
        );
        assert_eq!(fault_totals(root.path(), 7), Some((120, 7)));
        assert!(is_running(root.path(), 7) && is_alive(root.path(), 7));
        assert_eq!(process_of(root.path(), 7), Some(5));
        assert_eq!(process_of(root.path(), 8), None);
    }
}
