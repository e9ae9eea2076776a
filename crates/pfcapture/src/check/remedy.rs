//! Commands that give a user what is missing, fit for the place: a container is changed from outside.

use std::path::Path;

use super::machine::{Capability, Machine};
use crate::launch;

/// Where the commands will be run, and for which program.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub machine: &'a Machine,
    pub program: &'a Path,
}

impl Place<'_> {
    /// A kernel setting; it belongs to the whole machine.
    pub fn sysctl(self, name: &str, value: impl std::fmt::Display) -> String {
        let host = if self.machine.is_confined() { "on the host: " } else { "" };
        format!("{host}sudo sysctl {name}={value}")
    }

    /// Mounts tracefs.
    pub fn mount_tracefs(self) -> String {
        if self.machine.is_confined() {
            return self.container(
                "-v /sys/kernel/tracing:/sys/kernel/tracing:ro",
                "the host's /sys/kernel/tracing mounted inside",
            );
        }
        "sudo mount -t tracefs nodev /sys/kernel/tracing".to_owned()
    }

    /// Lets the own group read tracefs. Its mode alone does not: the files below are for owner and group.
    pub fn open_tracefs(self, mount_point: &Path) -> String {
        let host = if self.machine.is_confined() { "on the host: " } else { "" };
        format!("{host}sudo mount -o remount,mode=750,gid=$(id -g) {}", mount_point.display())
    }

    /// Privileges of the recorder: those to observe any process, and `more`. Always all of them:
    /// setcap(8) takes away what it does not name.
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
        let needed: Vec<Capability> =
            [perfmon, Capability::SysPtrace].into_iter().chain(more).collect();
        let names: Vec<&str> = needed.iter().map(|capability| capability.name()).collect();
        if needed.iter().any(|&capability| machine.can_gain(capability) == Some(false)) {
            let docker: Vec<String> = names
                .iter()
                .map(|name| format!("--cap-add {}", name.trim_start_matches("cap_").to_uppercase()))
                .collect();
            return self.container(&docker.join(" "), &names.join(" and "));
        }
        let program = launch::quoted(&[self.program.as_os_str().to_owned()]);
        let command = format!("sudo setcap {}+ep {program}", names.join(","));
        if machine.no_new_privs == Some(true) {
            return format!("in a session without no_new_privs: {command}");
        }
        command
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
