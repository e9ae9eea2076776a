//! The archive of one frame, with right checksums around it.

use pft::{Encoder, Trace};

use super::{samples, trace::memory_bytes};
use crate::forge::{self, HEADER, Says};
use crate::kinds::{KINDS, Kind, encode};

/// The header states as many rows as the archive.
const ROWS_OF_ARCHIVE: u8 = 1;
/// The header states a range of times; otherwise it encloses all.
const TIMES: u8 = 2;

/// The first byte chooses the kind, the second what the frame header says; rows and times follow if they
/// are given, then comes the archive.
///
/// Whatever it holds: what decodes has as many rows as the header says, takes no more memory than is
/// stated, can be encoded, decodes to the same again, and is encoded to the same bytes again.
pub fn run(bytes: &[u8]) {
    let Some((kind, says, archive)) = parse(bytes) else { return };
    let mut file = forge::file_header();
    file.extend(forge::frame(says, archive));
    let Ok(trace) = Trace::from_bytes(file) else { panic!("the file header is valid") };
    let Some(info) = trace.frames().first() else { return };
    let Ok(frame) = trace.read(info) else { return };
    assert_eq!(info.rows, u64::from(says.rows));
    assert!(memory_bytes(&frame) <= info.decoded_bytes(), "{info:?} {frame:?}");

    let mut encoder = Encoder::new(&HEADER, 1).expect("a valid header");
    let encoded = (kind.encode)(&mut encoder, &frame).expect("another kind than its header says");
    let encoded = encoded.expect("what was decoded can be encoded");
    if encoded.is_empty() {
        return;
    }
    let mut writer = pft::Writer::create(Vec::new(), &HEADER, 1).expect("a valid header");
    writer.write_frames(&encoded).expect("memory can be written");
    let copy = Trace::from_bytes(writer.into_inner()).expect("a trace");
    assert_eq!(copy.frames().len(), 1);
    let again = copy.read(&copy.frames()[0]).expect("what was encoded can be decoded");
    assert_eq!(again, frame);
    assert!(encode(&mut encoder, &again).is_ok_and(|same| same == encoded));
}

fn parse(bytes: &[u8]) -> Option<(&'static Kind, Says, &[u8])> {
    let (&[kind, choices], mut rest) = bytes.split_first_chunk::<2>()?;
    let kind = KINDS.get(usize::from(kind) % KINDS.len())?;
    let mut says = Says::rows(kind.kind, 0);
    if choices & TIMES != 0 {
        let (first, behind) = rest.split_first_chunk::<8>()?;
        let (last, behind) = behind.split_first_chunk::<8>()?;
        (says.first_ns, says.last_ns) = (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
        rest = behind;
    }
    let rows = if choices & ROWS_OF_ARCHIVE != 0 {
        let at = rest.len().checked_sub(kind.rows_from_end)?;
        rest.get(at..)?.first_chunk::<4>()
    } else {
        let (rows, behind) = rest.split_first_chunk::<4>()?;
        rest = behind;
        Some(rows)
    };
    says.rows = u32::from_le_bytes(*rows?);
    Some((kind, says, rest))
}

pub fn seeds() -> Vec<Vec<u8>> {
    let archives = samples::archives(&samples::frames());
    let seed = |(kind, rows, archive): &(_, u32, Vec<u8>)| {
        let number = KINDS.iter().position(|known| known.kind == *kind).unwrap_or_default() as u8;
        let brief = [&[number, ROWS_OF_ARCHIVE], &archive[..]].concat();
        let times = [0_u64.to_le_bytes(), u64::MAX.to_le_bytes()].concat();
        let long = [&[number, TIMES], &times[..], &rows.to_le_bytes(), archive].concat();
        [brief, long]
    };
    archives.iter().flat_map(seed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_seed_of_each_kind_that_decodes() {
        let seeds = seeds();
        assert_eq!(seeds.len(), 2 * KINDS.len());
        for (n, seed) in seeds.iter().enumerate() {
            let (kind, says, archive) = parse(seed).unwrap();
            assert_eq!(kind.kind, KINDS[n / 2].kind);
            let mut file = forge::file_header();
            file.extend(forge::frame(says, archive));
            let trace = Trace::from_bytes(file).unwrap();
            assert!(trace.read(&trace.frames()[0]).is_ok(), "{:?}", kind.kind);
            assert!(says.rows > 0);
        }
    }
}
