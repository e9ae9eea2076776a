//! Several traces as one.
//!
//! They are laid one after another on one axis of time, each as long as it is, so that sums, shares of
//! time and everything that follows the order of faults is right without knowing of several traces. Processes of
//! different traces are different ones.

use std::collections::{BTreeMap, BTreeSet};

use pft::keys::fact;

use crate::load::{Loaded, Member};
use crate::print::text::printable_path;

/// Facts which say that something was not recorded.
const LIMITS: [(&str, &str); 7] = [
    (fact::CAPTURE_MAJOR_ONLY, "yes"),
    (fact::CAPTURE_USER_ONLY, "yes"),
    (fact::CAPTURE_LATENCY, "no"),
    (fact::CAPTURE_ERROR_CODE, "no"),
    (fact::CAPTURE_KERNEL_MODE, "no"),
    (fact::CAPTURE_CALLS, "no"),
    (fact::CAPTURE_OOM, "no"),
];

/// Between two traces on the axis of time: what is at the end of one is not at the start of the next.
const GAP_NS: u64 = 1;

/// The traces as one; a single one is left as it is.
///
/// Facts are those that all traces agree on, counts of the ledger are added up where all have them. What
/// each trace lacks is in its [`Member::flaws`].
pub fn join(traces: Vec<Loaded>) -> Option<Loaded> {
    let mut traces = traces.into_iter();
    let mut all = traces.next()?;
    let rest: Vec<Loaded> = traces.collect();
    if rest.is_empty() {
        return Some(all);
    }
    all.damage = with_names(&all);
    let mut given = BTreeSet::from([all.header.uuid]);
    for trace in rest {
        if !given.insert(trace.header.uuid) {
            all.notes.push(format!("{} is a trace that was given before", trace.name));
        }
        append(&mut all, trace);
    }
    name_apart(&mut all.members);
    let first = all.members.first().map(|member| member.name.as_str()).unwrap_or_default();
    all.name = format!("{first} and {} more", all.members.len() - 1);
    Some(all)
}

/// The damage of a trace with its name.
fn with_names(trace: &Loaded) -> Vec<String> {
    trace.damage.iter().map(|damage| format!("{}: {damage}", trace.name)).collect()
}

/// Traces of one name are told apart by their paths.
fn name_apart(members: &mut [Member]) {
    let mut uses: BTreeMap<String, usize> = BTreeMap::new();
    for member in &*members {
        *uses.entry(member.name.clone()).or_default() += 1;
    }
    for member in members.iter_mut().filter(|member| uses.get(&member.name) > Some(&1)) {
        member.name = printable_path(&member.path);
    }
    // A trace that is given twice is two.
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for member in members {
        let times = seen.entry(member.name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            member.name = format!("{} ({times})", member.name);
        }
    }
}

fn append(all: &mut Loaded, mut trace: Loaded) {
    let offset_ns = all.analysis.duration_ns.saturating_add(GAP_NS);
    let rows = all.analysis.faults.len();
    all.damage.extend(with_names(&trace));
    all.notes.extend(trace.notes.iter().map(|note| format!("{}: {note}", trace.name)));
    differing_options(all, &trace);
    let limits = limits(&all.facts, &trace.facts);
    all.facts.retain(|key, value| trace.facts.get(key) == Some(value));
    all.facts.extend(limits);
    all.ledger.retain(|key, count| {
        trace.ledger.get(key).map(|more| *count = count.saturating_add(*more)).is_some()
    });
    all.marks.extend(trace.marks.drain(..).map(|mut mark| {
        mark.time_ns = mark.time_ns.saturating_add(offset_ns);
        mark
    }));
    let (all_start_ns, start_ns) = (all.header.start_ns, trace.header.start_ns);
    all.oom.extend(trace.oom.drain(..).map(|mut victim| {
        let since_start_ns = victim.time_ns.saturating_sub(start_ns);
        victim.time_ns = all_start_ns.saturating_add(offset_ns).saturating_add(since_start_ns);
        victim
    }));
    all.gaps.extend(trace.gaps.drain(..).map(|mut gap| {
        let moved = |ns: u64| match ns {
            0 | u64::MAX => ns,
            ns => {
                let since_start_ns = ns.saturating_sub(start_ns);
                all_start_ns.saturating_add(offset_ns).saturating_add(since_start_ns)
            }
        };
        (gap.after_ns, gap.before_ns) = (moved(gap.after_ns), moved(gap.before_ns));
        gap
    }));
    // The finest pages of all.
    all.header.page_size_bytes = all.header.page_size_bytes.min(trace.header.page_size_bytes);
    all.members.extend(trace.members.into_iter().map(|mut member| {
        let moved = |ns: u64| ns.saturating_add(offset_ns);
        member.offset_ns = moved(member.offset_ns);
        member.recorded_ns = moved(member.recorded_ns.start)..moved(member.recorded_ns.end);
        member.rows = member.rows.start + rows..member.rows.end + rows;
        member
    }));
    all.analysis.append(trace.analysis, offset_ns);
}

/// What either recording left out: of all of them together it is not known.
fn limits(
    one: &BTreeMap<String, String>,
    other: &BTreeMap<String, String>,
) -> Vec<(String, String)> {
    let either = |(key, limited): (&str, &str)| {
        let is_limited =
            [one, other].iter().any(|facts| facts.get(key).is_some_and(|v| v == limited));
        is_limited.then(|| (key.to_owned(), limited.to_owned()))
    };
    let mut limits: Vec<(String, String)> = LIMITS.into_iter().filter_map(either).collect();
    let least = |facts: &BTreeMap<String, String>| {
        facts.get(fact::CAPTURE_MIN_LATENCY_NS)?.parse::<u64>().ok()
    };
    if let Some(least_ns) = least(one).max(least(other)) {
        limits.push((fact::CAPTURE_MIN_LATENCY_NS.to_owned(), least_ns.to_string()));
    }
    limits
}

/// Notes which options of the recordings differ: what one left out is not in the sums.
fn differing_options(all: &mut Loaded, trace: &Loaded) {
    let options = |key: &&String| key.starts_with("capture.") || key.starts_with("target.kind");
    let keys: Vec<&String> = all.facts.keys().chain(trace.facts.keys()).filter(options).collect();
    let mut differing: Vec<&str> = keys
        .into_iter()
        .filter(|key| all.facts.get(*key) != trace.facts.get(*key))
        .map(String::as_str)
        .collect();
    differing.sort_unstable();
    differing.dedup();
    if !differing.is_empty() {
        let note = format!("{} was recorded with another {}", trace.name, differing.join(", "));
        all.notes.push(note);
    }
}

#[cfg(test)]
mod tests {
    use pfmodel::names::{Cause, Class};

    use super::join;
    use crate::figures::stall::WallStall;
    use crate::load::Loaded;
    use crate::made_up::{self, HEAP, INLINED, KERNEL, MODEL, Row};
    use crate::outputs::export::{self, Format};
    use crate::rows::faults::Faults;
    use crate::rows::field::Field;

    /// A trace of ten seconds from another day, with a fault that began before it.
    fn trace(name: &str, uuid: u8) -> Loaded {
        let mut loaded = made_up::with_code();
        loaded.header.uuid = [uuid; 16];
        let member = &mut loaded.members[0];
        member.name = name.to_owned();
        member.path = format!("{name}/run.pft").into();
        member.start_realtime_ns += u64::from(uuid) * 86_400_000_000_000;
        loaded.analysis.call_chains = vec![made_up::chain(&[KERNEL], &[INLINED], false)];
        let row = Row { mapping: HEAP, code: INLINED, chain: 0, object: 0, ..Row::default() };
        made_up::push(&mut loaded.analysis, row);
        let read = Row { class: Class::Major, cause: Cause::FileRead, ..Row::default() };
        let read = Row { time: 7, latency: Some(5_000), mapping: MODEL, ..read };
        made_up::push(&mut loaded.analysis, read);
        loaded.analysis.faults.before_ns = vec![400];
        loaded.members[0].rows = 0..2;
        loaded
    }

    fn csv(loaded: &Loaded, fields: &[Field]) -> Vec<String> {
        let frame = Faults::new(loaded, fields).unwrap().frame(0..usize::MAX).unwrap();
        let bytes = export::in_memory(Format::Csv, &frame);
        String::from_utf8(bytes).unwrap().lines().skip(1).map(str::to_owned).collect()
    }

    #[test]
    fn every_row_keeps_what_it_says() {
        let own: Vec<Field> = Field::ALL.to_vec();
        let own: Vec<Field> = own
            .into_iter()
            .filter(|f| ![Field::Proc, Field::Callchain, Field::Mapping].contains(f))
            .collect();
        let each = [trace("a", 1), trace("b", 2), trace("c", 3)];
        let expected: Vec<String> = each.iter().flat_map(|trace| csv(trace, &own)).collect();
        let joined = join(each.to_vec()).unwrap();
        assert_eq!(csv(&joined, &own), expected);
        assert_eq!(csv(&joined, &[Field::Proc]), ["0", "0", "1", "1", "2", "2"]);
        assert_eq!(csv(&joined, &[Field::Mapping]), ["1", "2", "4", "5", "7", "8"]);
        // Chains that read alike have one number.
        assert_eq!(csv(&joined, &[Field::Callchain]), ["0", "", "0", "", "0", ""]);
    }

    #[test]
    fn times_of_all_traces_follow_each_other() {
        let mut second = trace("b", 2);
        made_up::mark(&mut second, 5, "warm");
        let joined = join(vec![trace("a", 1), second, trace("c", 3)]).unwrap();
        let (ten, gap) = (10_000_000_000, 1);
        assert_eq!(
            joined.analysis.faults.time_ns,
            [0, 7, ten + gap, ten + gap + 7, 2 * (ten + gap), 2 * (ten + gap) + 7]
        );
        assert_eq!(joined.analysis.duration_ns, 3 * ten + 2 * gap);
        assert_eq!(joined.recorded_ns(), 3 * ten);
        // What was before a trace belongs to none of them: 600 ns and 5 µs of each.
        assert_eq!(WallStall::of(&joined.analysis).total.length_ns, 3 * 5_007);
        let phases = csv(&joined, &[Field::Phase]);
        assert_eq!(phases, ["", "", "", "warm", "", ""]);
    }

    #[test]
    fn names_tell_traces_apart() {
        let names = |traces: [(&str, u8); 3]| {
            let traces = traces.map(|(name, uuid)| {
                let mut trace = trace(name, uuid);
                trace.members[0].name = "run.pft".to_owned();
                trace
            });
            let joined = join(traces.to_vec()).unwrap();
            let names: Vec<String> = joined.members.iter().map(|m| m.name.clone()).collect();
            (names, joined.notes)
        };
        let (of_three, notes) = names([("a", 1), ("b", 2), ("c", 3)]);
        assert_eq!(of_three, ["a/run.pft", "b/run.pft", "c/run.pft"]);
        assert!(notes.is_empty(), "{notes:?}");
        let (with_one_twice, notes) = names([("a", 1), ("a", 1), ("c", 3)]);
        assert_eq!(with_one_twice, ["a/run.pft", "a/run.pft (2)", "c/run.pft"]);
        assert_eq!(notes, ["run.pft is a trace that was given before"]);
        // Whichever it is.
        let (_, notes) = names([("a", 1), ("c", 3), ("c", 3)]);
        assert_eq!(notes, ["run.pft is a trace that was given before"]);
    }

    #[test]
    fn what_one_left_out_all_left_out() {
        let with = |facts: &[(&str, &str)], captured| {
            let mut trace = trace("a", captured);
            trace.facts = facts.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
            trace.ledger = [("captured.minor".to_owned(), captured.into())].into();
            trace
        };
        let all = with(&[("capture.latency", "yes"), ("kernel.release", "6.18")], 1);
        let less =
            [("capture.latency", "no"), ("capture.major_only", "yes"), ("kernel.release", "6.18")];
        let joined = join(vec![all.clone(), with(&less, 2)]).unwrap();
        let facts: Vec<_> = joined.facts.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(facts, less);
        assert_eq!(joined.counted("captured.minor"), Some(3));
        assert_eq!(joined.notes.len(), 1, "{:?}", joined.notes);
        let mut broken = all;
        broken.ledger.clear();
        broken.members[0].flaws = vec!["the file is damaged"];
        let joined = join(vec![joined, broken]).unwrap();
        assert_eq!(joined.counted("captured.minor"), None);
        assert_eq!(joined.flaws(), ["the file is damaged"]);
        assert!(!joined.is_whole());
    }
}
