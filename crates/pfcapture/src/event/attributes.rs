//! The attributes of events, `struct perf_event_attr`.

use perf_event_open_sys::bindings as b;
use perf_event_open_sys::bindings::perf_event_attr;

use super::{EventKind, Follow, Plan};

/// When an event begins to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At once (attach).
    Now,
    /// At the next exec (launch).
    OnExec,
    /// When [`crate::targets::Targets::begin`] says so.
    WhenBegun,
}

/// The owner of a CPU's ring: a dummy on the recorder itself, which outlives every target.
#[must_use]
pub fn ring_owner_attr(watermark_bytes: u32) -> perf_event_attr {
    let mut attr = base(b::PERF_TYPE_SOFTWARE, b::PERF_COUNT_SW_DUMMY.into());
    attr.set_exclude_kernel(1);
    wake_at(&mut attr, watermark_bytes);
    attr
}

/// Attributes of `kind` on a target.
#[must_use]
pub fn target_attr(
    kind: EventKind,
    plan: &Plan,
    start: Start,
    watermark_bytes: u32,
) -> perf_event_attr {
    let abilities = &plan.abilities;
    let software = |config: b::perf_sw_ids| (b::PERF_TYPE_SOFTWARE, u64::from(config));
    let tracepoint = |id: Option<u64>| (b::PERF_TYPE_TRACEPOINT, id.unwrap_or(0));
    let calls = abilities.calls.as_ref();
    let (event_type, config) = match kind {
        EventKind::Minor | EventKind::Stack => software(b::PERF_COUNT_SW_PAGE_FAULTS_MIN),
        EventKind::Major => software(b::PERF_COUNT_SW_PAGE_FAULTS_MAJ),
        EventKind::Entry => software(b::PERF_COUNT_SW_PAGE_FAULTS),
        EventKind::EntryUser => tracepoint(abilities.tracepoints.map(|(user, _)| user.id)),
        EventKind::EntryKernel => tracepoint(abilities.tracepoints.map(|(_, kernel)| kernel.id)),
        EventKind::Signal => tracepoint(abilities.signals.map(|signal| signal.id)),
        EventKind::CallEntry(call) => {
            tracepoint(calls.and_then(|calls| calls.of(call)).map(|call| call.entry_id))
        }
        EventKind::CallExit(call) => {
            tracepoint(calls.and_then(|calls| calls.of(call)).map(|call| call.exit_id))
        }
        EventKind::ThreadStart => tracepoint(abilities.thread_starts),
        EventKind::Sideband => software(b::PERF_COUNT_SW_DUMMY),
        EventKind::Oom => tracepoint(abilities.oom.map(|oom| oom.id)),
    };
    let mut attr = base(event_type, config);
    wake_at(&mut attr, watermark_bytes);
    if kind != EventKind::Oom && (plan.follow != Follow::None || !kind.is_fault()) {
        attr.set_inherit(1);
        attr.set_inherit_thread(u64::from(plan.follow != Follow::All && abilities.inherit_thread));
    }
    // Tracepoints always fire in kernel mode.
    let is_tracepoint = event_type == b::PERF_TYPE_TRACEPOINT;
    let user_only = if is_tracepoint { !abilities.kernel_mode } else { !plan.kernel_mode() };
    attr.set_exclude_kernel(u64::from(user_only));
    if plan.delayed && kind.is_fault() {
        attr.set_disabled(1);
    } else if start == Start::OnExec {
        attr.set_disabled(1);
        attr.set_enable_on_exec(1);
    } else if start == Start::WhenBegun {
        attr.set_disabled(1);
    }
    if abilities.lost_counts {
        attr.read_format = u64::from(b::PERF_FORMAT_LOST);
    }
    if kind != EventKind::Sideband {
        attr.__bindgen_anon_1.sample_period = plan.period(kind).into();
        if plan.sample_ip() {
            attr.sample_type |= u64::from(b::PERF_SAMPLE_IP);
        }
    }
    ask_for_stack(&mut attr, kind, plan);
    match kind {
        EventKind::Minor | EventKind::Major => {
            attr.sample_type |= u64::from(b::PERF_SAMPLE_ADDR);
            if plan.selection.page_nodes {
                attr.sample_type |= u64::from(b::PERF_SAMPLE_PHYS_ADDR);
            }
            if abilities.page_size {
                attr.sample_type |= u64::from(b::PERF_SAMPLE_DATA_PAGE_SIZE);
            }
            // Not for the CPU: it makes these samples longer than the minor ones. See `kind_of`.
            if kind == EventKind::Major {
                attr.sample_type |= u64::from(b::PERF_SAMPLE_CPU);
            }
        }
        EventKind::Stack => {
            // Not for the source, which no software event knows: what stands for it tells these samples
            // from others. See `kind_of`.
            attr.sample_type |= u64::from(b::PERF_SAMPLE_ADDR | b::PERF_SAMPLE_DATA_SRC);
        }
        EventKind::Entry => {
            attr.sample_type |= u64::from(b::PERF_SAMPLE_ADDR);
            // The tracepoint covers user mode; this event then only proves kernel-mode entries.
            attr.set_exclude_user(u64::from(plan.entry_tracepoints()));
        }
        // What the call was given is of no use.
        EventKind::ThreadStart => {}
        EventKind::Sideband => {
            attr.set_mmap(1);
            attr.set_mmap2(1);
            attr.set_mmap_data(1);
            attr.set_comm(1);
            attr.set_comm_exec(1);
            attr.set_task(1);
        }
        _ => attr.sample_type |= u64::from(b::PERF_SAMPLE_RAW),
    }
    attr
}

/// Asks for callers, registers and stack as far as samples of the kind carry them.
fn ask_for_stack(attr: &mut perf_event_attr, kind: EventKind, plan: &Plan) {
    if plan.callers(kind) {
        attr.sample_type |= u64::from(b::PERF_SAMPLE_CALLCHAIN);
        attr.set_exclude_callchain_kernel(u64::from(!plan.kernel_mode()));
        attr.set_exclude_callchain_user(u64::from(plan.stack_bytes(kind) > 0));
    }
    attr.sample_regs_user = plan.user_regs(kind);
    if attr.sample_regs_user != 0 {
        attr.sample_type |= u64::from(b::PERF_SAMPLE_REGS_USER);
    }
    attr.sample_stack_user = plan.stack_bytes(kind);
    if attr.sample_stack_user != 0 {
        attr.sample_type |= u64::from(b::PERF_SAMPLE_STACK_USER);
    }
}

/// An event that records nothing and tells only for how long it was enabled, behind its count.
#[must_use]
pub fn probe_attr() -> perf_event_attr {
    let mut attr = base(b::PERF_TYPE_SOFTWARE, u64::from(b::PERF_COUNT_SW_DUMMY));
    attr.read_format = u64::from(b::PERF_FORMAT_TOTAL_TIME_ENABLED);
    attr
}

fn base(event_type: b::perf_type_id, config: u64) -> perf_event_attr {
    let mut attr = perf_event_attr {
        type_: event_type,
        size: u32::try_from(size_of::<perf_event_attr>()).unwrap_or(0),
        config,
        sample_type: u64::from(
            b::PERF_SAMPLE_IDENTIFIER | b::PERF_SAMPLE_TID | b::PERF_SAMPLE_TIME,
        ),
        clockid: libc::CLOCK_MONOTONIC,
        ..perf_event_attr::default()
    };
    attr.set_use_clockid(1);
    attr.set_sample_id_all(1);
    attr.set_exclude_hv(1);
    attr
}

fn wake_at(attr: &mut perf_event_attr, watermark_bytes: u32) {
    attr.set_watermark(1);
    attr.__bindgen_anon_2.wakeup_watermark = watermark_bytes;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CallGraph, Selection};
    use crate::event::Abilities;
    use crate::event::user_regs;

    const ABILITIES: Abilities = Abilities {
        kernel_mode: true,
        tracepoints: None,
        signals: None,
        calls: None,
        thread_starts: None,
        oom: None,
        lost_counts: true,
        page_size: true,
        inherit_thread: true,
        user_regs: true,
    };

    fn plans() -> impl Iterator<Item = Plan> {
        let stacks = |share| Some(CallGraph::Stacks { bytes: 8192, share });
        let graphs = [None, Some(CallGraph::FramePointers), stacks(5), stacks(0)];
        let plan = |call_graph, kernel_mode| {
            let selection = Selection { call_graph, ..Selection::default() };
            Plan { selection, ..Plan::of(Abilities { kernel_mode, ..ABILITIES }) }
        };
        graphs.into_iter().flat_map(move |graph| [true, false].map(|mode| plan(graph, mode)))
    }

    /// Of the events that count minor faults, the one that is served first must not leave a size behind
    /// that is more than the other asks for.
    #[test]
    fn what_varies_in_the_first_sample_is_in_the_second_too() {
        let place = |kind| EventKind::FOLLOWING.iter().position(|&known| known == kind);
        assert!(place(EventKind::Stack) < place(EventKind::Minor));
        for plan in plans() {
            let [minor, stack] = [EventKind::Minor, EventKind::Stack]
                .map(|kind| target_attr(kind, &plan, Start::Now, 4096));
            let varying =
                b::PERF_SAMPLE_CALLCHAIN | b::PERF_SAMPLE_REGS_USER | b::PERF_SAMPLE_STACK_USER;
            let first = minor.sample_type & u64::from(varying);
            assert_eq!(first & stack.sample_type, first, "{plan:?}");
            assert!([0, stack.sample_regs_user].contains(&minor.sample_regs_user), "{plan:?}");
            assert!([0, stack.sample_stack_user].contains(&minor.sample_stack_user), "{plan:?}");
        }
    }

    /// Nothing else lies behind the time of its samples, whatever the others carry.
    #[test]
    fn the_start_of_a_thread_brings_a_stack_pointer() {
        for plan in plans() {
            let abilities = Abilities { thread_starts: Some(7), ..plan.abilities };
            let plan = Plan { abilities, ..plan };
            assert!(plan.wants(EventKind::ThreadStart));
            let attr = target_attr(EventKind::ThreadStart, &plan, Start::Now, 4096);
            let all = b::PERF_SAMPLE_IDENTIFIER | b::PERF_SAMPLE_IP | b::PERF_SAMPLE_TID;
            let all = all | b::PERF_SAMPLE_TIME | b::PERF_SAMPLE_REGS_USER;
            assert_eq!((attr.config, attr.sample_type), (7, all.into()));
            assert_eq!(attr.sample_regs_user, user_regs::STACK_POINTER);
            assert_eq!(plan.period(EventKind::ThreadStart), 1);
        }
        let without = Plan::of(Abilities { thread_starts: Some(7), user_regs: false, ..ABILITIES });
        assert!(!without.wants(EventKind::ThreadStart) && !EventKind::ThreadStart.is_fault());
    }

    #[test]
    fn stacks_come_with_a_share_of_minor_faults() {
        let copies = plans().map(|plan| {
            let attr = target_attr(EventKind::Stack, &plan, Start::Now, 4096);
            let has = |field| attr.sample_type & u64::from(field) != 0;
            (plan.period(EventKind::Stack), attr.sample_stack_user, has(b::PERF_SAMPLE_CALLCHAIN))
        });
        let expected = [
            (32, 0, false),
            (32, 0, false),
            (32, 0, true),
            (32, 0, true),
            (5, 8192, true),
            (5, 8192, false),
            (32, 0, false),
            (32, 0, false),
        ];
        assert_eq!(copies.collect::<Vec<_>>(), expected);
    }
}
