//! The events on targets: opened on every CPU, sent into that CPU's ring, counted at the end.

pub(crate) mod attach;
pub(crate) mod cgroups;
mod figures;
pub(crate) mod launch;
pub(crate) mod processes;
pub(crate) mod whom;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustc_hash::FxHashMap;

use crate::Error;
use crate::event::{EventKind, Follow, Plan, Start, target_attr};
use crate::ring::Rings;
use crate::sys::{self, Bound};
use crate::system::permission;
pub use figures::EventCount;
use figures::Figures;

/// Which events a record came from: the thread on which they were opened, and their kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRef {
    /// Thread on which the event was opened; inherited copies keep it. 0 for events on CPUs.
    pub root_tid: u32,
    /// Kind.
    pub kind: EventKind,
}

/// An event on targets, which reports what happens on one CPU.
#[derive(Debug)]
struct Event {
    kind: EventKind,
    cpu: u32,
    fd: OwnedFd,
}

/// All events on targets.
#[derive(Debug)]
pub struct Targets {
    plan: Plan,
    events: Vec<Event>,
    /// By the id in the records.
    pub ids: FxHashMap<u64, EventRef>,
    /// Threads on which events were opened; all CPUs together count as one.
    pub roots: usize,
    /// What each of the first events had counted when its records began to count.
    begin: Vec<Figures>,
    /// What each event had counted when its records ceased to count.
    end: Option<Vec<Figures>>,
}

/// What is opened on a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All events.
    All,
    /// Those of maps and tasks: other threads of the process are the targets.
    Surroundings,
}

impl Targets {
    /// No targets yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            events: Vec::new(),
            ids: FxHashMap::default(),
            roots: 0,
            begin: Vec::new(),
            end: None,
        }
    }

    /// Opens events on thread `tid`; `false` when it ended meanwhile. What was opened until then
    /// stays: threads that it created carry copies.
    ///
    /// # Errors
    /// Why the kernel refuses.
    pub fn open(
        &mut self,
        tid: u32,
        part: Part,
        start: Start,
        rings: &Rings,
    ) -> Result<bool, Error> {
        self.roots += 1;
        for kind in self.plan.events() {
            if part == Part::Surroundings && kind.is_fault() {
                continue;
            }
            match self.open_kind(kind, Bound::Thread(tid), start, rings) {
                Err(Error::Open { source, .. }) if source.raw_os_error() == Some(libc::ESRCH) => {
                    return Ok(false);
                }
                opened => opened?,
            }
        }
        Ok(true)
    }

    /// Opens events on every CPU, for all tasks or for those of a control group.
    ///
    /// # Errors
    /// Why the kernel refuses.
    pub fn open_cpus(
        &mut self,
        cgroup: Option<BorrowedFd<'_>>,
        rings: &Rings,
    ) -> Result<(), Error> {
        self.roots += 1;
        let bound = cgroup.map_or(Bound::Everything, Bound::Cgroup);
        let kinds: Vec<EventKind> = self.plan.events().collect();
        // What is counted while rings are paused is known where losses are.
        let start = if self.plan.abilities.lost_counts { Start::Now } else { Start::WhenBegun };
        kinds.into_iter().try_for_each(|kind| self.open_kind(kind, bound, start, rings))
    }

    /// Opens what tells of the OOM killer, for all tasks.
    ///
    /// # Errors
    /// Why the kernel refuses.
    pub fn open_oom(&mut self, rings: &Rings) -> Result<(), Error> {
        if !self.plan.wants(EventKind::Oom) {
            return Ok(());
        }
        self.open_kind(EventKind::Oom, Bound::Everything, Start::Now, rings)
    }

    fn open_kind(
        &mut self,
        kind: EventKind,
        bound: Bound<'_>,
        start: Start,
        rings: &Rings,
    ) -> Result<(), Error> {
        let attr = target_attr(kind, &self.plan, start, rings.watermark_bytes);
        let root_tid = if let Bound::Thread(tid) = bound { tid } else { 0 };
        for ring in &rings.rings {
            let event = sys::perf_event_open(&attr, bound, Some(ring.cpu), Some(ring.as_fd()))
                .map_err(|error| match bound {
                    Bound::Thread(tid) => permission::explain(error, kind.name(), tid),
                    _ => permission::explain_cpu(error, kind.name()),
                })?;
            let id = sys::event_id(event.as_fd()).map_err(Error::system("read an event id"))?;
            self.ids.insert(id, EventRef { root_tid, kind });
            self.events.push(Event { kind, cpu: ring.cpu, fd: event });
        }
        Ok(())
    }

    /// Starts the fault events of a plan with a delay, inherited copies included.
    pub fn enable(&self) {
        for event in self.events.iter().filter(|event| event.kind.is_fault()) {
            // Fails only for a descriptor that is none of ours.
            let _ = sys::enable(event.fd.as_fd());
        }
    }

    /// The rings were paused while events were opened, and are let go: what was counted until here is
    /// nobody's.
    pub fn begin(&mut self, rings: &Rings) {
        if !self.plan.abilities.lost_counts {
            rings.pause(false);
            let waits = |event: &&Event| !(self.plan.delayed && event.kind.is_fault());
            for event in self.events.iter().filter(waits) {
                // Fails only for a descriptor that is none of ours.
                let _ = sys::enable(event.fd.as_fd());
            }
            return;
        }
        let written = figures::settled(&self.events);
        rings.pause(false);
        // The rings are empty: nothing is lost any more for a good while.
        let lost = figures::settled(&self.events);
        let begin = written.into_iter().zip(lost);
        self.begin = begin.map(|(f, Figures { lost, .. })| Figures { lost, ..f }).collect();
    }

    /// Stops all events, inherited copies included, and settles what they counted.
    ///
    /// A fault that is under way while its event is stopped is counted and yet has no record. So first
    /// the rings are closed, after which the kernel counts each record as lost that it does not write.
    pub fn end(&mut self, rings: &Rings) {
        if self.plan.abilities.lost_counts {
            let lost = figures::current(&self.events);
            rings.pause(true);
            let end = figures::settled(&self.events).into_iter().zip(lost);
            self.end = Some(end.map(|(f, Figures { lost, .. })| Figures { lost, ..f }).collect());
        }
        for event in &self.events {
            // Fails only for a descriptor that is none of ours.
            let _ = sys::disable(event.fd.as_fd());
        }
    }

    /// The kernel's count of each kind of event so far; kinds of one name are summed. Once they are
    /// stopped, what was counted while the rings were open.
    #[must_use]
    pub fn counts(&self) -> Vec<(EventKind, EventCount)> {
        let mut totals: Vec<(EventKind, EventCount)> = Vec::new();
        for (index, event) in self.events.iter().enumerate() {
            let Some(one) = self.count(index, &event.fd) else {
                continue;
            };
            match totals.iter_mut().find(|(known, _)| known.name() == event.kind.name()) {
                Some((_, total)) => {
                    total.count += one.count;
                    total.lost = total.lost.zip(one.lost).map(|(a, b)| a + b);
                }
                None => totals.push((event.kind, one)),
            }
        }
        totals
    }

    fn count(&self, index: usize, event: &OwnedFd) -> Option<EventCount> {
        if !self.plan.abilities.lost_counts {
            return figures::read_count(event, false).ok();
        }
        let now = match &self.end {
            Some(end) => *end.get(index)?,
            None => {
                let EventCount { count, lost } = figures::read_count(event, true).ok()?;
                Figures { written: count.saturating_sub(lost?), lost: lost? }
            }
        };
        let begin = self.begin.get(index).copied().unwrap_or_default();
        let lost = now.lost.saturating_sub(begin.lost);
        let written = now.written.saturating_sub(begin.written);
        Some(EventCount { count: written + lost, lost: Some(lost) })
    }

    /// Whether completed faults of every kind are recorded, from the start on.
    #[must_use]
    pub fn see_every_fault(&self) -> bool {
        self.plan.kernel_mode() && self.plan.wants(EventKind::Minor) && !self.plan.delayed
    }

    /// Descriptors that the events of `threads` need.
    #[must_use]
    pub fn descriptors(plan: &Plan, threads: usize, cpus: usize) -> usize {
        threads.saturating_mul(cpus).saturating_mul(plan.events().count())
    }

    /// Which threads of the targets' processes get all events.
    #[must_use]
    pub fn part_of(&self, tid: u32, wanted: &[u32]) -> Part {
        if self.plan.follow != Follow::None || wanted.contains(&tid) {
            Part::All
        } else {
            Part::Surroundings
        }
    }
}
