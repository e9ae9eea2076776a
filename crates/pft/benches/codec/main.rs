//! Instructions of the codec, for frames of 10,000 faults.

mod columns;
mod counted;

use std::hint::black_box;
use std::process::ExitCode;

use counted::{Loop, counted};
use pft::record::{FaultBatch, FaultColumns, Frame, TraceHeader};
use pft::{Encoder, Trace, Writer, decode};

const FAULTS: usize = 10_000;

const HEADER: TraceHeader = TraceHeader {
    uuid: [7; 16],
    page_size_bytes: 4096,
    clock_id: 1,
    start_ns: columns::START_NS,
    start_realtime_ns: 0,
};

/// Of an encoder that has encoded before, with the level of compression that a recording has.
fn warm(columns: FaultColumns) -> (Encoder, FaultBatch) {
    let mut encoder = Encoder::new(&HEADER, 1).expect("a valid header");
    let batch = FaultBatch { cpu: 0, columns };
    encoder.encode_faults(&batch).expect("faults fit into a frame");
    (encoder, batch)
}

fn written(columns: FaultColumns) -> (Trace, Vec<Vec<u8>>) {
    let mut writer = Writer::create(Vec::new(), &HEADER, 1).expect("a valid header");
    writer.faults(&FaultBatch { cpu: 0, columns }).expect("faults fit into a frame");
    let trace = Trace::from_bytes(writer.finish().expect("memory takes it")).expect("a trace");
    let raw = trace.frames().iter().map(|info| trace.read_raw(info).expect("as written"));
    let raw = raw.collect();
    (trace, raw)
}

fn encode(columns: FaultColumns) {
    let (mut encoder, batch) = warm(columns);
    counted(|| encoder.encode_faults(black_box(&batch)).expect("faults fit into a frame"));
}

fn decode_frames(columns: FaultColumns) {
    let (trace, raw) = written(columns);
    counted(|| {
        let frames = trace.frames().iter().zip(&raw);
        let frames =
            frames.map(|(info, raw)| decode(trace.header(), info, raw).expect("as written"));
        frames.collect::<Vec<Frame>>()
    });
}

fn main() -> ExitCode {
    counted::main(
        FAULTS,
        &[
            Loop::new("encode dense", || encode(columns::dense(FAULTS))),
            Loop::new("encode mixed", || encode(columns::mixed(FAULTS))),
            Loop::new("decode frames dense", || decode_frames(columns::dense(FAULTS))),
            Loop::new("decode frames mixed", || decode_frames(columns::mixed(FAULTS))),
        ],
    )
}
