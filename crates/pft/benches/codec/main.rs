//! Instructions of the codec, for frames of 10,000 faults.

#![allow(missing_docs, unused_qualifications, reason = "of what the macros make")]

mod columns;

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use pft::record::{FaultBatch, FaultColumns, Frame, TraceHeader};
use pft::{EncodedFrame, Encoder, Trace, Writer, decode};

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

#[library_benchmark]
#[bench::dense(warm(columns::dense(FAULTS)))]
#[bench::mixed(warm(columns::mixed(FAULTS)))]
fn encode((mut encoder, batch): (Encoder, FaultBatch)) -> (Encoder, FaultBatch, Vec<EncodedFrame>) {
    let frames = encoder.encode_faults(black_box(&batch)).expect("faults fit into a frame");
    (encoder, batch, frames)
}

#[library_benchmark]
#[bench::dense(written(columns::dense(FAULTS)))]
#[bench::mixed(written(columns::mixed(FAULTS)))]
fn decode_frames((trace, raw): (Trace, Vec<Vec<u8>>)) -> (Trace, Vec<Vec<u8>>, Vec<Frame>) {
    let frames = trace.frames().iter().zip(&raw);
    let frames = frames.map(|(info, raw)| decode(trace.header(), info, raw).expect("as written"));
    let frames = frames.collect();
    (trace, raw, frames)
}

library_benchmark_group!(name = codec, benchmarks = [encode, decode_frames]);
main!(library_benchmark_groups = codec);
