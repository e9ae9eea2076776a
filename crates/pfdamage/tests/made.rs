//! All hostile files can be made, and open: the harm is in what they hold.

use pfdamage::{all_kinds, busy, hostile};
use pft::Trace;

#[test]
fn hostile_files_open_as_traces() {
    for rows in [300, 3_000] {
        for file in hostile(rows) {
            let bytes = file.bytes();
            assert!(bytes.len() < 16 << 20, "{}: {}", file.name, bytes.len());
            assert!(Trace::from_bytes(bytes).is_ok(), "{}", file.name);
        }
    }
}

#[test]
fn sound_traces_are_sound() {
    for bytes in [all_kinds(), busy(3_000)] {
        let trace = Trace::from_bytes(bytes).expect("a trace");
        assert!(trace.is_complete() && trace.iter().all(|(_, frame)| frame.is_ok()));
    }
}
