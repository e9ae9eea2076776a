//! Prints size and speed of the fault codec on seeded synthetic faults.
//!
//! `cargo run --release -p pft --example codec_speed [ROWS]`

#[path = "../benches/codec/columns.rs"]
mod columns;

use std::hint::black_box;
use std::time::Instant;

use pft::record::{FaultBatch, FaultColumns, TraceHeader};
use pft::{Encoder, Trace, Writer, decode};

/// Seconds of the fastest run.
fn best_of_three(mut run: impl FnMut() -> pft::Result<()>) -> pft::Result<f64> {
    let mut best_s = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        run()?;
        best_s = best_s.min(start.elapsed().as_secs_f64());
    }
    Ok(best_s)
}

fn measure(name: &str, columns: FaultColumns) -> pft::Result<()> {
    let header = TraceHeader {
        uuid: [7; 16],
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: columns::START_NS,
        start_realtime_ns: 0,
    };
    let rows = columns.len() as f64;
    let batch = FaultBatch { cpu: 0, columns };

    let mut encoder = Encoder::new(&header, 1)?;
    let encode_s = best_of_three(|| encoder.encode_faults(&batch).map(drop))?;
    let mut writer = Writer::create(Vec::new(), &header, 1)?;
    writer.faults(&batch)?;
    let bytes = writer.finish()?;
    let file_bytes = bytes.len() as f64;

    let trace = Trace::from_bytes(bytes)?;
    let decode_s = best_of_three(|| {
        for info in trace.frames() {
            black_box(decode(trace.header(), info, &trace.read_raw(info)?)?);
        }
        Ok(())
    })?;
    println!(
        "{name}: {:.2} bytes/fault, encode {:.3} µs/fault ({:.1} M rows/s), decode {:.1} M rows/s",
        file_bytes / rows,
        encode_s * 1e6 / rows,
        rows / encode_s / 1e6,
        rows / decode_s / 1e6,
    );
    Ok(())
}

fn main() -> pft::Result<()> {
    let rows = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(2_000_000);
    measure("dense", columns::dense(rows))?;
    measure("mixed", columns::mixed(rows))
}
