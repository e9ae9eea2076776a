//! What perf recorded, which may come from anywhere.

use std::io::Cursor;

use pfdamage::perf_data::{Event, PerfData as Recording};
use pfimport::{Options, PerfData};
use pft::Trace;
use pft::verify::verify;

/// Whatever the bytes, in a file or through a pipe: an error, or a trace that keeps every rule and is closed, unless
/// the import says that something is missing.
pub fn run(bytes: &[u8]) {
    let options = Options { uuid: *b"an imported one!" };
    let of_file = PerfData::open(Cursor::new(bytes))
        .and_then(|data| pfimport::import(data, Vec::new(), &options));
    let of_pipe =
        PerfData::stream(bytes).and_then(|data| pfimport::import(data, Vec::new(), &options));
    for (imported, trace) in [of_file, of_pipe].into_iter().flatten() {
        let trace = Trace::from_bytes(trace).expect("a trace is readable");
        assert!(trace.damage().is_empty(), "{:?}", trace.damage());
        let report = verify(&trace, 3).expect("memory can be read");
        assert_eq!(report.findings.total(), 0, "{:?}", report.findings);
        assert_eq!(report.counts.faults, imported.faults);
        let ended = report.counts.checkpoint.as_ref().is_some_and(|last| last.end);
        assert_eq!(ended, imported.cut.is_none());
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let all = Recording::sample_of_all();
    let mut packed = all.clone();
    packed.pack();
    let mut few = Recording::new(&[Event::Minor]);
    few.sample(Event::Minor, 5, 1_000, 0x1000, 0x40_0000);
    vec![all.file(), all.stream(), packed.file(), packed.stream(), few.file()]
}
