//! What is written is read back.

use std::io::{self, Write};

use pft::record::{FaultBatch, FaultColumns, Frame};
use pft::{Encoder, Error, FrameKind, MAX_FAULT_ROWS, Trace, Writer};
use proptest::prelude::*;

use crate::samples::{Sample, checkpoint, decoded, faults, header, map, snapshot, tasks};

fn write(batch: &FaultBatch) -> Trace {
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    writer.faults(batch).unwrap();
    Trace::from_bytes(writer.finish().unwrap()).unwrap()
}

/// All faults of a trace that holds nothing else.
fn read(trace: &Trace) -> FaultColumns {
    let mut all = FaultColumns::default();
    for (_, frame) in trace.iter() {
        let Ok(Frame::Faults(batch)) = frame else {
            panic!("not a Faults frame");
        };
        assert_eq!(batch.cpu, 3);
        all.time_ns.extend(batch.columns.time_ns);
        all.latency_ns.extend(batch.columns.latency_ns);
        all.addr.extend(batch.columns.addr);
        all.ip.extend(batch.columns.ip);
        all.pid.extend(batch.columns.pid);
        all.tid.extend(batch.columns.tid);
        all.flags.extend(batch.columns.flags);
        all.attempts.extend(batch.columns.attempts);
        all.call_chain.extend(batch.columns.call_chain);
        all.node.extend(batch.columns.node);
    }
    all
}

#[test]
fn every_kind() {
    let sample = Sample::new();
    let trace = Trace::from_bytes(sample.bytes.clone()).unwrap();
    assert_eq!(trace.header(), &header());
    assert!(trace.is_complete());
    assert_eq!(trace.damage(), []);
    assert_eq!(decoded(&trace), (sample.frames.clone(), 0));
    let kinds: Vec<_> = trace.frames().iter().map(|info| info.kind).collect();
    use FrameKind::{
        CallChains, Calls, Cgroups, Checkpoint, Faults, Host, Lost, Maps, Marks, Modules, Oom,
        Snapshot, StackPointers, Symbols, Tasks,
    };
    assert_eq!(
        kinds,
        [
            Host,
            Tasks,
            Maps,
            Snapshot,
            Snapshot,
            CallChains,
            Faults,
            Faults,
            Lost,
            Oom,
            Marks,
            Calls,
            StackPointers,
            Symbols,
            Modules,
            Cgroups,
            Checkpoint
        ]
    );
    let times: Vec<_> =
        trace.frames().iter().map(|info| (info.rows, info.first_ns, info.last_ns)).collect();
    assert_eq!(
        times,
        [
            (3, 0, 0),
            (5, 1_000_000, 1_000_400),
            (2, 1_000_010, 1_000_020),
            (2, 1_000_050, 1_000_060),
            (0, 1_000_050, 1_000_060),
            (3, 0, 0),
            (6, 1_001_000, 1_001_035),
            (3, 1_001_000, 1_001_014),
            (2, 1_000_500, 1_000_600),
            (2, 1_000_700, 1_000_701),
            (3, 1_000_800, 1_000_900),
            (3, 1_001_000, 1_001_900),
            (3, 1_001_000, 1_001_010),
            (4, 0, 0),
            (5, 0, 0),
            (3, 1_000_050, 3_000_000),
            (2, 2_000_000, 2_000_000),
        ]
    );
}

#[test]
fn a_file_on_disk() {
    let sample = Sample::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &sample.bytes).unwrap();
    let trace = Trace::open(file.path()).unwrap();
    assert_eq!(decoded(&trace), (sample.frames, 0));
    assert!(matches!(Trace::open("/nonexistent/x.pft"), Err(Error::Open { .. })));
}

#[test]
fn frames_decode_on_several_threads() {
    let sample = Sample::new();
    let trace = Trace::from_bytes(sample.bytes).unwrap();
    let infos = trace.frames();
    let frames: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            infos.iter().map(|info| scope.spawn(|| trace.read(info).unwrap())).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(frames, sample.frames);
}

#[test]
fn an_empty_trace() {
    let writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    let trace = Trace::from_bytes(writer.finish().unwrap()).unwrap();
    assert!(trace.is_complete());
    assert_eq!(trace.frames(), []);
}

#[test]
fn faults_at_the_boundaries_of_frames() {
    for (rows, frames) in [
        (0, vec![]),
        (1, vec![1]),
        (MAX_FAULT_ROWS - 1, vec![65535]),
        (MAX_FAULT_ROWS, vec![65536]),
        (MAX_FAULT_ROWS + 1, vec![65536, 1]),
    ] {
        let batch = faults(rows);
        let trace = write(&batch);
        let found: Vec<_> = trace.frames().iter().map(|info| info.rows).collect();
        assert_eq!(found, frames);
        assert_eq!(read(&trace), batch.columns);
    }
}

#[test]
fn an_encoder_carries_nothing_from_frame_to_frame() {
    let mut encoder = Encoder::new(&header(), 1).unwrap();
    let fresh = encoder.encode_faults(&faults(10)).unwrap();
    encoder.encode_faults(&faults(1000)).unwrap();
    assert_eq!(encoder.encode_faults(&faults(10)).unwrap(), fresh);
}

#[test]
fn other_page_sizes_and_levels() {
    for (page_size_bytes, level) in [(1, 1), (16384, 3), (1 << 31, 22)] {
        let header = pft::record::TraceHeader { page_size_bytes, ..header() };
        let batch = faults(100);
        let mut writer = Writer::create(Vec::new(), &header, level).unwrap();
        writer.faults(&batch).unwrap();
        let trace = Trace::from_bytes(writer.finish().unwrap()).unwrap();
        assert_eq!(read(&trace), batch.columns);
    }
    for level in [0, 23, -1] {
        assert!(matches!(Writer::create(Vec::new(), &header(), level), Err(Error::Level { .. })));
    }
}

#[test]
fn columns_of_different_lengths_are_refused() {
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    let mut batch = faults(3);
    batch.columns.flags.pop();
    assert!(matches!(
        writer.faults(&batch),
        Err(Error::ColumnLengths { column: "flags", expected: 3, found: 2 })
    ));
    batch.columns.flags.push(0);
    writer.faults(&batch).unwrap();
}

#[test]
fn long_lists_become_several_frames() {
    let maps: Vec<_> = (0..5).map(|n| map(n, &vec![b'x'; 3 << 20])).collect();
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    writer.maps(&maps).unwrap();
    let trace = Trace::from_bytes(writer.finish().unwrap()).unwrap();
    let rows: Vec<_> = trace.frames().iter().map(|info| info.rows).collect();
    assert_eq!(rows, [2, 2, 1]);
    let (frames, 0) = decoded(&trace) else {
        panic!("a frame does not decode");
    };
    let found: Vec<_> = frames
        .into_iter()
        .flat_map(|frame| match frame {
            Frame::Maps(maps) => maps,
            _ => panic!("not a Maps frame"),
        })
        .collect();
    assert_eq!(found, maps);
}

#[test]
fn a_large_snapshot_has_parts() {
    let large = snapshot(150_000);
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    writer.tasks(&tasks()).unwrap();
    let before = writer.whole_bytes();
    writer.snapshot(&large).unwrap();
    let snapshot_end = writer.whole_bytes() as usize;
    writer.tasks(&tasks()).unwrap();
    let bytes = writer.finish().unwrap();
    let trace = Trace::from_bytes(bytes.clone()).unwrap();
    let parts: Vec<_> = trace.frames().iter().map(|info| info.parts).collect();
    assert_eq!(parts, [1, 3, 1]);
    assert_eq!(trace.frames()[1].offset, before);
    assert_eq!(trace.frames()[1].rows, 150_000);
    assert_eq!(trace.read(&trace.frames()[1]).unwrap(), Frame::Snapshot(large));

    // Without its last part a snapshot would look as if mappings had gone.
    let cut = Trace::from_bytes(bytes[..snapshot_end - 1].to_vec()).unwrap();
    assert_eq!(cut.frames().len(), 1);
    assert!(cut.damage().contains(&pft::Damage::IncompleteParts {
        kind: FrameKind::Snapshot,
        sequence: 1,
        found: 2,
        parts: 3
    }));
}

/// A disk with room for so many bytes.
struct Disk {
    bytes: Vec<u8>,
    room: usize,
}

impl Write for Disk {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let taken = data.len().min(self.room - self.bytes.len());
        if taken == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(&data[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_leaves_a_valid_prefix() {
    let sample = Sample::new();
    for room in 64..sample.bytes.len() {
        let disk = Disk { bytes: Vec::new(), room };
        let mut writer = Writer::create(disk, &header(), 1).unwrap();
        let mut outcome = Ok(());
        for frame in &sample.frames {
            outcome = outcome.and_then(|()| match frame {
                Frame::Host(facts) => writer.host(facts),
                Frame::Tasks(tasks) => writer.tasks(tasks),
                Frame::Maps(maps) => writer.maps(maps),
                Frame::Snapshot(snapshot) => writer.snapshot(snapshot),
                Frame::Faults(batch) => writer.faults(batch),
                Frame::Lost(losses) => writer.lost(losses),
                Frame::Oom(victims) => writer.oom(victims),
                Frame::Marks(marks) => writer.marks(marks),
                Frame::Calls(calls) => writer.calls(calls),
                Frame::CallChains(chains) => writer.call_chains(chains),
                Frame::StackPointers(pointers) => writer.stack_pointers(pointers),
                Frame::Symbols(symbols) => writer.symbols(symbols),
                Frame::Modules(modules) => writer.modules(modules),
                Frame::Cgroups(cgroups) => writer.cgroups(cgroups),
                Frame::Checkpoint(checkpoint) => writer.checkpoint(checkpoint),
                other => panic!("{other:?}"),
            });
        }
        let error = outcome.and_then(|()| writer.close()).unwrap_err();
        for error in [error, writer.tasks(&tasks()).unwrap_err()] {
            let Error::Write { offset, source } = error else {
                panic!("{error}");
            };
            assert_eq!(offset, room as u64);
            assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        }
        assert_eq!(writer.bytes_written(), room as u64);
        let whole_bytes = writer.whole_bytes() as usize;
        let disk = writer.into_inner();
        assert_eq!(disk.bytes, sample.bytes[..room]);
        let trace = Trace::from_bytes(disk.bytes[..whole_bytes].to_vec()).unwrap();
        assert_eq!(trace.damage(), [pft::Damage::NoIndex]);
        let whole = sample
            .infos
            .iter()
            .filter(|info| info.offset + info.stored_bytes <= room as u64)
            .count();
        assert_eq!(decoded(&trace), (sample.frames[..whole].to_vec(), 0));
    }
}

#[test]
fn a_trace_goes_on_where_it_was_cut() {
    let mut writer =
        Writer::create(Disk { bytes: Vec::new(), room: usize::MAX }, &header(), 1).unwrap();
    writer.tasks(&tasks()).unwrap();
    let first = writer.whole_bytes();
    for rows in [3, 5] {
        writer.faults(&faults(rows)).unwrap();
    }
    let whole = writer.whole_bytes();
    // The next frame finds no room; then somebody cuts the file at each byte in turn.
    writer.inner_mut().room = whole as usize + 10;
    assert!(writer.faults(&faults(9)).is_err());
    for left in (0..=whole).rev() {
        let keep = writer.whole_bytes_within(left);
        assert!(keep <= left && writer.whole_bytes_within(keep) == keep, "{left}");
        let rows = writer.rows_within(FrameKind::Faults, left);
        let disk = writer.inner_mut();
        disk.room = usize::MAX;
        disk.bytes.truncate(keep as usize);
        writer.rewind(keep).unwrap();
        let frames = match rows {
            0 => usize::from(left >= first),
            3 => 2,
            _ => 3,
        };
        assert_eq!((writer.frames(), rows == 8), (frames, left == whole), "{left}");
    }
    // Not even the header was left: it is there again.
    writer.checkpoint(&checkpoint()).unwrap();
    writer.close().unwrap();
    assert!(matches!(writer.rewind(0), Err(Error::Closed)));
    let trace = Trace::from_bytes(writer.into_inner().bytes).unwrap();
    assert!(trace.is_complete(), "{:?}", trace.damage());
    assert_eq!(decoded(&trace), (vec![Frame::Checkpoint(checkpoint())], 0));
}

#[test]
fn nothing_is_added_to_a_closed_trace() {
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    writer.close().unwrap();
    let bytes = writer.bytes_written();
    assert!(matches!(writer.tasks(&tasks()), Err(Error::Closed)));
    assert!(matches!(writer.close(), Err(Error::Closed)));
    assert_eq!(writer.whole_bytes(), bytes);
}

prop_compose! {
    /// Values near each other and values anywhere.
    fn value()(any in any::<u64>(), near in 0..100_000u64, wide in any::<bool>()) -> u64 {
        if wide { any } else { near }
    }
}

proptest! {
    #[test]
    fn any_faults(rows in prop::collection::vec(
        ((value(), value(), value(), value()), (any::<u32>(), 0..3u32, any::<u32>(), 0..2u32)),
        0..300,
    )) {
        let mut columns = FaultColumns::default();
        for ((time_ns, latency_ns, addr, ip), (pid, tid, flags, attempts)) in rows {
            columns.time_ns.push(time_ns);
            columns.latency_ns.push(latency_ns);
            columns.addr.push(addr);
            columns.ip.push(ip);
            columns.pid.push(pid);
            columns.tid.push(tid);
            columns.flags.push(flags);
            columns.attempts.push(attempts);
        }
        let batch = FaultBatch { cpu: 3, columns };
        prop_assert_eq!(read(&write(&batch)), batch.columns);
    }
}
