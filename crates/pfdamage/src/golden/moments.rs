//! `v1.0-moments.pft`: oom kills, marks and calls.

use pft::record::{CallKind, CallRecord, Checkpoint, Fact, MarkRecord, OomRecord, TraceHeader};
use pft::{Writer, keys};

const START_NS: u64 = 1_000_000_000;

fn victims() -> Vec<OomRecord> {
    let told = OomRecord {
        time_ns: START_NS + 500,
        pid: 4800,
        comm: b"eater".to_vec(),
        by_pid: 4711,
        by_tid: 4712,
        total_vm_kib: Some(2_100_000),
        anon_rss_kib: Some(1_048_576),
        file_rss_kib: Some(0),
        shmem_rss_kib: Some(12),
        pgtables_kib: Some(2_112),
        uid: Some(1000),
        oom_score_adj: Some(-17),
    };
    // Older kernels tell no more than the process.
    let not_told = OomRecord {
        time_ns: START_NS + 600,
        pid: 4801,
        comm: Vec::new(),
        total_vm_kib: None,
        anon_rss_kib: None,
        file_rss_kib: None,
        shmem_rss_kib: None,
        pgtables_kib: None,
        uid: None,
        oom_score_adj: None,
        ..told.clone()
    };
    vec![told, not_told]
}

fn calls() -> Vec<CallRecord> {
    let munmap = CallRecord {
        time_ns: START_NS + 100,
        end_ns: START_NS + 900,
        pid: 4711,
        tid: 4711,
        kind: CallKind::Munmap,
        addr: 0x7f00_0000_0000,
        len_bytes: 8192,
        new_len_bytes: 0,
        argument: 0,
        result: 0,
    };
    let mremap = CallRecord {
        time_ns: START_NS + 200,
        tid: 4712,
        kind: CallKind::Mremap,
        new_len_bytes: 16384,
        argument: 1,
        result: 0x7e00_0000_0000,
        ..munmap.clone()
    };
    let failed = CallRecord { time_ns: START_NS + 300, result: -14, ..mremap.clone() };
    let unfinished = CallRecord {
        time_ns: START_NS + 400,
        end_ns: u64::MAX,
        kind: CallKind::Madvise,
        argument: 4,
        ..munmap.clone()
    };
    vec![munmap, mremap, failed, unfinished]
}

/// The bytes of the file.
pub fn bytes() -> pft::Result<Vec<u8>> {
    let header = TraceHeader {
        uuid: *b"golden   moments",
        page_size_bytes: 4096,
        clock_id: 1,
        start_ns: START_NS,
        start_realtime_ns: 1_700_000_000_000_000_000,
    };
    let fact = |key: &str, value: &str| Fact { key: key.into(), value: value.into() };
    let mark = |time_ns, name: &str| MarkRecord { time_ns, name: name.into() };
    let mut writer = Writer::create(Vec::new(), &header, 1)?;
    writer.host(&[fact(keys::fact::KERNEL_RELEASE, "6.18.0"), fact("label.build", "b 42")])?;
    writer.marks(&[mark(START_NS, "load"), mark(START_NS + 450, "serve, \u{2713}")])?;
    writer.calls(&calls())?;
    writer.oom(&victims())?;
    writer.checkpoint(&Checkpoint {
        time_ns: START_NS + 1000,
        end: true,
        ..Checkpoint::default()
    })?;
    writer.finish()
}
