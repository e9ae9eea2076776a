//! What the kernel writes into a ring, with all that a program puts into it: names, paths, stacks.

use pfcapture::internals::fuzzing::walk;

use super::samples::noise;

/// The ring is bytes as they are; otherwise it is records with right lengths.
const RAW: u32 = 1 << 31;
/// Kinds of record that the kernel has, and then some.
const KINDS: u8 = 24;
const SAMPLE: u8 = 9;

/// Four bytes choose what is recorded ([`walk`]), two where the ring's end splits the bytes; then come
/// records: kind, flags, event and length in words, and as many words.
///
/// Whatever they hold: every byte belongs to a record or is counted; times never run back; no name, chain or
/// stack is longer than its record, and what faults refer to is there; no more is stored than there are
/// records.
pub fn run(bytes: &[u8]) {
    let Some((choices, rest)) = bytes.split_first_chunk::<4>() else { return };
    let Some((split, rest)) = rest.split_first_chunk::<2>() else { return };
    let choices = u32::from_le_bytes(*choices);
    let ring = if choices & RAW != 0 { rest.to_vec() } else { records(rest) };
    let split = usize::from(u16::from_le_bytes(*split)) % (ring.len() + 1);
    let walked = walk(choices, ring.split_at(split));

    let in_records: usize = walked.record_bytes.iter().sum();
    assert_eq!(in_records as u64 + walked.garbled_bytes, ring.len() as u64);
    assert!(walked.times_ns.is_sorted());
    assert!(walked.parts.iter().all(|&(part, record)| part <= record));
    assert!(walked.callers.1 <= walked.callers.0 && walked.stacks.1 <= walked.stacks.0);
    let count = walked.record_bytes.len();
    assert!(walked.faults <= count && walked.sideband <= count);
}

/// Records with right lengths. Where an event's number belongs it is put.
fn records(mut rest: &[u8]) -> Vec<u8> {
    let mut ring = Vec::new();
    while let Some((&[kind, misc, event, words], behind)) = rest.split_first_chunk::<4>() {
        let body_bytes = usize::from(words) * 8;
        let (body, behind) = behind.split_at(body_bytes.min(behind.len()));
        rest = behind;
        let kind = kind % KINDS;
        // The id is one word more, and so is the header.
        let bytes = (body_bytes + 16) as u16;
        ring.extend(u32::from(kind).to_ne_bytes());
        ring.extend((u16::from(misc & 7) | u16::from(misc & 0xf8) << 8).to_ne_bytes());
        ring.extend(bytes.to_ne_bytes());
        let id = u64::from(event).to_ne_bytes();
        if kind == SAMPLE {
            ring.extend(id);
        }
        ring.extend(body);
        ring.resize(ring.len() + body_bytes - body.len(), 0);
        if kind != SAMPLE {
            ring.extend(id);
        }
    }
    ring
}

pub fn seeds() -> Vec<Vec<u8>> {
    let pair = |first: u32, second: u32| u64::from(first) | u64::from(second) << 32;
    let record = |kind: u8, misc: u8, event: u8, words: &[u64]| {
        let mut bytes = vec![kind, misc, event, words.len() as u8];
        bytes.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        bytes
    };
    let task = pair(10, 10);
    let path = u64::from_ne_bytes(*b"/lib/x\0\0");
    // Events are numbered in the order of `EventKind::FOLLOWING`: 0 stack, 1 minor, 2 major, 5 entry.
    let map = record(10, 2, 14, &[task, 0x1000, 0x4000, 0, 0, 7, 0, pair(3, 2), path, task, 900]);
    let comm = record(3, 0x20, 14, &[task, path, task, 910]);
    let fork = record(7, 0, 14, &[pair(11, 10), pair(11, 10), 920, task, 920]);
    let exit = record(4, 0, 14, &[pair(11, 10), pair(11, 10), 2000, task, 2000]);
    let lost = record(2, 0, 14, &[1, 5, task, 1990]);
    let entry = record(9, 2, 5, &[0x40_1000, task, 1000, 0x2000]);
    let minor = record(9, 2, 1, &[0x40_1000, task, 1300, 0x2000, 4096]);
    let user = record(9, 1, 3, &[task, 1400, 36, 0x2000 << 32, 0x40_1000 << 32, 6 << 32, 0]);
    let with_stack: Vec<u64> = [0x40_1000, task, 1500, 0x3000, 0, 2, u64::MAX - 511, 0x40_1000]
        .into_iter()
        .chain([2, 7, 8, 9, 2, 5, 6, 16, 4096])
        .collect();
    let major = record(9, 2, 2, &with_stack);
    let all = [map, comm, fork, entry, minor, user, major, lost, exit].concat();
    let mut seeds: Vec<Vec<u8>> = [0_u32, 0x1ff, 0x23ff, 0x4eff, 0x7fff, 0x7_80ff, 0x1_a0ff]
        .into_iter()
        .map(|choices| [&choices.to_le_bytes()[..], &[77, 0], &all].concat())
        .collect();
    seeds.push([&(RAW | 0x1ff).to_le_bytes()[..], &[9, 0], &records(&all)].concat());
    seeds.push(noise(7, 300));
    seeds
}
