//! Why the kernel refuses something, and what helps.

use pft::text::printable_path;

use super::judge::Judge;
use super::machine::{Capability, Tracefs};
use super::trials::errno_words;

/// The reason, and what helps.
pub type Refusal = (String, Vec<String>);

/// Whether an errno stands for a lack of privileges.
pub fn is_permission(errno: i32) -> bool {
    matches!(errno, libc::EPERM | libc::EACCES)
}

impl Judge<'_> {
    /// Why perf_event_open refuses what anybody may do at `level` of kernel.perf_event_paranoid, and
    /// who has CAP_PERFMON at any.
    pub fn why_refused(&self, errno: i32, level: i32) -> Refusal {
        let machine = self.machine;
        if errno == libc::ENOSYS && machine.proc_mounted && machine.paranoid.is_none() {
            return ("this kernel has no perf events (CONFIG_PERF_EVENTS)".to_owned(), Vec::new());
        }
        let too_strict = machine.paranoid.filter(|&paranoid| paranoid > level);
        if is_permission(errno)
            && machine.may_perfmon() != Some(true)
            && let Some(paranoid) = too_strict
        {
            return self.why_unprivileged(paranoid, level);
        }
        if (is_permission(errno) || errno == libc::ENOSYS) && machine.seccomp == Some(2) {
            let why = "a seccomp filter is in force, and refuses perf_event_open as it seems";
            return (why.to_owned(), vec![self.place.seccomp()]);
        }
        if is_permission(errno) && machine.selinux_enforcing == Some(true) {
            let why = "SELinux is enforcing, and refuses perf_event_open as it seems";
            return (why.to_owned(), vec![self.place.as_root("sudo ausearch -m avc -c pfrecord")]);
        }
        if is_permission(errno) && !machine.proc_mounted {
            let why = format!("{}; why is unknown without /proc", errno_words(errno));
            return (why, vec![self.place.unhindered("sudo mount -t proc proc /proc")]);
        }
        (format!("perf_event_open answers: {}; why is unknown", errno_words(errno)), Vec::new())
    }

    fn why_unprivileged(&self, paranoid: i32, level: i32) -> Refusal {
        let mut why = format!(
            "CAP_PERFMON is {}, and kernel.perf_event_paranoid is {paranoid}, not {level} or less",
            self.lack(Capability::Perfmon)
        );
        if level == 2 && self.machine.seccomp == Some(2) {
            why.push_str("; a seccomp filter is in force, which may refuse perf_event_open too");
        }
        let capabilities = self.place.capabilities(None);
        let sysctl = self.place.sysctl("kernel.perf_event_paranoid", level);
        // The level of ordinary kernels is the smaller change; below it, privileges are.
        let (first, other) =
            if level == 2 { (sysctl, capabilities) } else { (capabilities, sysctl) };
        (why, vec![first, format!("or: {other}")])
    }

    /// In words.
    pub fn lack(&self, capability: Capability) -> &'static str {
        match self.machine.has(capability) {
            Some(true) => "there",
            Some(false) => "missing",
            None => "not known to be there",
        }
    }

    /// Why a tracepoint's description cannot be read.
    pub fn why_unreadable(&self, errno: i32, name: &str) -> Refusal {
        let machine = self.machine;
        if machine.lockdown.as_deref() == Some("confidentiality") {
            let why =
                "the kernel is locked down (lockdown=confidentiality): tracefs cannot be read";
            return (why.to_owned(), Vec::new());
        }
        let (mut why, mut enable) = match (&machine.tracefs, is_permission(errno)) {
            (Tracefs::Mounted(path), true) => (
                format!("{} may not be read by this user", printable_path(path)),
                vec![self.place.open_tracefs(path)],
            ),
            (Tracefs::NotMounted, _) => {
                ("tracefs is not mounted".to_owned(), vec![self.place.mount_tracefs()])
            }
            (Tracefs::Unsupported, _) => {
                return ("this kernel has no tracefs (CONFIG_TRACING)".to_owned(), Vec::new());
            }
            (Tracefs::Mounted(_), false) if errno == libc::ENOENT => {
                return (format!("this kernel has no tracepoint {name}"), Vec::new());
            }
            _ => {
                let why = format!("the format of {name} cannot be read: {}", errno_words(errno));
                return (why, Vec::new());
            }
        };
        // Could it be read, opening it would be refused.
        if machine.may_perfmon() == Some(false) && machine.paranoid.is_some_and(|level| level > -1)
        {
            why.push_str(", and CAP_PERFMON is missing");
            enable.push(self.place.capabilities(None));
        }
        (why, enable)
    }
}
