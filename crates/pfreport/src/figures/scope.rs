//! What a recording was asked for, and so what its trace leaves out.

use pft::keys::fact;

use crate::load::Loaded;
use crate::print::units::{count, duration};

/// Whom a recording was of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A command that was started.
    Command,
    /// Running processes.
    Processes,
    /// Single threads.
    Threads,
    /// Every task of the machine.
    System,
    /// The tasks of a control group.
    Cgroup,
    /// The file does not say.
    Unknown,
}

/// How call chains were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallGraph {
    /// The kernel followed frame pointers, for every fault.
    FramePointers,
    /// The recorder unwound copies of stacks.
    Stacks {
        /// One of so many minor faults has its stack copied, 0: none; if the file says.
        minor_share: Option<u64>,
    },
}

/// Which completions of faults were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completions {
    /// Those of minor faults.
    pub minor: bool,
    /// Those of major faults.
    pub major: bool,
}

impl Completions {
    /// All of them.
    pub const ALL: Self = Self { minor: true, major: true };

    /// Whether all were recorded.
    #[must_use]
    pub const fn are_all(self) -> bool {
        self.minor && self.major
    }
}

/// What was recorded, by the facts of the trace. Older recorders state less: they recorded everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// These are several recordings: each limit is that of at least one of them.
    pub several: bool,
    /// Whom.
    pub kind: Kind,
    /// Processes that a target created were recorded too.
    pub follow: bool,
    /// All tasks were read and those that are no target left out.
    pub by_cpu: bool,
    /// Which completions were recorded.
    pub completions: Completions,
    /// The trace was made of a recording of another program.
    pub imported: bool,
    /// Major faults only.
    pub major_only: bool,
    /// No faults in kernel mode, on request.
    pub user_only: bool,
    /// Entries were recorded, hence latencies.
    pub latency: bool,
    /// Faster faults were counted, not stored; 0 if all were stored.
    pub min_latency_ns: u64,
    /// Faults were recorded since this long after the start.
    pub delay_ns: u64,
    /// The trace is what a flight recorder kept, at least this long.
    pub window_ns: Option<u64>,
    /// Whether unmapping and moving were recorded, if the file says.
    pub calls: Option<bool>,
    /// Whether victims of the OOM killer were recorded, if the file says.
    pub oom: Option<bool>,
    /// How call chains were recorded, if they were.
    pub call_graph: Option<CallGraph>,
}

impl Scope {
    /// What the facts of a trace say.
    #[must_use]
    pub fn of(loaded: &Loaded) -> Self {
        Self { several: loaded.are_several(), ..Self::by_facts(|key| loaded.fact(key)) }
    }

    /// The same of one trace.
    #[must_use]
    pub fn by_facts<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Self {
        let text = |key| value(key).map(str::trim);
        let yes_or_no = |key| match text(key) {
            Some("yes") => Some(true),
            Some("no") => Some(false),
            _ => None,
        };
        let number = |key| text(key)?.parse::<u64>().ok();
        let kind = match text(fact::TARGET_KIND) {
            Some("command") => Kind::Command,
            Some("processes") => Kind::Processes,
            Some("threads") => Kind::Threads,
            Some("system") => Kind::System,
            Some("cgroup") => Kind::Cgroup,
            Some(_) => Kind::Unknown,
            None if text(fact::TARGET_COMMAND).is_some() => Kind::Command,
            None if text(fact::TARGET_PIDS).is_some() => Kind::Processes,
            None => Kind::Unknown,
        };
        Self {
            several: false,
            kind,
            // Single threads are recorded without what they create, whatever was asked for.
            follow: kind != Kind::Threads && yes_or_no(fact::TARGET_FOLLOW) != Some(false),
            by_cpu: text(fact::CAPTURE_REACH) == Some("cpu"),
            completions: match text(fact::CAPTURE_COMPLETIONS) {
                Some("minor") => Completions { minor: true, major: false },
                Some("major") => Completions { minor: false, major: true },
                Some("none") => Completions { minor: false, major: false },
                _ => Completions::ALL,
            },
            imported: text(fact::IMPORTED_FROM).is_some(),
            major_only: yes_or_no(fact::CAPTURE_MAJOR_ONLY) == Some(true),
            user_only: yes_or_no(fact::CAPTURE_USER_ONLY) == Some(true),
            latency: yes_or_no(fact::CAPTURE_LATENCY) != Some(false),
            min_latency_ns: number(fact::CAPTURE_MIN_LATENCY_NS).unwrap_or(0),
            delay_ns: number(fact::CAPTURE_DELAY_NS).unwrap_or(0),
            window_ns: number(fact::FLIGHT_WINDOW_NS),
            calls: yes_or_no(fact::CAPTURE_CALLS),
            oom: yes_or_no(fact::CAPTURE_OOM),
            call_graph: match text(fact::CAPTURE_CALL_GRAPH) {
                Some("fp") => Some(CallGraph::FramePointers),
                Some("dwarf") => {
                    Some(CallGraph::Stacks { minor_share: number(fact::CAPTURE_STACK_SHARE) })
                }
                _ => None,
            },
        }
    }

    /// What a table or picture of the stored faults does not show, in a few words.
    #[must_use]
    pub fn caveat(&self, skipped: Option<[u64; 2]>) -> Option<String> {
        let mut parts = Vec::new();
        if self.major_only {
            parts.push("major faults only".to_owned());
        }
        if self.min_latency_ns > 0 && skipped != Some([0, 0]) {
            let number = skipped.map_or_else(String::new, |[minor, major]| {
                format!("{} ", count(minor.saturating_add(major)))
            });
            let least = duration(self.min_latency_ns);
            parts.push(format!("without the {number}faults faster than {least}"));
        }
        let whose = if self.several { "in at least one of the traces " } else { "" };
        (!parts.is_empty()).then(|| format!("{whose}{}", parts.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use pft::keys::fact;

    use super::{CallGraph, Completions, Kind, Scope};
    use crate::made_up;

    fn scope(facts: &[(&str, &str)]) -> Scope {
        let mut loaded = made_up::empty();
        loaded.facts = facts.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        Scope::of(&loaded)
    }

    #[test]
    fn older_recorders_recorded_everything() {
        let everything = Scope {
            several: false,
            kind: Kind::Command,
            follow: true,
            by_cpu: false,
            completions: Completions::ALL,
            imported: false,
            major_only: false,
            user_only: false,
            latency: true,
            min_latency_ns: 0,
            delay_ns: 0,
            window_ns: None,
            calls: None,
            oom: None,
            call_graph: None,
        };
        assert_eq!(scope(&[(fact::TARGET_COMMAND, "true")]), everything);
        assert_eq!(everything.caveat(Some([0, 0])), None);
        assert_eq!(scope(&[(fact::TARGET_PIDS, "1")]).kind, Kind::Processes);
        assert_eq!(scope(&[]).kind, Kind::Unknown);
    }

    #[test]
    fn what_was_left_out_on_request_is_known() {
        let scope = scope(&[
            (fact::TARGET_KIND, "threads"),
            (fact::CAPTURE_REACH, "cpu"),
            (fact::CAPTURE_MAJOR_ONLY, "yes"),
            (fact::CAPTURE_LATENCY, "no"),
            (fact::CAPTURE_MIN_LATENCY_NS, "1000000"),
            (fact::FLIGHT_WINDOW_NS, "30000000000"),
            (fact::CAPTURE_OOM, "no"),
            (fact::CAPTURE_CALL_GRAPH, "dwarf"),
            (fact::CAPTURE_STACK_SHARE, "16"),
        ]);
        assert_eq!(scope.call_graph, Some(CallGraph::Stacks { minor_share: Some(16) }));
        assert_eq!((scope.kind, scope.follow, scope.by_cpu), (Kind::Threads, false, true));
        assert_eq!((scope.major_only, scope.latency), (true, false));
        assert_eq!((scope.window_ns, scope.oom), (Some(30_000_000_000), Some(false)));
        let caveat = |skipped| scope.caveat(skipped).unwrap();
        assert_eq!(caveat(None), "major faults only, without the faults faster than 1 ms");
        assert_eq!(caveat(Some([0, 0])), "major faults only");
        assert!(caveat(Some([0, 7])).ends_with("without the 7 faults faster than 1 ms"));
        let several = Scope { several: true, ..scope };
        let expected = "in at least one of the traces major faults only";
        assert_eq!(several.caveat(Some([0, 0])).as_deref(), Some(expected));
    }
}
