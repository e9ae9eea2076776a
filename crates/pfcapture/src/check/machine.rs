//! What the system tells about itself, this user and this place. Nothing is tried here.

use std::io;
use std::path::{Path, PathBuf};

use crate::targets::processes::status_line;

/// Capabilities that matter here, with their bits (capabilities(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the kernel's names")]
pub enum Capability {
    DacReadSearch = 2,
    IpcLock = 14,
    SysPtrace = 19,
    SysAdmin = 21,
    SysResource = 24,
    Perfmon = 38,
}

impl Capability {
    /// All of them, the one that a recorder needs most in front.
    pub const ALL: [Self; 6] = [
        Self::Perfmon,
        Self::SysPtrace,
        Self::SysAdmin,
        Self::IpcLock,
        Self::DacReadSearch,
        Self::SysResource,
    ];

    /// Name as setcap(8) has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DacReadSearch => "cap_dac_read_search",
            Self::IpcLock => "cap_ipc_lock",
            Self::SysPtrace => "cap_sys_ptrace",
            Self::SysAdmin => "cap_sys_admin",
            Self::SysResource => "cap_sys_resource",
            Self::Perfmon => "cap_perfmon",
        }
    }
}

/// Where the tracepoints are described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tracefs {
    /// Mounted here.
    Mounted(PathBuf),
    /// The kernel has it, but it is mounted at none of the usual places.
    NotMounted,
    /// The kernel has none.
    Unsupported,
    /// `/proc` does not tell.
    Unknown,
}

/// The own control group, in the hierarchy that perf events use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupFolder {
    /// Its folder.
    pub path: PathBuf,
    /// 1 (controller `perf_event`) or 2.
    pub version: u8,
}

/// The system as it describes itself. `None` is what could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Release of the kernel.
    pub kernel_release: Option<String>,
    /// `kernel.perf_event_paranoid`.
    pub paranoid: Option<i32>,
    /// `kernel.perf_event_mlock_kb`, for each CPU.
    pub mlock_kib: Option<u64>,
    /// `RLIMIT_MEMLOCK`, soft; `u64::MAX` for no limit.
    pub memlock_bytes: Option<u64>,
    /// `RLIMIT_NOFILE`, hard; `u64::MAX` for no limit.
    pub descriptors: Option<u64>,
    /// Effective user.
    pub uid: Option<u32>,
    /// Effective capabilities, a bit each.
    pub effective: Option<u64>,
    /// The capabilities that any program started here can get at most.
    pub bounding: Option<u64>,
    /// Number of the last capability that the kernel knows.
    pub last_capability: Option<u32>,
    /// Programs started here gain no privileges (`PR_SET_NO_NEW_PRIVS`).
    pub no_new_privs: Option<bool>,
    /// 0 none, 1 strict, 2 a filter.
    pub seccomp: Option<u32>,
    /// Whether the user namespace is the machine's own.
    pub own_user_namespace: Option<bool>,
    /// Whether the pid namespace is the machine's own.
    pub own_pid_namespace: Option<bool>,
    /// What hints at a container: the sign, and the program that it is the sign of.
    pub container: Option<(String, &'static str)>,
    /// The mode in brackets of `/sys/kernel/security/lockdown`.
    pub lockdown: Option<String>,
    /// SELinux enforces its policy; `None` where it is not in use or hidden.
    pub selinux_enforcing: Option<bool>,
    /// `kernel.yama.ptrace_scope`.
    pub ptrace_scope: Option<u32>,
    /// `/proc` is there.
    pub proc_mounted: bool,
    /// `hidepid` of `/proc`, where it hides anything.
    pub hidepid: Option<String>,
    /// The tracepoints.
    pub tracefs: Tracefs,
    /// The own control group.
    pub cgroup: Option<CgroupFolder>,
}

/// Inode numbers of the first namespaces: `USER_NS_INIT_INO` and `PID_NS_INIT_INO` of linux/nsfs.h.
const FIRST_USER_NAMESPACE: &str = "user:[4026531837]";
const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

impl Machine {
    /// Reads `/proc` and `/sys` below `root`.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let text = |path: &str| {
            std::fs::read(root.join(path)).ok().map(|b| String::from_utf8_lossy(&b).into_owned())
        };
        let trimmed = |path: &str| text(path).map(|text| text.trim().to_owned());
        let number = |path: &str| trimmed(path)?.parse::<u64>().ok();
        let namespace = |name: &str, first: &str| {
            let link = std::fs::read_link(root.join("proc/self/ns").join(name)).ok()?;
            Some(link.as_os_str() == first)
        };
        let status = text("proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.strip_prefix(':').map(str::trim)
        };
        let mask = |name: &str| u64::from_str_radix(field(name)?, 16).ok();
        let limits = text("proc/self/limits").unwrap_or_default();
        let mounts = text("proc/self/mounts").map(|text| parse_mounts(&text));
        let own_groups = text("proc/self/cgroup").unwrap_or_default();
        let proc_mount = mounts.as_ref().and_then(|m| m.iter().rfind(|m| m.point == "/proc"));
        Self {
            kernel_release: trimmed("proc/sys/kernel/osrelease"),
            paranoid: trimmed("proc/sys/kernel/perf_event_paranoid")
                .and_then(|level| level.parse().ok()),
            mlock_kib: number("proc/sys/kernel/perf_event_mlock_kb"),
            memlock_bytes: limit(&limits, "Max locked memory", 0),
            descriptors: limit(&limits, "Max open files", 1),
            uid: field("Uid").and_then(|ids| ids.split_whitespace().nth(1)?.parse().ok()),
            effective: mask("CapEff"),
            bounding: mask("CapBnd"),
            last_capability: number("proc/sys/kernel/cap_last_cap")
                .and_then(|last| last.try_into().ok()),
            no_new_privs: field("NoNewPrivs").map(|value| value != "0"),
            seccomp: field("Seccomp").and_then(|mode| mode.parse().ok()),
            own_user_namespace: namespace("user", FIRST_USER_NAMESPACE),
            own_pid_namespace: namespace("pid", FIRST_PID_NAMESPACE),
            container: container(root, &own_groups),
            lockdown: text("sys/kernel/security/lockdown")
                .and_then(|modes| Some(modes.split_once('[')?.1.split_once(']')?.0.to_owned())),
            selinux_enforcing: number("sys/fs/selinux/enforce").map(|value| value != 0),
            ptrace_scope: number("proc/sys/kernel/yama/ptrace_scope")
                .and_then(|scope| scope.try_into().ok()),
            proc_mounted: root.join("proc/self").exists(),
            hidepid: proc_mount.and_then(|mount| {
                let value = mount.options.split(',').find_map(|o| o.strip_prefix("hidepid="))?;
                (!matches!(value, "0" | "off")).then(|| value.to_owned())
            }),
            tracefs: tracefs(mounts.as_deref(), text("proc/filesystems").as_deref()),
            cgroup: mounts.and_then(|mounts| cgroup(root, &mounts, &own_groups)),
        }
    }

    /// Whether a capability is effective. It counts for perf only in the machine's own user namespace.
    #[must_use]
    pub fn has(&self, capability: Capability) -> Option<bool> {
        if self.own_user_namespace == Some(false) {
            return Some(false);
        }
        self.effective.map(|effective| effective & 1 << capability as u32 != 0)
    }

    /// Whether this user is privileged in the eyes of perf: CAP_PERFMON (Linux 5.8) or CAP_SYS_ADMIN.
    #[must_use]
    pub fn may_perfmon(&self) -> Option<bool> {
        Some(self.has(Capability::Perfmon)? || self.has(Capability::SysAdmin)?)
    }

    /// Whether CAP_PERFMON opens the maps of other users' processes too (Linux 6.15); CAP_SYS_PTRACE, which lets
    /// them be changed as well, is not needed then.
    #[must_use]
    pub fn perfmon_shows_maps(&self) -> bool {
        let release = self.kernel_release.as_deref().unwrap_or_default();
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
        let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
            return false;
        };
        (major, minor) >= (6, 15)
    }

    /// Whether this is the inside of a container or other closed place, where what to change is
    /// outside. A mere sign does not count: images that were made for containers carry it too.
    #[must_use]
    pub fn is_confined(&self) -> bool {
        self.own_pid_namespace == Some(false)
            || self.own_user_namespace == Some(false)
            || (self.container.is_some() && self.can_gain(Capability::Perfmon) == Some(false))
    }

    /// Whether a program started here could get the capability.
    #[must_use]
    pub fn can_gain(&self, capability: Capability) -> Option<bool> {
        self.bounding.map(|bounding| bounding & 1 << capability as u32 != 0)
    }
}

struct Mount {
    point: String,
    kind: String,
    options: String,
}

/// Lines of `/proc/self/mounts`; those that are none are left out.
fn parse_mounts(text: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let point = fields.next()?.replace("\\040", " ");
        let (kind, options) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        Some(Mount { point, kind, options })
    };
    text.lines().filter_map(mount).collect()
}

/// A column behind the name of a limit in `/proc/self/limits`: 0 soft, 1 hard.
fn limit(limits: &str, name: &str, column: usize) -> Option<u64> {
    let values = limits.lines().find_map(|line| line.strip_prefix(name))?;
    match values.split_whitespace().nth(column)? {
        "unlimited" => Some(u64::MAX),
        value => value.parse().ok(),
    }
}

fn container(root: &Path, own_groups: &str) -> Option<(String, &'static str)> {
    for (path, program) in [(".dockerenv", "docker"), ("run/.containerenv", "podman")] {
        if root.join(path).exists() {
            return Some((format!("/{path} exists"), program));
        }
    }
    if let Ok(name) = std::fs::read_to_string(root.join("run/systemd/container")) {
        return Some((format!("/run/systemd/container says {}", name.trim()), "container"));
    }
    let signs =
        [("kubepods", "kubernetes"), ("docker", "docker"), ("libpod", "podman"), ("lxc", "lxc")];
    let (word, program) = signs.into_iter().find(|(word, _)| own_groups.contains(word))?;
    Some((format!("/proc/self/cgroup names {word}"), program))
}

/// The places where the recorder looks.
fn tracefs(mounts: Option<&[Mount]>, filesystems: Option<&str>) -> Tracefs {
    let Some(mounts) = mounts else { return Tracefs::Unknown };
    for (point, kind, folder) in [
        ("/sys/kernel/tracing", "tracefs", "/sys/kernel/tracing"),
        ("/sys/kernel/debug/tracing", "tracefs", "/sys/kernel/debug/tracing"),
        // Mounts tracefs below itself when somebody looks.
        ("/sys/kernel/debug", "debugfs", "/sys/kernel/debug/tracing"),
    ] {
        if mounts.iter().any(|mount| mount.point == point && mount.kind == kind) {
            return Tracefs::Mounted(PathBuf::from(folder));
        }
    }
    match filesystems {
        Some(names) if names.split_whitespace().any(|name| name == "tracefs") => {
            Tracefs::NotMounted
        }
        Some(_) => Tracefs::Unsupported,
        None => Tracefs::Unknown,
    }
}

fn cgroup(root: &Path, mounts: &[Mount], own_groups: &str) -> Option<CgroupFolder> {
    let first = mounts.iter().find(|mount| {
        mount.kind == "cgroup" && mount.options.split(',').any(|option| option == "perf_event")
    });
    let (mount, version) = match first {
        Some(mount) => (mount, 1),
        None => (mounts.iter().find(|mount| mount.kind == "cgroup2")?, 2),
    };
    let own = own_groups.lines().find_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        let meant = match version {
            1 => controllers.split(',').any(|controller| controller == "perf_event"),
            _ => controllers.is_empty(),
        };
        meant.then(|| path.trim_start_matches('/'))
    });
    let below = |path: &str| root.join(path.trim_start_matches('/'));
    let path = below(&mount.point).join(own.unwrap_or_default());
    // The own group may lie outside of what is mounted here.
    let path = if path.exists() { path } else { below(&mount.point) };
    Some(CgroupFolder { path, version })
}

/// The user of a process and whether it has memory of its own, from its `status` file.
pub(super) fn owner(root: &Path, pid: u32) -> io::Result<Option<u32>> {
    let status = std::fs::read(root.join(format!("proc/{pid}/status")))?;
    let status = String::from_utf8_lossy(&status);
    if !status.contains("\nVmSize:") {
        return Ok(None);
    }
    Ok(status_line(&status, "Uid:").and_then(|ids| ids.split_whitespace().next()?.parse().ok()))
}
