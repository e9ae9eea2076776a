use pfmodel::names::{Cause, Class};
use pft::keys::fact;

use super::{Digest, Key, Reads, Section, without_pids};
use crate::load::Loaded;
use crate::made_up::{self, HEAP, INLINED, MODEL, Row, UNNAMED};
use crate::rows::group::Group;

fn with_fact(mut loaded: Loaded, key: &str, value: &str) -> Loaded {
    loaded.facts.insert(key.to_owned(), value.to_owned());
    loaded
}

/// Reads of the model and touches of the heap, by two processes.
fn server() -> Loaded {
    let mut loaded = made_up::with_code();
    let child = made_up::two_processes().analysis.processes.remove(1);
    loaded.analysis.processes.push(child);
    for (i, proc) in (0..4_u64).zip([0, 0, 0, 1]) {
        let row = Row {
            latency: Some(100_000 * (i + 1)),
            class: Class::Major,
            cause: Cause::FileRead,
            proc,
            addr: 0x7f00_0000_0000 + i * 4_096,
            mapping: MODEL,
            code: INLINED,
            ..Row::default()
        };
        made_up::push(&mut loaded.analysis, row);
    }
    for latency in [Some(2_000), None] {
        let row = Row { latency, mapping: HEAP, addr: 0x100_0000, code: UNNAMED, ..Row::default() };
        made_up::push(&mut loaded.analysis, row);
    }
    let failed =
        Row { latency: None, class: Class::Failed, cause: Cause::Invalid, ..Row::default() };
    made_up::push(&mut loaded.analysis, failed);
    loaded
}

fn faults(digest: &Digest, section: Section) -> Vec<(Vec<&str>, u64)> {
    let parts = digest.parts(section).iter();
    parts.map(|(key, group)| (key.iter().map(String::as_str).collect(), group.faults)).collect()
}

#[test]
fn parts_have_names_that_other_runs_have_too() {
    let mut loaded = server();
    // A thread with a name of its own.
    loaded.analysis.faults.comm[0] = 1;
    let digest = Digest::of(loaded).unwrap();
    assert_eq!(
        faults(&digest, Section::Class),
        [(vec!["failed"], 1), (vec!["major"], 4), (vec!["minor"], 2)]
    );
    assert_eq!(
        faults(&digest, Section::Region),
        [
            (vec!["/srv/models/model.gguf", "file"], 4),
            (vec!["[heap]", "heap"], 2),
            (vec!["[unknown]", "unknown"], 1),
        ]
    );
    assert_eq!(
        faults(&digest, Section::Function),
        [
            (vec!["Table::touch", "server"], 4),
            (vec!["[unknown]", "libfoo.so"], 2),
            (vec!["[unknown]", "server"], 1),
        ]
    );
    assert_eq!(faults(&digest, Section::Process), [(vec!["server"], 6), (vec!["worker"], 1)]);
    assert_eq!(digest.with_function(), 4);
    let reads = Reads { reads: 4, stall_ns: 1_000_000 };
    assert_eq!(
        digest.files.into_iter().collect::<Vec<_>>(),
        [("/srv/models/model.gguf".into(), reads)]
    );
}

#[test]
fn measures_are_those_of_the_table() {
    let digest = Digest::of(server()).unwrap();
    let all = digest.all.clone().unwrap();
    assert_eq!((all.faults, all.major, all.pages, all.stall_ns), (7, 4, Some(6), Some(1_002_000)));
    assert_eq!((all.p50_ns, all.max_ns), (Some(200_000), Some(400_000)));
    assert_eq!(digest.classes, [Some(2), Some(4), Some(0), Some(1), Some(0)]);
    assert_eq!(digest.completed, [6, 5]);
    assert_eq!(digest.length_ns, 10_000_000_000);
    let none = Digest::of(made_up::empty()).unwrap();
    assert_eq!((none.all, none.classes), (None, [Some(0); 5]));
}

#[test]
fn what_was_not_recorded_is_not_nothing() {
    let majors = Digest::of(with_fact(server(), fact::CAPTURE_MAJOR_ONLY, "yes")).unwrap();
    assert_eq!(majors.classes, [None, Some(4), None, None, Some(0)]);
    assert_eq!(majors.caveat.as_deref(), Some("major faults only"));
    let counts = Digest::of(with_fact(server(), fact::CAPTURE_LATENCY, "no")).unwrap();
    assert_eq!((counts.classes[3], counts.has_latencies), (None, false));
    let mut blind = server();
    blind.analysis.exactness.error_code = false;
    assert_eq!(Digest::of(blind).unwrap().classes, [Some(2), Some(4), None, Some(1), Some(0)]);
}

#[test]
fn groups_of_one_name_are_one() {
    let group = |faults, max_ns| Group {
        faults,
        pages: Some(faults),
        stall_ns: Some(faults * 10),
        p50_ns: Some(10),
        max_ns,
        ..Group::default()
    };
    let key: Key = vec!["a".to_owned()];
    let pairs = [(key.clone(), group(2, Some(5))), (key.clone(), group(3, Some(9)))];
    let parts = super::parts(pairs.into_iter());
    let one = Group {
        faults: 5,
        pages: Some(5),
        stall_ns: Some(50),
        max_ns: Some(9),
        ..Group::default()
    };
    assert_eq!(parts.into_iter().collect::<Vec<_>>(), [(key, one)]);
}

#[test]
fn names_with_ids_of_processes_have_another() {
    let pids = ["1234", "7", "2024"].map(str::to_owned).into();
    assert_eq!(without_pids("/tmp/perf-1234.map", &pids), "/tmp/perf-PID.map");
    assert_eq!(without_pids("1234/1234", &pids), "PID/PID");
    // Part of another number, too short to tell, or no number of a process.
    for name in ["/tmp/12345", "libfoo.so.7", "/srv/1999", "größe"] {
        assert_eq!(without_pids(name, &pids), name);
    }
    let mut loaded = server();
    loaded.analysis.mappings[MODEL as usize].path = b"/tmp/work-4242.bin".to_vec();
    let digest = Digest::of(loaded).unwrap();
    let alias = digest.aliases.get(&vec!["/tmp/work-4242.bin".to_owned(), "file".to_owned()]);
    assert_eq!(alias, Some(&vec!["/tmp/work-PID.bin".to_owned(), "file".to_owned()]));
}
