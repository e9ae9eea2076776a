//! `v1.0-times.pft`: the times of one CPU are kept as gaps from fault to fault, and those of another as differences.

use pft::record::{Checkpoint, Fact, FaultBatch, FaultColumns, LATENCY_UNKNOWN, TraceHeader};
use pft::{Writer, keys};

const START_NS: u64 = 1_000_000_000;

/// Faults of one thread at these times.
fn faults(cpu: u32, rows: &[(u64, u64)]) -> FaultBatch {
    let (time_ns, latency_ns) = rows.iter().map(|(ns, latency)| (START_NS + ns, *latency)).unzip();
    let number = rows.len();
    let columns = FaultColumns {
        time_ns,
        latency_ns,
        addr: (0..number as u64).map(|page| 0x7f00_0000_0000 + (page << 12)).collect(),
        ip: vec![0x40_1234; number],
        pid: vec![4711; number],
        tid: vec![4711 + cpu; number],
        flags: vec![0x0c_0620; number],
        attempts: vec![1; number],
        ..FaultColumns::default()
    };
    FaultBatch { cpu, columns }
}

/// The bytes of the file.
pub fn bytes() -> pft::Result<Vec<u8>> {
    let header = TraceHeader {
        uuid: *b"gaps and deltas!",
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: START_NS,
        start_realtime_ns: 1_700_000_000_000_000_000,
    };
    let mut writer = Writer::create(Vec::new(), &header, 1)?;
    let release = Fact { key: keys::fact::KERNEL_RELEASE.into(), value: "6.18.0".into() };
    writer.host(&[release])?;
    // Each begins some 300 ns after the end of the one before; of one the end is not known.
    let by_gaps = [(0, 900), (1_200, 5_000), (6_510, 0), (6_800, LATENCY_UNKNOWN), (7_090, 700)];
    writer.faults(&faults(0, &by_gaps))?;
    // Each begins 100 ns after the beginning of the one before: other threads wait for a disk.
    let by_differences = [(50, 80_000), (150, 3_000), (250, 60_000), (350, 90_000)];
    writer.faults(&faults(1, &by_differences))?;
    writer.checkpoint(&Checkpoint {
        time_ns: START_NS + 100_000,
        end: true,
        ..Checkpoint::default()
    })?;
    writer.finish()
}
