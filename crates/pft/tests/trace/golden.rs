//! Traces of released versions of the format keep loading, fault by fault.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use pft::record::{Frame, LATENCY_UNKNOWN};
use pft::{Trace, keys};

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
fn every_golden_trace_reads_as_its_table_says() {
    let traces = goldens();
    assert_eq!(traces.len(), 1, "one for each released version");
    for path in traces {
        let trace = Trace::open(&path).unwrap();
        assert!(trace.is_complete(), "{:?}", trace.damage());
        let mut csv = "time_ns,latency_ns,addr,ip,pid,tid,flags,attempts,cpu\n".to_owned();
        let mut ended = false;
        let mut release = None;
        for (_, frame) in trace.iter() {
            match frame.unwrap() {
                Frame::Faults(batch) => {
                    let c = &batch.columns;
                    for row in 0..c.len() {
                        let latency = Some(c.latency_ns[row])
                            .filter(|&latency| latency != LATENCY_UNKNOWN)
                            .map_or_else(String::new, |latency| latency.to_string());
                        writeln!(
                            csv,
                            "{},{latency},{:#x},{:#x},{},{},{:#x},{},{}",
                            c.time_ns[row],
                            c.addr[row],
                            c.ip[row],
                            c.pid[row],
                            c.tid[row],
                            c.flags[row],
                            c.attempts[row],
                            batch.cpu
                        )
                        .unwrap();
                    }
                }
                Frame::Checkpoint(checkpoint) => ended |= checkpoint.end,
                Frame::Host(facts) => {
                    let fact = facts.into_iter().find(|f| f.key == keys::fact::KERNEL_RELEASE);
                    release = release.or(fact.map(|fact| fact.value));
                }
                _ => {}
            }
        }
        assert_eq!(csv, std::fs::read_to_string(path.with_extension("csv")).unwrap());
        assert!(ended && release.is_some());
    }
}
