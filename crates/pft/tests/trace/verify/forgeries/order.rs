//! Frames that lie behind what they should come before, and checkpoints before what they should reach.

use pft::record::{CallRecord, Checkpoint, FaultBatch, LATENCY_UNKNOWN, flags};

use super::Forgery;
use crate::samples::{calls, marks};
use crate::verify::sound::{Records, and, with};

const SECOND: u64 = 1_000_000_000;
/// The last fault of the sound trace.
const LAST: u64 = 1_001_007;

pub fn all() -> Vec<Forgery> {
    vec![
        (
            "calls behind faults",
            and(|writer| {
                let call = |tid, time_ns, end_ns| CallRecord {
                    tid,
                    time_ns,
                    end_ns,
                    ..calls().pop().unwrap()
                };
                // Thread 101 ended at 1000400; another one may have its number later.
                let rows = [
                    call(101, 1_000_000, u64::MAX),
                    call(100, 1_000_001, u64::MAX),
                    call(101, 1_000_401, u64::MAX),
                    call(101, 1_000_402, LAST + 1),
                    call(101, 1_000_403, LAST),
                ];
                writer.calls(&rows).unwrap();
            }),
            vec![
                "Calls frame 14, row 0: call-first: its thread ended at 1000400, and faults up to 1001007 lie before it",
                "Calls frame 14, row 4: call-first: its exit was at 1001007, and faults up to 1001007 lie before it",
            ],
        ),
        (
            "faults behind faults",
            faults_behind(0),
            vec![
                "Faults frame 15, row 1: fault-first: it was over at 2000000001, and faults up to 4000000001 lie before it",
                "Faults frame 15, row 3: fault-first: it was over at 2000000001, and faults up to 4000000001 lie before it",
            ],
        ),
        (
            "a checkpoint before its frames",
            with(|records| records.checkpoint.time_ns = 1_001_199),
            vec![
                "Checkpoint frame 14: checkpoint-time: its time is 1001199, and Calls frame 9 before it has the time 1001200",
            ],
        ),
        (
            "a checkpoint at the last time",
            with(|records| records.checkpoint.time_ns = 1_001_200),
            vec![],
        ),
        (
            "a snapshot behind the checkpoint",
            with(|records| {
                (records.snapshot.start_ns, records.snapshot.end_ns) = (2_000_001, 2_000_001);
            }),
            vec![],
        ),
        (
            "a checkpoint before another",
            and(|writer| {
                let later =
                    Checkpoint { time_ns: 2_000_001, end: false, ..Records::new().checkpoint };
                writer.checkpoint(&later).unwrap();
            }),
            vec![
                "Checkpoint frame 15: checkpoint-time: its time is 2000000, and Checkpoint frame 14 before it has the time 2000001",
            ],
        ),
        (
            "marks behind the end",
            and(|writer| {
                writer.checkpoint(&Records::new().checkpoint).unwrap();
                writer.marks(&marks()).unwrap();
            }),
            vec![
                "Marks frame 15: checkpoint-end: it lies behind the checkpoint that closes the recording",
                "Checkpoint frame 16: checkpoint-end: it lies behind the checkpoint that closes the recording",
            ],
        ),
    ]
}

/// Faults up to four seconds, and behind them some that were over two seconds before, or about then; of the ledger
/// so many records came too late.
pub fn faults_behind(late: u64) -> Vec<u8> {
    let mut records = Records::new();
    records.checkpoint.time_ns = 5 * SECOND;
    if late > 0 {
        let key = "captured.out_of_order".into();
        records.checkpoint.ledger.push(pft::record::LedgerEntry { key, value: late });
    }
    records.write(|writer| {
        let batch = |rows: &[(u64, u64, u32)]| {
            let mut batch = FaultBatch::default();
            let columns = &mut batch.columns;
            for &(time_ns, latency_ns, flags) in rows {
                columns.time_ns.push(time_ns);
                columns.latency_ns.push(latency_ns);
                columns.flags.push(flags);
                columns.addr.push(0x7000);
                columns.ip.push(7);
                columns.pid.push(100);
                columns.tid.push(100);
                columns.attempts.push(1);
                columns.call_chain.push(0);
                columns.node.push(255);
            }
            batch
        };
        writer.faults(&batch(&[(4 * SECOND + 1, 5, 0)])).unwrap();
        let (until, unknown) = (2 * SECOND, LATENCY_UNKNOWN);
        let rows = [
            (until, 2, 0),
            (until, 1, 0),
            // Nobody knows when these were over.
            (until, unknown, 4),
            (until + 1, unknown, flags::NO_ENTRY),
            (until + 2, unknown, flags::NO_ENTRY),
        ];
        writer.faults(&batch(&rows)).unwrap();
    })
}
