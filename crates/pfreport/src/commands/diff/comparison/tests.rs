use pfmodel::names::{Cause, Class};
use pft::keys::fact;

use super::{Comparison, Part};
use crate::commands::diff::digest::{Digest, Section};
use crate::commands::diff::metric::Metric;
use crate::load::Loaded;
use crate::made_up::{self, HEAP, MODEL, Row};

/// A run that read `reads` pages of the model and touched `touches` of its heap, a microsecond each.
pub fn run(name: &str, pid: u32, reads: u64, touches: u64) -> Loaded {
    let mut loaded = made_up::empty();
    loaded.path = name.into();
    loaded.header.uuid = [0; 16];
    loaded.header.uuid[..name.len().min(16)]
        .copy_from_slice(&name.as_bytes()[..name.len().min(16)]);
    loaded.analysis.processes[0].pid = pid;
    // Elsewhere in each run.
    let shift = u64::from(pid) << 20;
    let mappings = &mut loaded.analysis.mappings;
    for mapping in mappings.iter_mut() {
        mapping.start += shift;
        mapping.end += shift;
    }
    for i in 0..reads {
        let row = Row {
            latency: Some(100_000),
            class: Class::Major,
            cause: Cause::FileRead,
            addr: 0x7f00_0000_0000 + shift + i * 4_096,
            mapping: MODEL,
            ..Row::default()
        };
        made_up::push(&mut loaded.analysis, row);
    }
    for i in 0..touches {
        let addr = 0x100_0000 + shift + i * 4_096;
        made_up::push(&mut loaded.analysis, Row { addr, mapping: HEAP, ..Row::default() });
    }
    loaded
}

fn digests(runs: Vec<Loaded>) -> Vec<Digest> {
    runs.into_iter().map(|run| Digest::of(run).unwrap()).collect()
}

pub fn compare(base: Vec<Loaded>, new: Vec<Loaded>) -> Comparison {
    Comparison::of(digests(base), digests(new))
}

fn values(part: &Part, metric: Metric) -> (Option<u64>, Option<u64>) {
    let change = part.change(metric);
    (change.base.median(), change.new.median())
}

#[test]
fn parts_match_across_pids_and_addresses() {
    let comparison = compare(vec![run("a", 100, 3, 1_000)], vec![run("b", 200, 1, 1_500)]);
    let parts = comparison.section(Section::Region, Metric::Stall);
    let keys: Vec<String> = parts.iter().map(|part| part.key.join(" ")).collect();
    // 500 µs more and 200 µs less.
    assert_eq!(keys, ["[heap] heap", "/srv/models/model.gguf file"]);
    let heap = &parts[0];
    assert_eq!(values(heap, Metric::Stall), (Some(1_000_000), Some(1_500_000)));
    assert_eq!(values(heap, Metric::Faults), (Some(1_000), Some(1_500)));
    assert_eq!(values(heap, Metric::Major), (Some(0), Some(0)));
    assert_eq!(values(heap, Metric::Pages), (Some(1_000), Some(1_500)));
    assert_eq!(values(heap, Metric::Touched), (Some(4_096_000), Some(6_144_000)));
    for quantile in [Metric::P50, Metric::P90, Metric::P99, Metric::Max] {
        assert_eq!(values(heap, quantile), (Some(1_000), Some(1_000)));
    }
    // Of a whole run only.
    assert_eq!(values(heap, Metric::Cow), (None, None));
    let by_major = comparison.section(Section::Region, Metric::Major);
    assert_eq!(by_major[0].key[0], "/srv/models/model.gguf");
}

#[test]
fn what_one_side_lacks_is_new_or_gone() {
    let comparison = compare(vec![run("a", 1, 2, 0)], vec![run("b", 2, 0, 3)]);
    let parts = comparison.section(Section::Cause, Metric::Stall);
    let seen: Vec<_> = parts.iter().map(|p| (&*p.key[1], p.in_base, p.in_new)).collect();
    assert_eq!(seen, [("file-read", true, false), ("anon-first-touch", false, true)]);
    assert_eq!(values(&parts[0], Metric::Stall), (Some(200_000), Some(0)));
    assert_eq!(values(&parts[0], Metric::P50), (Some(100_000), None));
    assert_eq!(values(&parts[1], Metric::Faults), (Some(0), Some(3)));
}

#[test]
fn a_run_without_a_part_counts_as_one_with_nothing_of_it() {
    let base = vec![run("a", 1, 4, 9), run("b", 2, 0, 9), run("c", 3, 0, 9)];
    let comparison = compare(base, vec![run("d", 4, 8, 9)]);
    let parts = comparison.section(Section::Class, Metric::Stall);
    let major = parts.iter().find(|part| part.key[0] == "major").unwrap();
    assert!(major.in_base && major.in_new);
    assert_eq!(values(major, Metric::Faults), (Some(0), Some(8)));
    assert_eq!(major.change(Metric::Faults).base.range(), Some((0, 4)));
    assert_eq!(major.change(Metric::P50).base.runs(), 1);
}

#[test]
fn without_latencies_faults_tell() {
    let counts = |name, faults| {
        let mut run = run(name, 1, faults, 1);
        run.facts.insert(fact::CAPTURE_LATENCY.to_owned(), "no".to_owned());
        run.analysis.faults.latency_ns.fill(pft::record::LATENCY_UNKNOWN);
        run
    };
    let comparison = compare(vec![counts("a", 3)], vec![counts("b", 5)]);
    assert_eq!(comparison.effect(), Metric::Faults);
    assert!(!comparison.knows(Metric::Stall));
    let parts = comparison.section(Section::Class, comparison.effect());
    assert_eq!(values(&parts[0], Metric::Stall), (None, None));
    assert_eq!(values(&parts[0], Metric::Faults), (Some(3), Some(5)));
}

fn with_file(mut run: Loaded, path: &str) -> Loaded {
    run.analysis.mappings[MODEL as usize].path = path.as_bytes().to_vec();
    run
}

#[test]
fn ids_of_processes_in_names_do_not_keep_parts_apart() {
    let names = |base: &str, new: &str| {
        let base = with_file(run("a", 4_242, 2, 0), base);
        let comparison = compare(vec![base], vec![with_file(run("b", 5_151, 2, 0), new)]);
        let parts = comparison.section(Section::Region, Metric::Stall);
        parts.into_iter().map(|mut part| part.key.remove(0)).collect::<Vec<_>>()
    };
    assert_eq!(names("/tmp/perf-4242.map", "/tmp/perf-5151.map"), ["/tmp/perf-PID.map"]);
    // A name that both have stays, whatever is in it.
    assert_eq!(names("/srv/4242", "/srv/4242"), ["/srv/4242"]);
    assert_eq!(names("/srv/1", "/srv/2"), ["/srv/1", "/srv/2"]);
}
