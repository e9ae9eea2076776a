//! A whole file: opened, all frames decoded, and what was read written again.

use pft::record::{CallChainRecord, Frame, ModuleRecord, Section, Segment};
use pft::{Error, Limits, Trace, Writer};

use super::samples;
use crate::forge::{Repair, repair};
use crate::kinds::encode;

/// Memory that all frames together may take.
const LIMIT_BYTES: u64 = 32 << 20;

/// The file as it is, with right checksums, and with right lengths as well.
///
/// Whatever it says: frames lie in the body of the file in order and without overlap, each decodes to the
/// rows that its header says within the memory that is stated, and a trace made of what was read is whole
/// and says the same.
pub fn run(bytes: &[u8]) {
    check(bytes);
    for what in [Repair::Checksums, Repair::Lengths] {
        let mut repaired = bytes.to_vec();
        repair(&mut repaired, what);
        if repaired != bytes {
            check(&repaired);
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![samples::file(&samples::frames())];
    let golden = ["v1.0-code.pft", "v1.0-moments.pft", "v1.0-zero-page.pft"];
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/");
    seeds.extend(golden.map(|name| std::fs::read(format!("{folder}{name}")).unwrap_or_default()));
    seeds
}

fn check(bytes: &[u8]) {
    let limits = Limits::new(LIMIT_BYTES);
    let Ok(trace) = Trace::from_reader(std::io::Cursor::new(bytes.to_vec()), &limits) else {
        return;
    };
    let (raw, damage) = trace.scan().expect("memory can be read");
    for damage in trace.damage().iter().chain(&damage) {
        assert!(!damage.to_string().is_empty());
    }
    for frame in &raw {
        let _ = trace.is_intact(frame);
    }
    let body = trace.body();
    let mut places: Vec<_> = trace.frames().iter().map(|f| (f.offset, f.stored_bytes)).collect();
    places.sort_unstable();
    assert!(places.iter().all(|&(offset, _)| offset >= body.start));
    assert!(places.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
    assert!(trace.frames().is_sorted_by(|a, b| a.sequence < b.sequence));
    let stated: u64 = trace.frames().iter().map(|info| info.decoded_bytes()).sum();
    assert!(stated <= LIMIT_BYTES);

    let mut frames = Vec::new();
    for (info, decoded) in trace.iter() {
        match decoded {
            Ok(frame) => {
                let taken = memory_bytes(&frame);
                assert!(taken <= info.decoded_bytes(), "{taken} bytes for {info:?}");
                frames.push(frame);
            }
            Err(error) => assert!(!matches!(error, Error::Open { .. } | Error::Write { .. })),
        }
    }
    if !frames.is_empty() {
        again(&trace, &frames);
    }
}

/// Writes frames to a trace of the same header and reads them back.
fn again(trace: &Trace, frames: &[Frame]) {
    let mut writer = Writer::create(Vec::new(), trace.header(), 1).expect("a header that was read");
    let mut encoder = pft::Encoder::new(trace.header(), 1).expect("a header that was read");
    let mut written = Vec::new();
    for frame in frames {
        let encoded = encode(&mut encoder, frame).expect("what was decoded can be encoded");
        writer.write_frames(&encoded).expect("memory can be written");
        // Lists without rows make no frame.
        if !encoded.is_empty() {
            written.push(frame);
        }
    }
    let bytes = writer.finish().expect("memory can be written");
    let copy = Trace::from_bytes(bytes).expect("a trace");
    assert!(copy.is_complete(), "{:?}", copy.damage());
    assert_eq!(copy.header(), trace.header());
    let found: Vec<_> = copy.iter().map(|(_, frame)| frame.expect("a whole frame")).collect();
    assert!(found.iter().eq(written), "another content: {found:?}");
}

/// Memory that a frame takes, as [`pft::FrameInfo::decoded_bytes`] means it.
pub fn memory_bytes(frame: &Frame) -> u64 {
    fn rows<T>(rows: &[T], more: impl Fn(&T) -> usize) -> usize {
        size_of_val(rows) + rows.iter().map(more).sum::<usize>()
    }
    let bytes = match frame {
        Frame::Host(facts) => rows(facts, |fact| fact.key.len() + fact.value.len()),
        Frame::Tasks(tasks) => rows(tasks, |task| task.comm.len()),
        Frame::Maps(maps) => rows(maps, |map| map.path.len()),
        Frame::Snapshot(snapshot) => rows(&snapshot.vmas, |vma| vma.path.len()),
        Frame::Faults(batch) => {
            let columns = &batch.columns;
            let words = [&columns.time_ns, &columns.latency_ns, &columns.addr, &columns.ip];
            let halves = [
                &columns.pid,
                &columns.tid,
                &columns.flags,
                &columns.attempts,
                &columns.call_chain,
            ];
            words.iter().map(|column| column.len() * 8).sum::<usize>()
                + halves.iter().map(|column| column.len() * 4).sum::<usize>()
                + columns.node.len()
        }
        Frame::Lost(losses) => size_of_val(losses.as_slice()),
        Frame::Checkpoint(checkpoint) => rows(&checkpoint.ledger, |entry| entry.key.len()),
        Frame::Oom(victims) => rows(victims, |victim| victim.comm.len()),
        Frame::Marks(marks) => rows(marks, |mark| mark.name.len()),
        Frame::Calls(calls) => size_of_val(calls.as_slice()),
        Frame::CallChains(chains) => {
            rows(chains, |CallChainRecord { kernel, user, .. }| (kernel.len() + user.len()) * 8)
        }
        Frame::Modules(modules) => rows(modules, |module: &ModuleRecord| {
            let names: usize = module.sections.iter().map(|section| section.name.len()).sum();
            module.segments.len() * size_of::<Segment>()
                + module.sections.len() * size_of::<Section>()
                + module.path.len()
                + module.build_id.len()
                + names
        }),
        Frame::Symbols(symbols) => rows(symbols, |symbol| symbol.name.len() + symbol.file.len()),
        Frame::StackPointers(stack_pointers) => size_of_val(stack_pointers.as_slice()),
        Frame::Cgroups(cgroups) => rows(cgroups, |cgroup| cgroup.path.len()),
        Frame::Gaps(gaps) => size_of_val(gaps.as_slice()),
        // Of a new kind only what holds for all is known; a test fails until it is here.
        _ => 0,
    };
    bytes as u64
}
