//! What follows from what the system tells and from what was tried.

use std::path::Path;

use super::machine::{Capability, Machine};
use super::refusal::{Refusal, is_permission};
use super::remedy::Place;
use super::trials::{Trial, Trials, errno_words};
use super::{Answer, Verdict, Wish};

/// An answer to each [`Wish`], in their order. `program` is the file that gets the capabilities.
#[must_use]
pub fn judge(machine: &Machine, trials: &Trials, program: &Path) -> Vec<Answer> {
    let judge = Judge { machine, trials, place: Place { machine, program } };
    vec![
        judge.own_processes(),
        judge.other_users(),
        judge.kernel_mode(),
        judge.by_tracepoint(
            Wish::ErrorCodes,
            &["exceptions/page_fault_user", "exceptions/page_fault_kernel"],
            Verdict::No,
            "",
        ),
        judge.by_tracepoint(
            Wish::FailedAccesses,
            &["signal/signal_generate"],
            Verdict::Partly,
            "told by the maps alone, else unresolved: ",
        ),
        judge.latency(),
        judge.feature(
            Wish::LossCounts,
            trials.lost_counts,
            "each event tells its own (PERF_FORMAT_LOST)",
            "only what the rings report, not the last losses: Linux 6.0 or later is needed",
        ),
        judge.feature(
            Wish::PageSizes,
            trials.page_size,
            "each fault tells its own (PERF_SAMPLE_DATA_PAGE_SIZE)",
            "not in the faults: Linux 5.11 or later is needed",
        ),
        judge.system_wide(),
        judge.cgroups(),
        judge.by_tracepoint(Wish::OomKills, &["oom/mark_victim"], Verdict::No, ""),
        judge.by_tracepoint(
            Wish::ExactMappings,
            &[
                "syscalls/sys_enter_munmap",
                "syscalls/sys_exit_munmap",
                "syscalls/sys_enter_mremap",
                "syscalls/sys_exit_mremap",
                "syscalls/sys_enter_madvise",
                "syscalls/sys_exit_madvise",
            ],
            Verdict::Partly,
            "mmap, brk and mprotect are seen, munmap and mremap inferred from snapshots: ",
        ),
        judge.full_rings(),
    ]
}

pub(super) struct Judge<'a> {
    pub machine: &'a Machine,
    pub trials: &'a Trials,
    pub place: Place<'a>,
}

/// Why there is not even more where there is nothing.
const AS_OWN: &str = "as own processes";

fn answer(wish: Wish, verdict: Verdict, why: impl Into<String>) -> Answer {
    Answer { wish, verdict, why: why.into(), enable: Vec::new() }
}

fn refused(wish: Wish, verdict: Verdict, (why, enable): Refusal) -> Answer {
    Answer { wish, verdict, why, enable }
}

impl Judge<'_> {
    fn own_processes(&self) -> Answer {
        let wish = Wish::OwnProcesses;
        match self.trials.own {
            Trial::Works => answer(wish, Verdict::Yes, "fault events open on this process"),
            Trial::Refused(errno) => refused(wish, Verdict::No, self.why_refused(errno, 2)),
            Trial::Untried => answer(wish, Verdict::Unknown, "not tried"),
        }
    }

    fn other_users(&self) -> Answer {
        let wish = Wish::OtherUsers;
        if let Some(none) = self.without_own(wish) {
            return none;
        }
        let Some(foreign) = self.trials.foreign else {
            let hidden = match &self.machine.hidepid {
                Some(value) => format!("/proc hides them (hidepid={value})"),
                None => "none runs, or none can be seen".to_owned(),
            };
            let maps = self.machine.has(Capability::SysPtrace);
            return match (self.machine.may_perfmon(), maps) {
                (Some(true), Some(true)) => {
                    let why = "CAP_PERFMON and CAP_SYS_PTRACE are there; not tried";
                    answer(wish, Verdict::Yes, format!("{why}: {hidden}"))
                }
                (Some(false), _) => {
                    let why = format!("CAP_PERFMON is missing; not tried: {hidden}");
                    refused(wish, Verdict::No, (why, vec![self.place.capabilities(None)]))
                }
                (Some(true), Some(false)) if self.machine.perfmon_shows_maps() => {
                    answer(wish, Verdict::Yes, format!("CAP_PERFMON is there; not tried: {hidden}"))
                }
                (Some(true), Some(false)) => {
                    let why = "CAP_SYS_PTRACE, which Linux before 6.15 asks for, is missing";
                    let why = format!("{why}; not tried: {hidden}");
                    refused(wish, Verdict::Unknown, (why, vec![self.place.capabilities(None)]))
                }
                _ => answer(wish, Verdict::Unknown, format!("not tried: {hidden}")),
            };
        };
        let whom = format!("process {} of user {}", foreign.pid, foreign.uid);
        match (foreign.events, foreign.maps) {
            (Trial::Works, Trial::Works) => answer(
                wish,
                Verdict::Yes,
                format!("events open on {whom}, and its maps are readable"),
            ),
            (Trial::Works, _) if self.machine.has(Capability::SysPtrace) == Some(true) => answer(
                wish,
                Verdict::Partly,
                format!(
                    "events open on {whom}, but its maps are protected: what was mapped before has no region"
                ),
            ),
            (Trial::Works, _) => {
                let why = format!(
                    "events open on {whom}, but its maps cannot be read (CAP_SYS_PTRACE is {}): what \
                     was mapped before has no region",
                    self.lack(Capability::SysPtrace)
                );
                refused(wish, Verdict::Partly, (why, vec![self.for_maps()]))
            }
            (Trial::Refused(errno), _) if is_permission(errno) => {
                let both = match self.machine.perfmon_shows_maps() {
                    true => "CAP_PERFMON",
                    false => "CAP_PERFMON and CAP_SYS_PTRACE",
                };
                let why = format!("{whom} may not be observed without {both}");
                refused(wish, Verdict::No, (why, vec![self.place.capabilities(None)]))
            }
            (Trial::Refused(errno), _) => {
                answer(wish, Verdict::Unknown, format!("{whom}: {}", errno_words(errno)))
            }
            (Trial::Untried, _) => answer(wish, Verdict::Unknown, "not tried"),
        }
    }

    /// What gives the maps of other users' processes too. Where CAP_PERFMON does not, though it is there, the other
    /// one may.
    fn for_maps(&self) -> String {
        let is_there = self.machine.may_perfmon() == Some(true);
        self.place.capabilities(is_there.then_some(Capability::SysPtrace))
    }

    /// The answer where own processes cannot be recorded: then nothing can, for the same reason.
    fn without_own(&self, wish: Wish) -> Option<Answer> {
        match self.trials.own {
            Trial::Works => None,
            Trial::Refused(_) => Some(answer(wish, Verdict::No, AS_OWN)),
            Trial::Untried => Some(answer(wish, Verdict::Unknown, "not tried")),
        }
    }

    fn kernel_mode(&self) -> Answer {
        let wish = Wish::KernelMode;
        if let Some(none) = self.without_own(wish) {
            return none;
        }
        match self.trials.kernel_mode {
            Trial::Works => {
                answer(wish, Verdict::Yes, "system calls that touch user memory are seen")
            }
            Trial::Refused(errno) => refused(wish, Verdict::No, self.why_refused(errno, 1)),
            Trial::Untried => answer(wish, Verdict::Unknown, "not tried"),
        }
    }

    fn latency(&self) -> Answer {
        let wish = Wish::Latency;
        if let Some(none) = self.without_own(wish) {
            return none;
        }
        let opens = |name| self.trials.tracepoint(name).is_some_and(|t| t.opens.works());
        let entry = if opens("exceptions/page_fault_user") && opens("exceptions/page_fault_kernel")
        {
            "the page-fault tracepoint"
        } else {
            "the software event page-faults"
        };
        answer(wish, Verdict::Yes, format!("from {entry} to the completion"))
    }

    fn feature(&self, wish: Wish, trial: Trial, yes: &str, otherwise: &str) -> Answer {
        if let Some(none) = self.without_own(wish) {
            return none;
        }
        match trial {
            Trial::Works => answer(wish, Verdict::Yes, yes),
            Trial::Refused(libc::EINVAL) => answer(wish, Verdict::No, otherwise),
            Trial::Refused(errno) => answer(wish, Verdict::Unknown, errno_words(errno)),
            Trial::Untried => answer(wish, Verdict::Unknown, "not tried"),
        }
    }

    fn system_wide(&self) -> Answer {
        let wish = Wish::SystemWide;
        if let Some(none) = self.without_own(wish) {
            return none;
        }
        let sees_maps = match self.trials.foreign {
            Some(foreign) => Some(foreign.maps.works()),
            None => self.machine.has(Capability::SysPtrace),
        };
        let mut lacks = Vec::new();
        match (self.trials.system, self.trials.system_user_mode) {
            (Trial::Works, _) => {}
            (_, Trial::Works) => lacks.push("no kernel-mode faults"),
            (_, Trial::Refused(errno)) => {
                return refused(wish, Verdict::No, self.why_refused(errno, 0));
            }
            (_, Trial::Untried) => return answer(wish, Verdict::Unknown, "not tried"),
        }
        match sees_maps {
            Some(true) => {}
            Some(false) => {
                lacks.push("no maps of other users: only what they map later has a region")
            }
            None => lacks.push("whether other users' maps can be read is unknown"),
        }
        let mut enable = Vec::new();
        if !lacks.is_empty() {
            enable.push(self.for_maps());
        }
        if self.machine.own_pid_namespace == Some(false) {
            lacks.push("only the tasks of this pid namespace");
            enable.push(self.place.pid_namespace());
        }
        if lacks.is_empty() {
            return answer(wish, Verdict::Yes, "events open on whole CPUs");
        }
        refused(wish, Verdict::Partly, (lacks.join("; "), enable))
    }

    fn cgroups(&self) -> Answer {
        let wish = Wish::Cgroups;
        if let Some(none) = self.without_own(wish) {
            return none;
        }
        let fallback = "its processes one by one, from cgroup.procs";
        match self.trials.cgroup {
            Trial::Works => {
                let version = self.machine.cgroup.as_ref().map_or(0, |cgroup| cgroup.version);
                answer(wish, Verdict::Yes, format!("events open on a group (cgroup v{version})"))
            }
            Trial::Refused(errno) if is_permission(errno) => {
                let (why, enable) = self.why_refused(errno, 0);
                refused(wish, Verdict::Partly, (format!("{fallback}: {why}"), enable))
            }
            Trial::Refused(libc::EINVAL) => answer(
                wish,
                Verdict::Partly,
                format!("{fallback}: this kernel does not group perf events (CONFIG_CGROUP_PERF)"),
            ),
            Trial::Refused(errno) => {
                answer(wish, Verdict::Unknown, format!("events of a group: {}", errno_words(errno)))
            }
            Trial::Untried if self.machine.proc_mounted => {
                let why = "neither the perf_event hierarchy (v1) nor cgroup v2 is mounted";
                answer(wish, Verdict::Partly, format!("{fallback}: {why}"))
            }
            Trial::Untried => answer(wish, Verdict::Unknown, "not tried: /proc is not mounted"),
        }
    }

    /// A wish that hangs on tracepoints; `otherwise` and `prefix` say what is left without them.
    fn by_tracepoint(
        &self,
        wish: Wish,
        names: &[&str],
        otherwise: Verdict,
        prefix: &str,
    ) -> Answer {
        if let Some(none) = self.without_own(wish) {
            return none;
        }
        let bad = names
            .iter()
            .filter_map(|name| self.trials.tracepoint(name))
            .find(|tracepoint| !(tracepoint.readable.works() && tracepoint.opens.works()));
        let Some(bad) = bad else {
            let what = if names.len() == 1 { "opens" } else { "and its kin open" };
            let name = names.first().map_or_else(String::new, |name| name.replace('/', ":"));
            return answer(wish, Verdict::Yes, format!("{name} {what}"));
        };
        let name = bad.name.replace('/', ":");
        let (why, enable) = match (bad.readable, bad.opens) {
            (Trial::Works, Trial::Refused(errno)) => self.why_refused(errno, -1),
            (Trial::Works, _) => (format!("the format of {name} is not understood"), Vec::new()),
            (Trial::Refused(errno), _) => self.why_unreadable(errno, &name),
            (Trial::Untried, _) => ("not tried".to_owned(), Vec::new()),
        };
        refused(wish, otherwise, (format!("{prefix}{why}"), enable))
    }

    fn full_rings(&self) -> Answer {
        let wish = Wish::FullRings;
        let Some(ring) = self.trials.ring else {
            return answer(wish, Verdict::Unknown, "no event opens, or the CPUs are not known");
        };
        let mib = |bytes: usize| format!("{} MiB", bytes as f64 / f64::from(1 << 20));
        if ring.possible_bytes >= ring.wanted_bytes {
            return answer(wish, Verdict::Yes, format!("{} for each CPU", mib(ring.wanted_bytes)));
        }
        // The control page counts too.
        let needed_kib = (ring.wanted_bytes + rustix::param::page_size()).div_ceil(1024);
        let enable = vec![
            self.place.sysctl("kernel.perf_event_mlock_kb", needed_kib),
            format!("or: {}", self.place.capabilities(Some(Capability::IpcLock))),
        ];
        let limits = "kernel.perf_event_mlock_kb and RLIMIT_MEMLOCK allow no more";
        let (verdict, why) = match ring.possible_bytes {
            0 => (Verdict::No, format!("not even the smallest: {limits}")),
            bytes => {
                let (has, wants) = (mib(bytes), mib(ring.wanted_bytes));
                (Verdict::Partly, format!("{has} for each CPU instead of {wants}: {limits}"))
            }
        };
        refused(wish, verdict, (why, enable))
    }
}
