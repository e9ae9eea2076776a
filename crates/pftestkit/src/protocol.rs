//! The lines that `pf-workload` prints: the program formats them, tests parse them.

mod format;
mod names;
mod parse;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use self::parse::Fields;
use crate::Error;

/// When a fault is made, relative to the `ready` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before `ready`.
    Setup,
    /// After `ready`.
    Run,
}

/// What the count of an [`Expectation`] rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exactness {
    /// The workload leaves the kernel no choice.
    Construction,
    /// The kernel had a choice; the workload observed what it did (`witness` fields).
    Witness,
    /// The recording may have begun in the middle: at most so many.
    AtMost,
}

/// Faults of one kind that one process makes in one range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// Process; 0 for all processes together.
    pub pid: u32,
    /// First address of the range.
    pub start: u64,
    /// First address behind the range.
    pub end: u64,
    /// Before or after `ready`.
    pub phase: Phase,
    /// Class of the faults (`minor`, `major`, `cow`, `failed`, or `any`).
    pub class: String,
    /// Cause of the faults, or `any`.
    pub cause: String,
    /// How many.
    pub count: u64,
    /// What `count` rests on.
    pub exact: Exactness,
    /// Observations by name, such as `swapped_pages`.
    pub witness: Vec<(String, u64)>,
}

/// What the offsets of an [`Order`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKind {
    /// Accesses.
    Access,
    /// Accesses that made a major fault, by witness.
    Major,
    /// Accesses that made a minor fault, by witness.
    Minor,
}

/// In which order pages of a file were accessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The file.
    pub path: PathBuf,
    /// Page size, bytes.
    pub page_size_bytes: u64,
    /// What the offsets are.
    pub kind: OrderKind,
    /// Byte offsets in order of access; empty when they are in `offsets_file`.
    pub offsets: Vec<u64>,
    /// File that holds the offsets, one decimal number a line (`--order-file`).
    pub offsets_file: Option<PathBuf>,
}

/// What was mapped at a range while the process made its next faults there. The turns of one range are
/// in order of time: the first `count` faults belong to the first turn, and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Process.
    pub pid: u32,
    /// First address of the range.
    pub start: u64,
    /// First address behind the range.
    pub end: u64,
    /// The file; empty for anonymous memory.
    pub path: PathBuf,
    /// Offset in the file of the byte at `start`.
    pub offset_bytes: u64,
    /// How many faults.
    pub count: u64,
}

/// What lies at a range, as a report should call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Process.
    pub pid: u32,
    /// First address of the range.
    pub start: u64,
    /// First address behind the range.
    pub end: u64,
    /// Kind of region: `heap`, `shmem`, ….
    pub kind: String,
    /// Label of the region: `[heap]`, `libc.so.6 .data`, ….
    pub label: String,
    /// The file; empty if there is none.
    pub path: PathBuf,
}

/// What `getrusage(2)` counted in a process while it made the faults of phase `run`.
///
/// In modes with threads only the faulting stretches of the threads are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Process; 0 for all that an expectation with `pid` 0 counts.
    pub pid: u32,
    /// Minor faults (classes `minor` and `cow`).
    pub minflt: u64,
    /// Major faults.
    pub majflt: u64,
    /// Duration, nanoseconds; in `many-mappings` that of the accesses only.
    pub wall_ns: u64,
}

/// What `getrusage(2)` counted in the process from its start to its last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// Process.
    pub pid: u32,
    /// Minor faults.
    pub minflt: u64,
    /// Major faults.
    pub majflt: u64,
    /// Minor faults of children that it waited for.
    pub children_minflt: u64,
    /// Major faults of such children.
    pub children_majflt: u64,
}

/// All that a workload printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// `expect` lines.
    pub expectations: Vec<Expectation>,
    /// `order` lines.
    pub orders: Vec<Order>,
    /// `turn` lines.
    pub turns: Vec<Turn>,
    /// `place` lines.
    pub places: Vec<Place>,
    /// `rusage` lines.
    pub usage: Vec<Usage>,
    /// The `total` line.
    pub total: Option<Total>,
    /// Reason of the `skip` line.
    pub skip: Option<String>,
}

impl Report {
    /// Parses the standard output of a workload. Lines that begin with none of its words are passed
    /// over, so it may be mixed with whole lines of a recorder.
    ///
    /// # Errors
    ///
    /// [`Error::Field`] when a line of the workload cannot be read.
    pub fn parse(output: &str) -> Result<Self, Error> {
        let mut report = Self::default();
        for line in output.lines() {
            let (word, _) = line.split_once(' ').unwrap_or((line, ""));
            let fields = Fields { line };
            match word {
                "expect" => report.expectations.push(fields.expectation()?),
                "order" => report.orders.push(fields.order()?),
                "turn" => report.turns.push(fields.turn()?),
                "place" => report.places.push(fields.place()?),
                "rusage" => report.usage.push(fields.usage()?),
                "total" => report.total = Some(fields.total()?),
                "skip" => {
                    let reason = line.strip_prefix("skip reason=");
                    report.skip = Some(reason.ok_or_else(|| fields.bad("reason"))?.to_owned());
                }
                _ => {}
            }
        }
        Ok(report)
    }

    /// The turns of one range of one process, in order of time.
    pub fn turns_at(&self, pid: u32, start: u64) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(move |turn| (turn.pid, turn.start) == (pid, start))
    }

    /// The expectations of one phase.
    pub fn of_phase(&self, phase: Phase) -> impl Iterator<Item = &Expectation> {
        self.expectations.iter().filter(move |e| e.phase == phase)
    }
}

/// Writes a path so that it holds no blank and no control character: other bytes become `%XX`.
#[must_use]
pub fn encode_path(path: &Path) -> String {
    let mut text = String::new();
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Reverses [`encode_path`]; a `%` without two hexadecimal digits stands for itself.
#[must_use]
pub fn decode_path(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digits = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation() -> Expectation {
        Expectation {
            pid: 123,
            start: 0x7f00_0000_0000,
            end: 0x7f00_0010_0000,
            phase: Phase::Run,
            class: "major".to_owned(),
            cause: "swap-in".to_owned(),
            count: 256,
            exact: Exactness::Witness,
            witness: vec![("swapped_pages".to_owned(), 256), ("cached".to_owned(), 0)],
        }
    }

    #[test]
    fn what_is_printed_parses_back() {
        let report = Report {
            expectations: vec![expectation()],
            orders: vec![
                Order {
                    path: PathBuf::from("/tmp/a b%c"),
                    page_size_bytes: 4096,
                    kind: OrderKind::Access,
                    offsets: vec![0, 8192, 4096],
                    offsets_file: None,
                },
                Order {
                    path: PathBuf::from("/tmp/x"),
                    page_size_bytes: 4096,
                    kind: OrderKind::Minor,
                    offsets: Vec::new(),
                    offsets_file: None,
                },
            ],
            turns: vec![
                Turn {
                    pid: 123,
                    start: 0x1000,
                    end: 0x3000,
                    path: PathBuf::from("/tmp/a b"),
                    offset_bytes: 8192,
                    count: 2,
                },
                Turn {
                    pid: 123,
                    start: 0x1000,
                    end: 0x3000,
                    path: PathBuf::new(),
                    offset_bytes: 0,
                    count: 1,
                },
            ],
            places: vec![Place {
                pid: 123,
                start: 0x1000,
                end: 0x3000,
                kind: "data".to_owned(),
                label: "a b .data".to_owned(),
                path: PathBuf::from("/tmp/a b"),
            }],
            usage: vec![Usage { pid: 123, minflt: 1, majflt: 2, wall_ns: 3 }],
            total: Some(Total {
                pid: 123,
                minflt: 9,
                majflt: 8,
                children_minflt: 7,
                children_majflt: 6,
            }),
            skip: None,
        };
        let text = format!(
            "ready pid=123\nnoise of a recorder\n{}\n{}\n{}\n{}\n{}\n{}\n{}\ndone pid=123\n{}\n",
            report.expectations[0],
            report.orders[0],
            report.orders[1],
            report.turns[0],
            report.turns[1],
            report.places[0],
            report.usage[0],
            report.total.unwrap(),
        );
        assert_eq!(Report::parse(&text).unwrap(), report);
    }

    #[test]
    fn the_expect_line_is_stable() {
        assert_eq!(
            expectation().to_string(),
            "expect pid=123 start=0x7f0000000000 end=0x7f0000100000 phase=run class=major \
             cause=swap-in count=256 exact=witness swapped_pages=256 cached=0"
        );
    }

    #[test]
    fn skip_keeps_its_blanks() {
        let report = Report::parse("skip reason=swapon: not permitted (needs root)\n").unwrap();
        assert_eq!(report.skip.as_deref(), Some("swapon: not permitted (needs root)"));
    }

    #[test]
    fn malformed_lines_name_the_field() {
        let good = expectation().to_string();
        for (from, to, key) in [
            ("pid=123 ", "", "pid"),
            ("start=0x7", "start=7", "start"),
            ("end=0x", "end=0xg", "end"),
            ("phase=run", "phase=ran", "phase"),
            ("count=256", "count=-1", "count"),
            ("exact=witness", "exact=", "exact"),
            ("cached=0", "cached=none", "witness"),
        ] {
            let line = good.replace(from, to);
            match Report::parse(&line) {
                Err(Error::Field { key: found, .. }) => assert_eq!(found, key, "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
        assert!(Report::parse("order path=/x page_size=4096 kind=access offsets=1,,2").is_err());
        assert!(Report::parse("skip").is_err());
    }

    #[test]
    fn paths_survive() {
        for path in [&b"/plain"[..], b"/a b", b"/100%", b"/%41", b"/\xff\n", b"/%e"] {
            let path = PathBuf::from(OsString::from_vec(path.to_vec()));
            let text = encode_path(&path);
            assert!(text.bytes().all(|b| b.is_ascii_graphic()), "{text}");
            assert_eq!(decode_path(&text), path);
        }
    }
}
