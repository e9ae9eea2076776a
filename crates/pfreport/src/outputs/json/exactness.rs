//! How complete the table is.

use std::cmp::Reverse;

use pfmodel::names::Class;
use pft::keys::ledger;
use serde::Serialize;

use crate::figures::accounts;
use crate::figures::scope::Scope;
use crate::figures::unseen::{self, unseen};
use crate::load::Loaded;
use crate::outputs::json::{CallChains, Excerpt, Symbols};
use crate::outputs::summary::counts::Counts;
use crate::outputs::summary::exactness;

/// How complete the trace is, whatever of it is selected; how much is known of rows is of the selected ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exactness {
    /// Everything that happened and was asked for is in it.
    pub whole: bool,
    /// The recording ended in order.
    pub ended: bool,
    /// Faults that were captured.
    pub captured: Captured,
    /// Faults of other tasks that were read and not recorded.
    pub left_out_of_others: ByKind,
    /// The same of the recorder itself.
    pub left_out_of_recorder: ByKind,
    /// Faults that damage took from the file; null for a file without damage.
    pub taken_by_damage: Option<Taken>,
    /// Records that were lost.
    pub lost: Losses,
    /// When and where records were lost: the largest stretches, in order of time. Losses at the very end are
    /// not among them.
    pub losses: Excerpt<Loss>,
    /// What the recorder accounts for against what the kernel counted; empty where that is not known.
    pub counters: Vec<Counter>,
    /// Whether they agree, and the table holds what was stored; null where there is nothing to compare, or
    /// the recording did not end in order.
    pub balanced: Option<bool>,
    /// Completions that came twice and were counted once.
    pub received_twice: u64,
    /// Faults that the processes' own accounting has and perf's events have not; null where it has none, or
    /// the two do not count the same.
    pub unseen: Option<Unseen>,
    /// Accesses that failed, by reason, the commonest first; none where faults are selected.
    pub failures: Option<Vec<Failure>>,
    /// Faults whose thread was still waiting when it ended or the recording did. Not in the table.
    pub in_flight: u64,
    /// Entries without completion of which nothing can be said. Not in the table.
    pub unresolved: u64,
    /// Faults whose entry was not recorded: latency unknown.
    pub without_entry: u64,
    /// Faults with an entry behind their completion: latency unknown.
    pub negative_latency: u64,
    /// Faults that took several attempts.
    pub interrupted: u64,
    /// Records that carry the identification of another recorder.
    pub foreign: Option<u64>,
    /// How sure the mappings of the selected faults are.
    pub mappings: Mappings,
    /// Functions of the selected faults; null without modules.
    pub symbols: Option<Symbols>,
    /// Call chains of the selected faults; null where none were recorded.
    pub call_chains: Option<CallChains>,
    /// What of each latency is the recording.
    pub latency_bias_ns: Option<u64>,
    /// Spread of that, 90th less 10th percentile.
    pub latency_bias_spread_ns: Option<u64>,
}

/// Faults that were captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Captured {
    /// Stored in the trace.
    pub stored: u64,
    /// Accesses that failed among them.
    pub failed: u64,
    /// Captured, but faster than asked for and so not stored; null where their number is not known.
    pub skipped: Option<ByKind>,
    /// The least latency that was asked for; 0 if all were.
    pub min_latency_ns: u64,
}

/// Faults by the kinds that the kernel counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ByKind {
    /// Minor ones, cow among them.
    pub minor: u64,
    /// Major ones.
    pub major: u64,
}

/// Faults that damage took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// So many.
    pub faults: u64,
    /// Or more.
    pub at_least: bool,
}

/// Records that were lost, by what they told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Losses {
    /// Completions, each of another fault.
    pub completions: u64,
    /// Entries: without one a latency is unknown.
    pub entries: u64,
    /// Error codes of faults in kernel mode: their access is unknown.
    pub error_codes: u64,
    /// Faults that were read, then dropped by the recorder.
    pub dropped: u64,
    /// Records that could not be parsed.
    pub unparsed: u64,
    /// Mappings and tasks: regions near the loss may be wrong.
    pub sideband: u64,
    /// Calls that change mappings: regions near the loss may be wrong.
    pub calls: u64,
    /// Signals: failed accesses may be missing.
    pub signals: u64,
    /// Victims of the OOM killer.
    pub oom: u64,
    /// CPUs whose faults are missing since they came online.
    pub cpus_unwatched: u64,
}

/// A stretch of time in which records were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// After, since the start.
    pub from_ns: u64,
    /// Before.
    pub to_ns: u64,
    /// On which CPU.
    pub cpu: Option<u32>,
    /// Records.
    pub records: u64,
    /// Dropped by the recorder, which fell behind, rather than by the kernel, whose ring was full.
    pub by_recorder: bool,
}

/// Completions of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Counter {
    /// `minor` or `major`.
    pub kind: &'static str,
    /// Captured, left out, received twice or lost.
    pub accounted: u64,
    /// Counted by the kernel.
    pub kernel: u64,
}

/// Faults in rusage that perf's events do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// Minor ones.
    pub minor: Option<u64>,
    /// Major ones.
    pub major: Option<u64>,
    /// Or more.
    pub at_least: bool,
}

/// Accesses that failed for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// A word of column `failure`.
    pub reason: &'static str,
    /// So many.
    pub faults: u64,
}

/// Selected faults by how sure their mapping is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Mappings {
    /// Certain.
    pub exact: u64,
    /// Probable.
    pub inferred: u64,
    /// None known.
    pub unknown: u64,
    /// Whether unmapping and moving were recorded.
    pub calls_recorded: Option<bool>,
}

impl Exactness {
    /// What the ledger and the table say.
    pub(super) fn of(loaded: &Loaded, counts: &Counts, top: usize) -> Self {
        let analysis = &loaded.analysis;
        let exactness = &analysis.exactness;
        let scope = Scope::of(loaded);
        let by_kind =
            |minor, major| ByKind { minor: loaded.sum(&[minor]), major: loaded.sum(&[major]) };
        let counters: Vec<Counter> = loaded
            .balances()
            .into_iter()
            .map(|balance| Counter {
                kind: balance.name,
                accounted: balance.ours,
                kernel: balance.kernel,
            })
            .collect();
        let [exact, inferred, unknown] = exactness::map_confidence(loaded, counts);
        let bias_ns = exactness::bias_ns(loaded);
        let failures = exactness::failures(loaded, counts);
        let failure = |(faults, reason)| Failure { reason, faults };
        Self {
            whole: loaded.is_whole(),
            ended: exactness.complete,
            captured: Captured {
                stored: exactness.faults,
                failed: loaded.class_total(Class::Failed),
                skipped: loaded.skipped().map(|[minor, major]| ByKind { minor, major }),
                min_latency_ns: scope.min_latency_ns,
            },
            left_out_of_others: by_kind(
                ledger::CAPTURED_FILTERED_MINOR,
                ledger::CAPTURED_FILTERED_MAJOR,
            ),
            left_out_of_recorder: by_kind(ledger::CAPTURED_OWN_MINOR, ledger::CAPTURED_OWN_MAJOR),
            taken_by_damage: loaded.taken_by_damage().map(|taken| match taken {
                accounts::Taken::Exactly(faults) => Taken { faults, at_least: false },
                accounts::Taken::AtLeast(faults) => Taken { faults, at_least: true },
            }),
            lost: Losses::of(loaded),
            losses: losses(loaded, top),
            balanced: (exactness.complete && !counters.is_empty()).then(|| loaded.is_balanced()),
            counters,
            received_twice: loaded.received_twice(),
            unseen: unseen(loaded).filter(unseen::Unseen::is_any).map(|unseen| Unseen {
                minor: unseen.minor,
                major: unseen.major,
                at_least: unseen.at_least,
            }),
            failures: failures.map(|failures| failures.into_iter().map(failure).collect()),
            in_flight: exactness.in_flight,
            unresolved: exactness.unresolved,
            without_entry: exactness.without_entry,
            negative_latency: exactness.negative_latency,
            interrupted: exactness.interrupted,
            foreign: loaded.counted(ledger::CAPTURED_FOREIGN_IDS),
            mappings: Mappings { exact, inferred, unknown, calls_recorded: scope.calls },
            symbols: Symbols::of(loaded, counts),
            call_chains: CallChains::of(loaded, counts),
            latency_bias_ns: bias_ns.map(|(bias_ns, _)| bias_ns),
            latency_bias_spread_ns: bias_ns.and_then(|(_, spread_ns)| spread_ns),
        }
    }
}

impl Losses {
    fn of(loaded: &Loaded) -> Self {
        let lost = loaded.lost_records();
        Self {
            completions: lost.completions,
            entries: lost.entries,
            error_codes: lost.error_codes,
            dropped: lost.dropped,
            unparsed: loaded.unparsed(),
            sideband: lost.sideband,
            calls: lost.calls,
            signals: lost.signals,
            oom: lost.oom,
            cpus_unwatched: loaded.unwatched_cpus(),
        }
    }
}

fn losses(loaded: &Loaded, top: usize) -> Excerpt<Loss> {
    let mut losses: Vec<Loss> = loaded
        .analysis
        .exactness
        .losses
        .iter()
        .map(|loss| Loss {
            from_ns: loss.from_ns,
            to_ns: loss.to_ns,
            cpu: (loss.cpu != u32::MAX).then_some(loss.cpu),
            records: loss.count,
            by_recorder: loss.by_recorder,
        })
        .collect();
    losses.sort_by_key(|loss| Reverse(loss.records));
    let mut losses = Excerpt::of(losses, top);
    losses.rows.sort_by_key(|loss| (loss.from_ns, loss.to_ns, loss.cpu));
    losses
}
