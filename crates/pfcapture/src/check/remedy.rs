//! Commands that give a user what is missing, fit for the place: a container is changed from outside.

use std::path::{Path, PathBuf};

use pft::text::shell_word;

use super::machine::{Capability, Machine};
use crate::targets::launch;

/// What lets this program observe any process; `None` when it is privileged as it is.
#[must_use]
pub fn privileges() -> Option<String> {
    let machine = Machine::read(Path::new("/"));
    let sees_maps =
        machine.perfmon_shows_maps() || machine.has(Capability::SysPtrace) == Some(true);
    if machine.may_perfmon() == Some(true) && sees_maps {
        return None;
    }
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("pfrecord"));
    let place = Place { machine: &machine, program: &program };
    let command = place.capabilities(None);
    let root_has_them = command.contains("sudo setcap ") && machine.uid != Some(0);
    Some(if root_has_them { format!("run as root, or: {command}") } else { command })
}

/// Where the commands will be run, and for which program.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub machine: &'a Machine,
    pub program: &'a Path,
}

impl Place<'_> {
    /// A kernel setting; it belongs to the whole machine.
    pub fn sysctl(self, name: &str, value: impl std::fmt::Display) -> String {
        self.as_root(&format!("sudo sysctl {name}={value}"))
    }

    /// Mounts tracefs.
    pub fn mount_tracefs(self) -> String {
        if self.machine.is_confined() {
            return self.container(
                "-v /sys/kernel/tracing:/sys/kernel/tracing:ro",
                "the host's /sys/kernel/tracing mounted inside",
            );
        }
        self.as_root("sudo mount -t tracefs nodev /sys/kernel/tracing")
    }

    /// A command that needs root: of the host, where this place is a part of it.
    pub fn as_root(self, command: &str) -> String {
        if self.machine.is_confined() {
            return format!("on the host: {command}");
        }
        self.unhindered(command)
    }

    /// A command that gains privileges.
    pub fn unhindered(self, command: &str) -> String {
        match self.machine.no_new_privs {
            Some(true) => format!("in a session without no_new_privs: {command}"),
            _ => command.to_owned(),
        }
    }

    /// Lets all tasks of the machine be seen.
    pub fn pid_namespace(self) -> String {
        match self.machine.container {
            Some(_) => self.container("--pid host", "the pid namespace of the host"),
            None => "run pfrecord outside of this pid namespace".to_owned(),
        }
    }

    /// Lets the own group read tracefs. Its mode alone does not: the files below are for owner and group.
    pub fn open_tracefs(self, mount_point: &Path) -> String {
        let mount_point = shell_word(mount_point);
        self.as_root(&format!("sudo mount -o remount,mode=750,gid=$(id -g) {mount_point}"))
    }

    /// Privileges of the recorder: those to observe any process, no more than this kernel asks for, and `more`. Always
    /// all of them: setcap(8) takes away what it does not name.
    pub fn capabilities(self, more: Option<Capability>) -> String {
        let machine = self.machine;
        if machine.own_user_namespace == Some(false) {
            return "run pfrecord outside of this user namespace".to_owned();
        }
        // Before Linux 5.8 CAP_SYS_ADMIN is what perf asks for.
        let perfmon = match machine.last_capability {
            Some(last) if last < Capability::Perfmon as u32 => Capability::SysAdmin,
            _ => Capability::Perfmon,
        };
        let has_ptrace = machine.has(Capability::SysPtrace) == Some(true);
        let ptrace =
            has_ptrace || more == Some(Capability::SysPtrace) || !machine.perfmon_shows_maps();
        let ptrace = ptrace.then_some(Capability::SysPtrace);
        let more = more.filter(|&more| more != Capability::SysPtrace);
        let needed: Vec<Capability> = std::iter::once(perfmon).chain(ptrace).chain(more).collect();
        let names: Vec<&str> = needed.iter().map(|capability| capability.name()).collect();
        if needed.iter().any(|&capability| machine.can_gain(capability) == Some(false)) {
            let docker: Vec<String> = names
                .iter()
                .map(|name| format!("--cap-add {}", name.trim_start_matches("cap_").to_uppercase()))
                .collect();
            return self.container(&docker.join(" "), &names.join(" and "));
        }
        let program = launch::quoted(&[self.program.as_os_str().to_owned()]);
        self.unhindered(&format!("sudo setcap {}+ep {program}", names.join(",")))
    }

    /// Lets perf_event_open pass a seccomp filter.
    pub fn seccomp(self) -> String {
        if !self.machine.is_confined() {
            return "without the seccomp filter of this session; for a service of systemd: \
                    SystemCallFilter=perf_event_open"
                .to_owned();
        }
        self.container("--cap-add PERFMON", "perf_event_open in its seccomp profile")
    }

    /// Options for the program that starts the container; in other words where it has none such.
    fn container(self, options: &str, words: &str) -> String {
        match self.machine.container.as_ref().map(|(_, program)| *program) {
            Some("docker") => format!("docker run {options} …"),
            Some("podman") => format!("sudo podman run {options} …"),
            Some("kubernetes") => {
                format!("start the pod's container with {words} (securityContext)")
            }
            _ => format!("start this container or service with {words} (docker run {options} …)"),
        }
    }
}
