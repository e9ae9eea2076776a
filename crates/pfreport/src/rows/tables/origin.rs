//! The trace that a row comes from, and its times there.

use crate::load::{Loaded, Member};

/// The trace that a moment on the axis of time belongs to.
fn member(loaded: &Loaded, time_ns: u64) -> Option<&Member> {
    let next = loaded.members.partition_point(|member| member.offset_ns <= time_ns);
    next.checked_sub(1).and_then(|number| loaded.members.get(number))
}

/// Name of the trace that a moment belongs to.
pub fn trace(loaded: &Loaded, time_ns: u64) -> Option<String> {
    Some(member(loaded, time_ns).map_or_else(|| loaded.name.clone(), |member| member.name.clone()))
}

/// A moment of the trace that `begin_ns` belongs to, since the start of that trace; no later than its end.
pub fn time(loaded: &Loaded, begin_ns: u64, time_ns: u64) -> u64 {
    match (member(loaded, begin_ns), &*loaded.members) {
        // Nothing comes behind a single trace.
        (Some(member), [_]) => time_ns.saturating_sub(member.offset_ns),
        (Some(member), _) => time_ns.saturating_sub(member.offset_ns).min(member.duration_ns),
        (None, _) => time_ns,
    }
}

/// Name of the only trace.
pub fn only(loaded: &Loaded) -> Option<String> {
    match &*loaded.members {
        [member] => Some(member.name.clone()),
        _ => None,
    }
}
