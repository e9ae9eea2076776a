//! The file as a whole: what lies where, checksums, index and trailer.

use super::Forgery;
use crate::verify::sound::with;
use crate::verify::taken_apart::{TakenApart, forged, with_header_bits};

fn sound() -> Vec<u8> {
    with(|_| ())
}

/// Where the frame of a number begins, and behind its end.
fn frame(number: usize) -> (usize, usize) {
    let bytes = sound();
    let trace = pft::Trace::from_bytes(bytes).unwrap();
    let info = &trace.frames()[number];
    (info.offset as usize, (info.offset + info.stored_bytes) as usize)
}

pub fn all() -> Vec<Forgery<String>> {
    let mut all = file();
    all.extend(order());
    all.extend(index());
    all
}

/// What a file without trailer has of findings, whatever else it has.
const NOT_CLOSED: &str =
    "file: closed: the file does not end with a trailer: it was cut or not closed";

fn owned<const N: usize>(findings: [&str; N]) -> Vec<String> {
    findings.map(ToOwned::to_owned).into()
}

fn file() -> Vec<Forgery<String>> {
    let bytes = sound().len();
    let trailer = bytes - 32;
    let index = TakenApart::of(&sound()).open().len();
    let (last, end) = frame(14);
    vec![
        ("not closed", TakenApart::of(&sound()).open(), owned([NOT_CLOSED])),
        (
            "cut in a frame",
            sound()[..end - 1].to_vec(),
            vec![
                NOT_CLOSED.to_owned(),
                format!(
                    "file: cut: the file ends inside a frame: at byte {last}, {} of {} bytes are there",
                    end - last - 1,
                    end - last
                ),
            ],
        ),
        (
            "another clock",
            with_header_bits(sound(), 0, 20, 3),
            owned(["file: file-header: the clock is 2, which is none"]),
        ),
        (
            "reserved in the file header",
            with_header_bits(sound(), 0, 58, 1),
            owned(["file: reserved: the reserved field at 56 is not 0"]),
        ),
        (
            "reserved in a frame header",
            with_header_bits(sound(), 64, 19, 1),
            owned(["Host frame 0: reserved: the reserved field at 18 of its header is not 0"]),
        ),
        (
            "reserved in the trailer",
            forged(&sound(), |apart| apart.trailer_flips.push((26, 1))),
            owned(["file: reserved: the reserved field at 24 is not 0"]),
        ),
        (
            "length in the trailer",
            forged(&sound(), |apart| apart.trailer_flips.push((18, 1))),
            vec![format!(
                "file: trailer: the trailer says that the file has {} bytes; it has {bytes}",
                bytes ^ 1 << 16
            )],
        ),
        (
            "index in the trailer",
            forged(&sound(), |apart| apart.trailer_flips.push((8, 4))),
            vec![format!(
                "file: trailer: the trailer says that the index is at byte {}; it is at byte {index}",
                index ^ 4
            )],
        ),
        (
            "no index",
            [TakenApart::of(&sound()).open(), sound()[trailer..].to_vec()].concat(),
            vec![
                format!(
                    "file: trailer: the trailer says that the file has {bytes} bytes; it has {}",
                    index + 32
                ),
                format!(
                    "file: trailer: the trailer says that the index is at byte {index}; there is none"
                ),
            ],
        ),
        (
            "bytes between frames",
            forged(&sound(), |apart| apart.parts[3].before = b"12345".to_vec()),
            owned(["file: gap: 5 bytes are no frame: they belong to nothing"]),
        ),
        (
            "a marker between frames",
            forged(&sound(), |apart| apart.parts[3].before = b"\xf7PFFRM\n\x9c".repeat(9)),
            owned([
                "file: frame-header: 72 bytes are no frame: they begin with a sync marker, but with no \
                 valid frame header",
            ]),
        ),
        (
            "a trailer between frames",
            forged(&sound(), |apart| apart.parts[3].before = sound()[trailer..].to_vec()),
            owned([
                "file: gap: 32 bytes are no frame: they begin with a trailer, which should be the end of \
                 the file",
            ]),
        ),
        (
            "bytes behind the trailer",
            [sound(), b"\nmore".to_vec()].concat(),
            owned([
                NOT_CLOSED,
                "file: gap: 37 bytes are no frame: they begin with a trailer, which should be the end of \
                 the file",
            ]),
        ),
        (
            "a payload",
            {
                let mut bytes = sound();
                bytes[frame(2).0 + 70] ^= 8;
                bytes
            },
            owned(["Maps frame 2: checksum: the checksum of the payload is wrong"]),
        ),
    ]
}

fn order() -> Vec<Forgery<String>> {
    let renumbered = |edit: fn(&mut TakenApart)| forged(&sound(), edit);
    let (seventh, eighth, last) = (frame(7).0, frame(8).0, frame(14).0);
    let index = frame(14).1;
    vec![
        (
            "exchanged frames",
            renumbered(|apart| {
                apart.parts[7].header.sequence = 8;
                apart.parts[8].header.sequence = 7;
            }),
            vec![
                format!("file: sequence: frame 7 at byte {eighth} is not in its place"),
                format!(
                    "Index frame 15, row 7: index: it says {seventh} for the offset of frame 7, not {eighth}"
                ),
                "Index frame 15, row 7: index: it says 1000700 for the first time of frame 7, not 1000800"
                    .to_owned(),
                "Index frame 15, row 7: index: it says 1000701 for the last time of frame 7, not 1000900"
                    .to_owned(),
            ],
        ),
        (
            "a missing number",
            renumbered(|apart| apart.parts[14].header.sequence = 99),
            vec![
                format!("file: sequence: frame 15 at byte {index} is not in its place"),
                "Index frame 15: sequence: frame 14 is missing".to_owned(),
                "Checkpoint frame 99: sequence: 83 frames from 16 on are missing".to_owned(),
                "Index frame 15, row 14: index: it lists frame 14, which is not there".to_owned(),
            ],
        ),
        (
            "a number again",
            renumbered(|apart| apart.parts[14].header.sequence = 12),
            vec![
                format!("file: sequence: frame 12 occurs again at byte {last} and was left out"),
                "Index frame 15: sequence: frame 14 is missing".to_owned(),
                "Index frame 15, row 14: index: it lists frame 14, which is not there".to_owned(),
            ],
        ),
        (
            "a frame behind the index",
            {
                let bytes = sound();
                let (index, end) = (frame(14).1, bytes.len() - 32);
                let mut behind = TakenApart::of(&bytes);
                behind.parts.drain(..14);
                behind.parts[0].header.sequence = 16;
                let behind = behind.open().split_off(64);
                [&bytes[..index], &bytes[index..end], &behind, &bytes[end..]].concat()
            },
            vec![
                format!(
                    "file: trailer: the trailer says that the file has {} bytes; it has {}",
                    sound().len(),
                    sound().len() + frame(14).1 - frame(14).0
                ),
                "Checkpoint frame 16: index: it lies behind the index".to_owned(),
                "Checkpoint frame 16: checkpoint-end: it lies behind the checkpoint that closes the recording"
                    .to_owned(),
            ],
        ),
    ]
}

/// One field of an entry is changed at a time.
fn index() -> Vec<Forgery<String>> {
    // Row 1 is that of the Tasks frame.
    let trace = pft::Trace::from_bytes(sound()).unwrap();
    let tasks = trace.scan().unwrap().0[1];
    let fields = [
        ("offset", 0, tasks.offset),
        ("first time", 8, tasks.first_ns),
        ("last time", 16, tasks.last_ns),
        ("number of rows", 24, tasks.rows.into()),
        ("stored length", 28, tasks.stored_bytes.into()),
        ("raw length", 32, tasks.raw_bytes.into()),
        ("checksum", 36, tasks.payload_crc.into()),
        ("kind", 40, tasks.kind.into()),
        ("version", 42, tasks.version.into()),
        ("codec", 44, tasks.codec.into()),
        ("part", 46, tasks.part.into()),
        ("number of parts", 48, tasks.parts.into()),
    ];
    let flipped = |at: usize| forged(&sound(), |apart| apart.index_flips.push((56 + at, 8)));
    let fields = fields.into_iter().map(|(name, at, found)| {
        let said = found ^ 8;
        let expected = format!(
            "Index frame 15, row 1: index: it says {said} for the {name} of frame 1, not {found}"
        );
        (name, flipped(at), vec![expected])
    });
    let reserved = [50, 52].into_iter().map(|at| {
        let expected =
            format!("Index frame 15, row 1: reserved: the reserved field at {at} is not 0");
        ("reserved", flipped(at), vec![expected])
    });
    fields.chain(reserved).collect()
}
