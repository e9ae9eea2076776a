//! In which control groups processes are: `/proc/PID/cgroup`.

use std::path::Path;

use pft::record::CgroupRecord;

use crate::system::clock;

use crate::targets::processes;

/// A line of `/proc/PID/cgroup`: number of the hierarchy, controllers, path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Line<'a> {
    is_v2: bool,
    /// Whether it is the hierarchy of version 1 with the limits on memory.
    has_memory: bool,
    path: &'a [u8],
}

/// In which control group `pid` is, below a `/proc` root; nothing if it is gone, or about to be.
#[must_use]
pub fn read(proc_root: &Path, pid: u32) -> Option<CgroupRecord> {
    let text = std::fs::read(proc_root.join(pid.to_string()).join("cgroup")).ok()?;
    let time_ns = clock::monotonic_ns();
    let line = chosen(&text)?;
    // Of a process that ends, version 1 shows the root, and version 2 that the group is removed.
    let may_end = if line.is_v2 { line.path.ends_with(b" (deleted)") } else { line.path == b"/" };
    if may_end && !processes::is_alive(proc_root, pid) {
        return None;
    }
    Some(CgroupRecord { time_ns, pid, path: line.path.to_vec() })
}

/// The line that tells where memory is limited: that of the controller `memory` of version 1; without one
/// that of version 2; without either the first one.
fn chosen(text: &[u8]) -> Option<Line<'_>> {
    let lines = || text.split(|&byte| byte == b'\n').filter_map(parse);
    let (with_memory, of_v2) =
        (lines().find(|line| line.has_memory), lines().find(|line| line.is_v2));
    with_memory.or(of_v2).or_else(|| lines().next())
}

/// The path, which may hold colons, is behind the second one.
fn parse(line: &[u8]) -> Option<Line<'_>> {
    let mut fields = line.splitn(3, |&byte| byte == b':');
    let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let has_memory = controllers.split(|&byte| byte == b',').any(|one| one == b"memory");
    Some(Line { is_v2: number == b"0", has_memory, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &[u8]) -> Option<&[u8]> {
        chosen(text).map(|line| line.path)
    }

    #[test]
    fn the_line_that_limits_memory_is_chosen() {
        let hybrid = b"12:blkio:/b\n9:name=systemd:/s\n4:cpu,memory:/docker/3f2a\n0::/u\n";
        assert_eq!(path(hybrid), Some(&b"/docker/3f2a"[..]));
        assert_eq!(path(b"9:name=systemd:/s\n0::/u\n"), Some(&b"/u"[..]));
        assert_eq!(path(b"9:name=systemd:/s\n3:cpuset:/c\n"), Some(&b"/s"[..]));
        assert_eq!(path(b"0::/\n"), Some(&b"/"[..]));
        assert_eq!(path(b"0::/../a:b\xff c\n"), Some(&b"/../a:b\xff c"[..]));
        assert_eq!(path(b"4:memory2:/m\n0::/u\n"), Some(&b"/u"[..]));
        for text in [&b""[..], b"\n", b"0:", b"0\n"] {
            assert_eq!(path(text), None, "{}", text.escape_ascii());
        }
    }

    /// A process whose cgroup file and flags are these.
    fn seen(cgroup: &str, flags: Option<u32>) -> Option<Vec<u8>> {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("42")).unwrap();
        std::fs::write(root.path().join("42/cgroup"), cgroup).unwrap();
        if let Some(flags) = flags {
            let stat = format!("42 (a) b) S 1 42 42 0 -1 {flags} 500 0");
            std::fs::write(root.path().join("42/stat"), stat).unwrap();
        }
        let seen = read(root.path(), 42)?;
        assert_eq!(seen.pid, 42);
        Some(seen.path)
    }

    #[test]
    fn a_process_that_ends_is_in_no_group() {
        const EXITING: u32 = 0x0040_0104;
        const RUNNING: u32 = 0x0040_0100;
        let root = "4:memory:/\n0::/u\n";
        assert_eq!(seen(root, Some(RUNNING)).as_deref(), Some(&b"/"[..]));
        assert_eq!(seen(root, Some(EXITING)), None);
        assert_eq!(seen(root, None), None);
        assert_eq!(seen("0::/\n", None).as_deref(), Some(&b"/"[..]));
        assert_eq!(seen("0::/a (deleted)\n", Some(EXITING)), None);
        assert_eq!(seen("0::/a (deleted)\n", Some(RUNNING)), Some(b"/a (deleted)".to_vec()));
        assert_eq!(seen("4:memory:/a\n", Some(EXITING)).as_deref(), Some(&b"/a"[..]));
        assert_eq!(read(Path::new("/nonexistent"), 42), None);
    }

    #[test]
    fn this_process_is_in_the_group_that_its_file_tells() {
        let own = std::process::id();
        let Ok(text) = std::fs::read("/proc/self/cgroup") else {
            eprintln!("skipped: no control groups");
            return;
        };
        let before_ns = clock::monotonic_ns();
        let seen = read(Path::new("/proc"), own).unwrap();
        assert!((before_ns..=clock::monotonic_ns()).contains(&seen.time_ns));
        assert_eq!(Some(&*seen.path), path(&text));
    }
}
