//! Traces of released versions of the format keep loading, row by row.

use std::path::{Path, PathBuf};

use pft::record::Frame;
use pft::verify::verify;
use pft::{Error, Trace, keys};

use crate::tables::{TABLES, table};

fn goldens() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let mut traces: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pft"))
        .collect();
    traces.sort();
    traces
}

#[test]
fn every_golden_trace_reads_as_its_tables_say() {
    let traces = goldens();
    let names: Vec<_> = traces.iter().map(|path| path.file_stem().unwrap()).collect();
    let known = [
        "v1.0-cgroups",
        "v1.0-code",
        "v1.0-moments",
        "v1.0-recovered",
        "v1.0-times",
        "v1.0-zero-page",
        "v1.9-newer",
    ];
    assert_eq!(names, known);
    for path in traces {
        let trace = Trace::open(&path).unwrap();
        assert!(trace.is_complete(), "{:?}", trace.damage());
        for (name, columns) in TABLES {
            let found = table(&trace, name);
            let extension = if name == "faults" { "csv".to_owned() } else { format!("{name}.csv") };
            let beside = path.with_extension(extension);
            if name == "faults" || found != columns {
                assert_eq!(found, std::fs::read_to_string(&beside).unwrap());
            } else {
                assert!(!beside.exists(), "{} has no rows", beside.display());
            }
        }
        let (mut ended, mut has_gaps) = (false, false);
        let mut release = None;
        for (_, frame) in trace.iter() {
            match frame.unwrap() {
                Frame::Checkpoint(checkpoint) => ended |= checkpoint.end,
                Frame::Gaps(_) => has_gaps = true,
                Frame::Host(facts) => {
                    let fact = facts.into_iter().find(|f| f.key == keys::fact::KERNEL_RELEASE);
                    release = release.or(fact.map(|fact| fact.value));
                }
                _ => {}
            }
        }
        assert!(ended != has_gaps && release.is_some());
        let report = verify(&trace, 5).unwrap();
        assert_eq!(report.findings.kept(), [], "{}", path.display());
        assert_eq!(report.is_whole, ended);
        assert_eq!(report.counts.checkpoint.is_some_and(|last| last.end), ended);
    }
}

#[test]
fn another_major_version_is_refused() {
    for path in goldens() {
        let mut bytes = std::fs::read(path).unwrap();
        for major in [0, 2, u16::MAX] {
            bytes[8..10].copy_from_slice(&major.to_le_bytes());
            let refused = Trace::from_bytes(bytes.clone()).unwrap_err();
            assert!(
                matches!(refused, Error::UnsupportedMajor { found, supported: 1 } if found == major)
            );
            let expected =
                format!("the trace has format version {major}, this program reads version 1; ");
            assert!(refused.to_string().starts_with(&expected), "{refused}");
        }
    }
}
