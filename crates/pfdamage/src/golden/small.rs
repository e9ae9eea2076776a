//! The trace that `schemas/pft.md` takes apart byte by byte.

use pft::Writer;
use pft::record::{FaultBatch, FaultColumns, LATENCY_UNKNOWN, TraceHeader};

/// The bytes of the file.
pub fn bytes() -> pft::Result<Vec<u8>> {
    let header = TraceHeader {
        uuid: *b"example of uuid!",
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: 1_000_000_000,
        start_realtime_ns: 1_700_000_000_000_000_000,
    };
    let faults = FaultBatch {
        cpu: 2,
        columns: FaultColumns {
            time_ns: vec![1_000_000_100, 1_000_002_200, 1_000_004_100],
            latency_ns: vec![900, 1_200, LATENCY_UNKNOWN],
            addr: vec![0x7f00_0000_0010, 0x5500_0000_0000, 0x7f00_0000_1008],
            ip: vec![0x40_1234, 0x40_1234, 0x40_5678],
            pid: vec![4711, 4711, 4711],
            tid: vec![4711, 4712, 4711],
            flags: vec![0x0c_0620, 0x0c_0620, 0x0624],
            attempts: vec![1, 1, 1],
            ..FaultColumns::default()
        },
    };
    let mut writer = Writer::create(Vec::new(), &header, 1)?;
    writer.faults(&faults)?;
    writer.finish()
}
