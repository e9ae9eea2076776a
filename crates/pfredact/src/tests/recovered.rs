//! What was left of a damaged trace, redacted.

use std::path::Path;

use pft::record::{Frame, GapRecord};
use pft::verify::verify;
use pft::{Error, Recovery, Trace};

use super::trace::{decoded, holds, payloads, redacted};
use crate::{Level, Options, Plan};

fn findings(trace: &Trace) -> Vec<String> {
    let report = verify(trace, 5).unwrap();
    report.findings.kept().iter().map(ToString::to_string).collect()
}

/// What it lost, with times since the start.
fn gaps(trace: &Trace) -> Vec<GapRecord> {
    let start_ns = trace.header().start_ns;
    let since = |ns: u64| if matches!(ns, 0 | u64::MAX) { ns } else { ns.wrapping_sub(start_ns) };
    let mut gaps = Vec::new();
    for frame in decoded(trace) {
        if let Frame::Gaps(rows) = frame {
            gaps.extend(rows);
        }
    }
    for gap in &mut gaps {
        (gap.after_ns, gap.before_ns) = (since(gap.after_ns), since(gap.before_ns));
    }
    gaps
}

/// Every rule of the format holds for a damaged file that was recovered, and when that was redacted, which keeps
/// what was lost and tells nothing of the file that was damaged.
#[test]
fn recovered_traces_are_redacted_and_sound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let (mut tried, mut lost) = (0, 0);
    for name in ["v1.0-code", "v1.0-moments", "v1.0-zero-page"] {
        let whole = std::fs::read(folder.join(format!("{name}.pft"))).unwrap();
        for damaged in pfdamage::damaged(&whole, 6, 20) {
            let what = format!("{name}: {}", damaged.what);
            let trace = match Trace::from_bytes(damaged.bytes.into_owned()) {
                Ok(trace) => trace,
                // Without its header a file cannot be read.
                Err(Error::Read { .. }) => panic!("{what}"),
                Err(_) => continue,
            };
            let mut bytes = Vec::new();
            let recovery = Recovery::new(&trace).unwrap();
            recovery.write(&mut bytes, *b"another identity").unwrap();
            let recovered = Trace::from_bytes(bytes).unwrap();
            assert_eq!(findings(&recovered), [""; 0], "{what}");
            assert_eq!(recovery.gaps().len(), gaps(&recovered).len(), "{what}");

            let options = Options { level: Level::Names, ..Options::default() };
            let plan = Plan::new(&recovered, &options).unwrap();
            // Where frames of modules are lost, their symbols go too.
            let left_out = plan.summary().left_out.iter();
            let others = left_out
                .filter(|line| !line.ends_with("symbols of modules that are not in the trace"));
            assert_eq!(others.collect::<Vec<_>>(), [""; 0], "{what}");
            let (shared, checked) = redacted(&recovered, &options);
            checked.unwrap();
            assert_eq!(findings(&shared), [""; 0], "{what}");
            assert_eq!(gaps(&shared), gaps(&recovered), "{what}");
            assert!(!holds(&payloads(&shared), b"recovered.from"), "{what}");
            tried += 1;
            lost += usize::from(!recovery.gaps().is_empty());
        }
    }
    println!("{tried} damaged traces recovered and redacted, {lost} of which had lost something");
    assert!(lost > 60 && lost < tried, "{lost} of {tried}");
}
