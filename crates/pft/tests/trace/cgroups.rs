//! Control groups of processes: laid out as the specification says, refused where they break a rule.

use pft::record::{CgroupRecord, Frame};
use pft::{Encoder, Trace, Writer};
use proptest::prelude::*;

use crate::forge::{Archive, Forged, archive_frame, decode_only, refusal};
use crate::samples::{cgroups, decoded, header};

const CGROUPS: u16 = 16;

/// A Cgroups archive by section 4.17: rows of time, process, offset and length.
fn cgroups_archive(rows: &[(u64, u32, u32, u32)], text: &[u8]) -> Vec<u8> {
    let mut archive = Archive::default();
    for &(time_ns, pid, offset, bytes) in rows {
        archive = archive.u64s(&[time_ns]).u32s(&[pid, offset, bytes, 0xdead]);
    }
    assert_eq!(archive.0.len(), 24 * rows.len());
    let padding = vec![0; text.len().next_multiple_of(4) - text.len()];
    let archive = archive.bytes(text).bytes(&padding);
    archive.vec(0, rows.len() as u32).vec(24 * rows.len(), text.len() as u32).0
}

#[test]
fn cgroups_by_the_specification() {
    let text = b"/system.slice/docker, \"\xff\".scope/";
    let rows = [(1_000_050, 100, 0, 31), (1_000_050, 101, 31, 0), (3_000_000, 100, 31, 1)];
    let frame = |rows: [_; 3]| archive_frame(CGROUPS, 3, &cgroups_archive(&rows, text));
    assert_eq!(decode_only(frame(rows)).unwrap(), Frame::Cgroups(cgroups()));
    let [first, second, last] = rows;
    assert_eq!(
        refusal(frame([first, (1_000_049, 101, 31, 0), last])),
        "the rows are not in order of time"
    );
    assert_eq!(
        refusal(frame([first, (1_000_050, 101, 30, 1), last])),
        "a string is not behind the one before"
    );
    assert_eq!(
        refusal(frame([first, second, (3_000_000, 100, 31, 2)])),
        "a string reaches behind the text"
    );
    assert_eq!(
        refusal(frame([first, second, (3_000_000, 100, 31, 0)])),
        "the text is longer than its strings"
    );
    let stored = zstd::bulk::compress(&cgroups_archive(&rows, text), 1).unwrap();
    let forged = Forged::new(CGROUPS, 3, cgroups_archive(&rows, text).len());
    let within = |first_ns, last_ns| Forged { first_ns, last_ns, ..forged }.frame(&stored);
    assert!(decode_only(within(1_000_050, 3_000_000)).is_ok());
    for frame in [within(1_000_051, 3_000_000), within(0, 2_999_999)] {
        assert_eq!(refusal(frame), "a time lies outside the range in the frame header");
    }
    let texts = Archive::default().vec(0, 0).vec(0, u32::MAX).0;
    assert_eq!(refusal(archive_frame(CGROUPS, 1 << 20, &texts)), "the archive is invalid");
}

#[test]
fn rows_are_stored_in_order_of_time_and_none_as_no_frame() {
    let [first, second, last] = <[CgroupRecord; 3]>::try_from(cgroups()).unwrap();
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    // Those of one time keep their order.
    writer.cgroups(&[last.clone(), second.clone(), first.clone()]).unwrap();
    let trace = Trace::from_bytes(writer.finish().unwrap()).unwrap();
    assert_eq!(decoded(&trace), (vec![Frame::Cgroups(vec![second, first, last])], 0));
    let shapes = trace.frames().iter().map(|info| (info.rows, info.first_ns, info.last_ns));
    assert_eq!(shapes.collect::<Vec<_>>(), [(3, 1_000_050, 3_000_000)]);
    assert_eq!(Encoder::new(&header(), 1).unwrap().encode_cgroups(&[]).unwrap(), []);
}

proptest! {
    #[test]
    fn any_cgroups(
        mut rows in prop::collection::vec(
            (any::<u64>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..40)),
            1..20,
        ),
    ) {
        rows.sort_by_key(|(time_ns, ..)| *time_ns);
        let cgroup = |(time_ns, pid, path)| CgroupRecord { time_ns, pid, path };
        let cgroups: Vec<_> = rows.into_iter().map(cgroup).collect();
        let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
        writer.cgroups(&cgroups).unwrap();
        let trace = Trace::from_bytes(writer.finish().unwrap()).unwrap();
        prop_assert_eq!(decoded(&trace), (vec![Frame::Cgroups(cgroups)], 0));
    }
}
