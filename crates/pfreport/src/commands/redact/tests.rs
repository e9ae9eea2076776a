//! The analysis of a redacted trace is that of the original, with other names.

use std::collections::HashMap;
use std::fs;
use std::hash::Hash;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pfmodel::Options;
use pfmodel::table::Analysis;
use pfredact::{Level, Summary};

use super::{Arguments, MANY_STRETCHES, MOST_WORDS, Overwrite, Wishes, remarks, run};
use crate::findings::advice::{Evidence, advice};
use crate::findings::pattern::patterns;
use crate::findings::place::Places;
use crate::load::Loaded;
use crate::print::layout::Layout;

/// What was on one side is on the other, one to one.
#[derive(Debug)]
struct OneToOne<T>(HashMap<T, T>, HashMap<T, T>);

impl<T: Hash + Eq + Clone + std::fmt::Debug> OneToOne<T> {
    fn of(pairs: impl IntoIterator<Item = (T, T)>) -> Self {
        let mut all = Self(HashMap::new(), HashMap::new());
        for (before, after) in pairs {
            let there = all.0.entry(before.clone()).or_insert_with(|| after.clone());
            assert_eq!(*there, after, "{before:?} has two");
            let back = all.1.entry(after.clone()).or_insert_with(|| before.clone());
            assert_eq!(*back, before, "{after:?} stands for two");
        }
        all
    }
}

fn arguments(trace: &Path, output: &Path, level: Level) -> Arguments {
    Arguments {
        trace: trace.to_owned(),
        output: Some(output.to_owned().into()),
        level,
        dry_run: false,
        wishes: Wishes::default(),
        overwrite: Overwrite { force: true },
    }
}

/// All that the analysis says apart from names, addresses and numbers of processes and files.
fn figures(analysis: &Analysis) -> Vec<String> {
    let faults = &analysis.faults;
    let mut all = vec![
        format!("{:?}", faults.time_ns),
        format!("{:?}", faults.before_ns),
        format!("{:?}", faults.latency_ns),
        format!("{:?} {:?} {:?}", faults.class, faults.cause, faults.slow),
        format!("{:?} {:?} {:?}", faults.access, faults.kernel_mode, faults.cpu),
        format!("{:?} {:?} {:?}", faults.page_size_bytes, faults.nth, faults.attempts),
        format!("{:?} {:?}", faults.proc, faults.comm),
        format!("{:?} {:?} {:?}", faults.mapping, faults.ip_mapping, faults.map_confidence),
        format!("{:?} {:?} {:?}", faults.region, faults.code, faults.object),
        format!("{:?} {:?}", faults.call_chain, faults.node),
        format!("{:?} {:?}", analysis.call_chains, analysis.exactness),
        format!("{} {}", analysis.slow_threshold_ns, analysis.duration_ns),
    ];
    all.extend(analysis.mappings.iter().map(|mapping| {
        let bytes = mapping.end - mapping.start;
        format!(
            "{} {bytes:x} {} {} {:x} {:?} {} {} {} {} {}",
            mapping.proc,
            mapping.prot,
            mapping.shared,
            mapping.file_offset,
            mapping.kind,
            mapping.valid_from_ns,
            mapping.valid_to_ns,
            mapping.confirmed_ns,
            mapping.seen_from_start,
            mapping.module,
        )
    }));
    all.extend(analysis.regions.iter().map(|region| format!("{:?}", region.kind)));
    all.extend(analysis.locations.iter().map(|location| {
        let lines: Vec<u32> = location.functions.iter().map(|function| function.line).collect();
        format!("{} {lines:?}", location.module)
    }));
    all.extend(analysis.objects.iter().map(|o| format!("{} {:x}", o.module, o.size_bytes)));
    all
}

/// Every name of an analysis, in its place.
fn names(analysis: &Analysis) -> Vec<Vec<u8>> {
    let mut names = analysis.comms.clone();
    names.extend(analysis.mappings.iter().map(|mapping| mapping.path.clone()));
    names.extend(analysis.modules.iter().map(|module| module.path.clone()));
    for location in &analysis.locations {
        names.extend(location.functions.iter().map(|function| function.name.clone()));
        names.extend(location.functions.iter().map(|function| function.file.clone()));
    }
    names.extend(analysis.objects.iter().map(|object| object.name.clone()));
    names
}

fn loaded(path: &Path) -> Loaded {
    Loaded::open(path, &Options::default()).unwrap()
}

fn assert_same(trace: &Path, level: Level) {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("share.pft");
    let mut said = Vec::new();
    run(&arguments(trace, &output, level), (&mut said, &mut Vec::new()), Layout::PIPED).unwrap();
    assert_eq!(fs::metadata(&output).unwrap().permissions().mode() & 0o777, 0o600);
    let (before, after) = (loaded(trace), loaded(&output));
    // What was lost before, and nothing else.
    assert_eq!(after.damage, before.damage);
    assert_eq!(after.fact("redacted.level"), Some(level.name()));

    let (old, new) = (&before.analysis, &after.analysis);
    assert_eq!(figures(old).len(), figures(new).len());
    for (old, new) in figures(old).into_iter().zip(figures(new)) {
        assert_eq!(old, new, "{} at {level}", trace.display());
    }
    assert_eq!(names(old).len(), names(new).len());
    let all = names(old).into_iter().zip(names(new));
    OneToOne::of(all);
    let labels = |analysis: &Analysis| {
        analysis.regions.iter().map(|region| region.label.clone()).collect::<Vec<_>>()
    };
    OneToOne::of(labels(old).into_iter().zip(labels(new)));
    OneToOne::of(old.faults.tid.iter().copied().zip(new.faults.tid.iter().copied()));
    let pages = |analysis: &Analysis| {
        analysis.faults.addr.iter().map(|addr| addr / 4096).collect::<Vec<u64>>()
    };
    let moved = OneToOne::of(pages(old).into_iter().zip(pages(new)));
    for (old, new) in &moved.0 {
        assert_eq!(old % 512, new % 512, "its place in a huge page");
    }

    let advices = |loaded: &Loaded| {
        let places = Places::of(&loaded.analysis);
        let found = advice(&Evidence::of(loaded));
        let found = found.into_iter().map(|advice| (advice.id, advice.cost_text, advice.unknown));
        let walks = patterns(loaded, &places).into_iter().map(|(_, walk)| format!("{walk:?}"));
        (found.collect::<Vec<_>>(), walks.collect::<Vec<_>>())
    };
    assert_eq!(advices(&before), advices(&after));
}

fn golden() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut traces: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "pft")).collect();
    traces.sort();
    assert!(traces.len() >= 3);
    traces
}

#[test]
fn golden_traces_say_the_same_at_every_level() {
    for trace in golden() {
        for level in Level::ALL {
            assert_same(&trace, level);
        }
    }
}

#[test]
fn notes_name_some_words_or_all_and_tell_of_many_stretches() {
    let mut summary = Summary::default();
    summary.islands = (MANY_STRETCHES + 1, 3);
    summary.common = (0..MOST_WORDS + 2).map(|n| format!("user{n}").into_bytes()).collect();
    let said = |summary: &Summary, most| {
        let mut out = Vec::new();
        remarks(summary, most, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    let some = said(&summary, MOST_WORDS);
    assert!(some.contains("user9 and 2 more (--dry-run lists all)\n"), "{some}");
    assert!(some.contains("note: with so many stretches their order tells"), "{some}");
    summary.islands.0 = MANY_STRETCHES;
    let all = said(&summary, usize::MAX);
    assert!(all.contains("user9, user10, user11\n") && !all.contains("so many"), "{all}");
}
