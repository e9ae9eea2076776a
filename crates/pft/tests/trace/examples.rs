//! What the examples of this crate print of a golden trace.

use std::path::Path;

#[expect(dead_code, reason = "its main")]
#[path = "../../examples/print_frames.rs"]
mod print_frames;

const EXPECTED: &str = "\
pages of 4096 bytes, start 1000000000
Host at byte 64, rows: 1
Faults at byte 189, rows: 5
          0 ns  cpu 0  thread 4711/4711  addr 0x7f0000000000  ip 0x401234  latency 900  flags 0xc0620
       1200 ns  cpu 0  thread 4711/4711  addr 0x7f0000001000  ip 0x401234  latency 5000  flags 0xc0620
       6510 ns  cpu 0  thread 4711/4711  addr 0x7f0000002000  ip 0x401234  latency 0  flags 0xc0620
       6800 ns  cpu 0  thread 4711/4711  addr 0x7f0000003000  ip 0x401234  latency -  flags 0xc0620
       7090 ns  cpu 0  thread 4711/4711  addr 0x7f0000004000  ip 0x401234  latency 700  flags 0xc0620
Faults at byte 375, rows: 4
         50 ns  cpu 1  thread 4711/4712  addr 0x7f0000000000  ip 0x401234  latency 80000  flags 0xc0620
        150 ns  cpu 1  thread 4711/4712  addr 0x7f0000001000  ip 0x401234  latency 3000  flags 0xc0620
        250 ns  cpu 1  thread 4711/4712  addr 0x7f0000002000  ip 0x401234  latency 60000  flags 0xc0620
        350 ns  cpu 1  thread 4711/4712  addr 0x7f0000003000  ip 0x401234  latency 90000  flags 0xc0620
Checkpoint at byte 561, rows: 0
";

#[test]
fn faults_as_they_were_recorded() {
    let trace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/v1.0-times.pft");
    let mut printed = Vec::new();
    print_frames::print(&trace, &mut printed).unwrap();
    assert_eq!(String::from_utf8(printed).unwrap(), EXPECTED);
}
