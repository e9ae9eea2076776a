//! Control groups for the time of a test.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use self::Hierarchy::{Version1, Version2};
use crate::Workload;

/// Shell script that enters the group whose `cgroup.procs` is its first argument, then becomes the rest.
const ENTER: &str = r#"echo $$ >"$0" && exec "$@""#;

/// How often to try to remove a group whose processes are about to end, and the time between.
const REMOVAL_ATTEMPTS: u32 = 500;
const REMOVAL_INTERVAL: Duration = Duration::from_millis(10);

/// Tells the groups of one process apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A control group of its own. When dropped, its processes are killed and it is removed.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// A group with a limit of memory and without swap: version 1 where its memory controller is mounted,
    /// else version 2.
    ///
    /// # Errors
    ///
    /// Why this machine or user cannot make one.
    pub fn memory(limit_mib: u32) -> Result<Self, String> {
        let limit = (u64::from(limit_mib) << 20).to_string();
        if let Ok(root) = mount_of(Version1("memory")) {
            let group = Self::below(&root)?;
            group.set("memory.limit_in_bytes", &limit)?;
            group.set("memory.swappiness", "0")?;
            group.set_if_there("memory.memsw.limit_in_bytes", &limit)?;
            return Ok(group);
        }
        let root = mount_of(Version2)?;
        let control = root.join("cgroup.subtree_control");
        let enabled = fs::read_to_string(&control)
            .is_ok_and(|text| text.split_whitespace().any(|controller| controller == "memory"));
        if !enabled {
            return Err(format!("no memory controller (echo +memory >{})", control.display()));
        }
        let group = Self::below(&root)?;
        group.set("memory.max", &limit)?;
        group.set_if_there("memory.swap.max", "0")?;
        Ok(group)
    }

    /// A group with a limit of memory that may swap: version 1 only.
    ///
    /// # Errors
    ///
    /// Why this machine or user cannot make one.
    pub fn memory_and_swap(limit_mib: u32) -> Result<Self, String> {
        let group = Self::below(&mount_of(Version1("memory"))?)?;
        group.set("memory.limit_in_bytes", &(u64::from(limit_mib) << 20).to_string())?;
        group.set("memory.swappiness", "60")?;
        Ok(group)
    }

    /// A group of version 2 without any limits.
    ///
    /// # Errors
    ///
    /// Why this machine or user cannot make one.
    pub fn unified() -> Result<Self, String> {
        Self::below(&mount_of(Version2)?)
    }

    /// A group of version 1 in the hierarchy of the `perf_event` controller.
    ///
    /// # Errors
    ///
    /// Why this machine or user cannot make one.
    pub fn perf_event() -> Result<Self, String> {
        Self::below(&mount_of(Version1("perf_event"))?)
    }

    fn below(root: &Path) -> Result<Self, String> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = root.join(format!("pf-test-{}-{number}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => Ok(Self { path }),
            Err(error) => Err(format!("cannot make {}: {error}", path.display())),
        }
    }

    fn set(&self, file: &str, value: &str) -> Result<(), String> {
        let path = self.path.join(file);
        fs::write(&path, value).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Files about swap exist only where the kernel accounts for it.
    fn set_if_there(&self, file: &str, value: &str) -> Result<(), String> {
        if self.path.join(file).exists() { self.set(file, value) } else { Ok(()) }
    }

    /// Its folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A command that runs `program` in the group, to be completed with its arguments. Its process is in
    /// the group before the program begins.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", ENTER]).arg(self.processes_file()).arg(program);
        command
    }

    /// The same workload, to be run in the group.
    #[must_use]
    pub fn enclose(&self, workload: &Workload) -> Workload {
        Workload::new("sh", "-c").arg(ENTER).arg(self.processes_file()).args(workload.argv())
    }

    /// Processes in the group.
    ///
    /// # Errors
    ///
    /// When its list cannot be read.
    pub fn processes(&self) -> io::Result<Vec<u32>> {
        let text = fs::read_to_string(self.processes_file())?;
        Ok(text.lines().filter_map(|line| line.parse().ok()).collect())
    }

    /// How many processes of a group with a limit the OOM killer has ended.
    ///
    /// # Errors
    ///
    /// When the group does not tell, or has no limit.
    pub fn oom_kills(&self) -> io::Result<u64> {
        let version1 = self.path.join("memory.oom_control");
        let file = if version1.exists() { version1 } else { self.path.join("memory.events") };
        let text = fs::read_to_string(&file)?;
        text.lines()
            .find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok())
            .ok_or_else(|| io::Error::other(format!("no oom_kill in {}", file.display())))
    }

    fn processes_file(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for _ in 0..REMOVAL_ATTEMPTS {
            for pid in self.processes().unwrap_or_default() {
                // One that has ended by itself is no trouble; this process is not in the group.
                let _ = Pid::from_raw(pid.cast_signed()).map(|p| kill_process(p, Signal::KILL));
            }
            match fs::remove_dir(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
                _ => return,
            }
            sleep(REMOVAL_INTERVAL);
        }
        eprintln!("{} remains", self.path.display());
    }
}

/// A hierarchy of control groups.
enum Hierarchy {
    /// That of a controller of version 1.
    Version1(&'static str),
    /// The only one of version 2.
    Version2,
}

/// Where a hierarchy is mounted, or the reason why there is none.
fn mount_of(hierarchy: Hierarchy) -> Result<PathBuf, String> {
    let mounts = fs::read_to_string("/proc/self/mounts")
        .map_err(|error| format!("/proc/self/mounts: {error}"))?;
    find_mount(&mounts, &hierarchy).ok_or_else(|| match hierarchy {
        Version1(controller) => format!("no hierarchy of the controller {controller} is mounted"),
        Version2 => "no cgroup2 is mounted".to_owned(),
    })
}

fn find_mount(mounts: &str, hierarchy: &Hierarchy) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind, options) = (fields.next()?, fields.next()?, fields.next()?);
        let matches = match hierarchy {
            Version1(controller) => {
                kind == "cgroup" && options.split(',').any(|o| o == *controller)
            }
            Version2 => kind == "cgroup2",
        };
        matches.then(|| PathBuf::from(path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_are_found_by_controller() {
        let mounts = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
            cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\n\
            cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n\
            cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";
        let found = |hierarchy| find_mount(mounts, &hierarchy);
        let path = |name: &str| Some(Path::new("/sys/fs/cgroup").join(name));
        assert_eq!(found(Version1("memory")), path("memory"));
        assert_eq!(found(Version1("cpuacct")), path("cpu,cpuacct"));
        assert_eq!(found(Version1("perf_event")), None);
        assert_eq!(found(Version2), path("unified"));
        assert_eq!(find_mount("cgroup2", &Version2), None);
    }
}
