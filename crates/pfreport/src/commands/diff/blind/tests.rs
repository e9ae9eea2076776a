use pfmodel::names::{Cause, Class};

use crate::commands::diff::change::Change;
use crate::commands::diff::comparison::Comparison;
use crate::commands::diff::comparison::tests::{compare, run};
use crate::commands::diff::digest::Section;
use crate::commands::diff::metric::Metric;
use crate::load::Loaded;
use crate::made_up::{self, HEAP, MODEL, Row, TEXT};

fn with(mut run: Loaded, faults: &[(Class, Cause, u32, u64)]) -> Loaded {
    for (i, &(class, cause, mapping, latency)) in faults.iter().enumerate() {
        let addr = 0x100_0000 + 4_096 * i as u64;
        let latency = Some(latency);
        made_up::push(
            &mut run.analysis,
            Row { class, cause, mapping, latency, addr, ..Row::default() },
        );
    }
    run
}

/// What a run did, seen with error codes.
fn seeing(name: &str) -> Loaded {
    let faults = [
        (Class::Minor, Cause::AnonFirstTouch, HEAP, 1_000),
        (Class::Minor, Cause::ZeroPage, HEAP, 1_000),
        (Class::Cow, Cause::CowZero, HEAP, 3_000),
        (Class::Cow, Cause::CowAnon, MODEL, 4_000),
        (Class::Minor, Cause::FileCached, TEXT, 500),
        (Class::Minor, Cause::HugePage, HEAP, 90_000),
        (Class::Major, Cause::FilePrivateWrite, MODEL, 70_000),
    ];
    with(run(name, 1, 2, 0), &faults)
}

/// The same without.
fn blind(name: &str) -> Loaded {
    let faults = [
        (Class::Minor, Cause::AnonFirstTouchOrZero, HEAP, 1_000),
        (Class::Minor, Cause::AnonFirstTouchOrZero, HEAP, 1_000),
        (Class::Minor, Cause::AnonUnknown, HEAP, 3_000),
        (Class::Minor, Cause::FileCachedOrPrivateWrite, MODEL, 4_000),
        (Class::Minor, Cause::FileCached, TEXT, 500),
        (Class::Minor, Cause::HugePage, HEAP, 90_000),
        (Class::Major, Cause::FileOrSwap, MODEL, 70_000),
    ];
    let mut run = with(run(name, 2, 2, 0), &faults);
    run.analysis.exactness.error_code = false;
    run
}

/// The parts of a section and their faults on both sides.
fn faults(comparison: &Comparison, section: Section) -> Vec<(String, [Option<u64>; 2])> {
    let parts = comparison.section(section, Metric::Faults).into_iter();
    let mut parts: Vec<_> =
        parts.map(|part| (part.key.join(" "), sides(&part.change(Metric::Faults)))).collect();
    parts.sort();
    parts
}

fn sides(change: &Change) -> [Option<u64>; 2] {
    [change.base.median(), change.new.median()]
}

fn part(comparison: &Comparison, section: Section, key: &str, metric: Metric) -> [Option<u64>; 2] {
    let parts = comparison.section(section, metric);
    sides(&parts.iter().find(|part| part.key.join(" ") == key).unwrap().change(metric))
}

#[test]
fn what_both_did_is_neither_gone_nor_new() {
    for (base, new) in [(seeing("a"), blind("b")), (blind("a"), seeing("b"))] {
        let comparison = compare(vec![base], vec![new]);
        let both = |name: &str, faults| (name.to_owned(), [Some(faults); 2]);
        assert_eq!(
            faults(&comparison, Section::Class),
            [both("major", 3), both("minor-or-cow", 6)]
        );
        assert_eq!(
            faults(&comparison, Section::Cause),
            [
                both("major file-read-or-swap-in", 3),
                both("minor-or-cow anon-any", 3),
                both("minor-or-cow file-any", 2),
                both("minor-or-cow huge-page", 1),
            ]
        );
        assert_eq!(sides(&comparison.total(Metric::Minor)), [Some(6); 2]);
        let changed = comparison.cells(Metric::Stall);
        assert!(changed.iter().all(|cell| cell.in_base && cell.in_new), "{changed:?}");
    }
}

#[test]
fn sums_are_known_and_the_rest_only_of_what_stays_itself() {
    let comparison = compare(vec![seeing("a")], vec![blind("b")]);
    let of = |key, metric| part(&comparison, Section::Cause, key, metric);
    assert_eq!(of("minor-or-cow anon-any", Metric::Stall), [Some(5_000); 2]);
    assert_eq!(of("minor-or-cow anon-any", Metric::Max), [Some(3_000); 2]);
    assert_eq!(of("minor-or-cow anon-any", Metric::P99), [None; 2]);
    assert_eq!(of("minor-or-cow anon-any", Metric::Pages), [None; 2]);
    for metric in [Metric::P50, Metric::Max] {
        assert_eq!(of("minor-or-cow huge-page", metric), [Some(90_000); 2]);
    }
    assert_eq!(of("minor-or-cow huge-page", Metric::Pages), [Some(1); 2]);
    // Of the run without codes all is one class anyway.
    let p50 = part(&comparison, Section::Class, "minor-or-cow", Metric::P50);
    assert_eq!(p50, [None, Some(1_000)]);
    assert_eq!(sides(&comparison.total(Metric::Cow)), [Some(2), None]);
}

#[test]
fn the_doubt_says_why() {
    let comparison = compare(vec![seeing("a")], vec![blind("b")]);
    let doubts: Vec<String> = comparison.doubts.iter().map(|doubt| doubt.line()).collect();
    let doubt = format!("error codes recorded: base yes, new no ({})", super::NOTE);
    assert_eq!(doubts, [doubt]);
}

#[test]
fn runs_of_one_kind_keep_what_they_know() {
    let classes = |base, new| {
        let parts = faults(&compare(vec![base], vec![new]), Section::Class);
        parts.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(classes(seeing("a"), seeing("b")), ["cow", "major", "minor"]);
    assert_eq!(classes(blind("a"), blind("b")), ["major", "minor"]);
}
