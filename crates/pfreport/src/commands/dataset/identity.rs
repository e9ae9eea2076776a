//! When two files are the same trace, and where it lies.

use std::path::PathBuf;

use pft::keys::fact;

use super::input::Input;
use crate::print::units::civil;

/// What readers of Hive partitions take for null.
pub const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// What a trace is known by: its uuid, and of a redacted one what stands for it. A recovered trace is the one that it
/// was recovered from.
pub fn key(input: &Input, seed: Option<&str>) -> String {
    let recovered = input.fact(fact::RECOVERED_FROM).and_then(uuid);
    let uuid = recovered.unwrap_or_else(|| input.trace.header().uuid);
    match seed {
        None => hex(&uuid),
        Some(seed) => hex(&pfredact::pseudonym(seed, &uuid)),
    }
}

/// The partition of a trace: the values as they are in the names of folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    host: String,
    date: String,
    trace: String,
}

impl Partition {
    /// That of a trace with this key.
    pub fn of(input: &Input, key: &str) -> Self {
        let host = input.fact(fact::MACHINE_HOSTNAME).unwrap_or_default();
        Self {
            host: value(host.as_bytes()),
            date: date(input.trace.header().start_realtime_ns),
            trace: key.to_owned(),
        }
    }

    /// A partition for tables without rows.
    pub fn none() -> Self {
        let null = || NULL.to_owned();
        Self { host: null(), date: null(), trace: null() }
    }

    /// The folder below that of a table.
    pub fn folder(&self) -> PathBuf {
        let Self { host, date, trace } = self;
        [format!("host={host}"), format!("date={date}"), format!("trace={trace}")].iter().collect()
    }
}

/// Longest value, bytes, before escapes: the longest host name that Linux has.
const LONGEST: usize = 64;

/// A value as the name of a folder has it: what is no letter, digit, `-`, `_` or `.` is `%` and two digits.
fn value(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return NULL.to_owned();
    }
    let mut out = String::new();
    for &byte in bytes.iter().take(LONGEST) {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Traces whose clock is not known begin in 1970.
fn date(start_realtime_ns: u64) -> String {
    if start_realtime_ns == 0 {
        return NULL.to_owned();
    }
    let [year, month, day, ..] = civil(start_realtime_ns);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A uuid without hyphens, or with them.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|&c| c != '-').collect();
    let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32)?;
    Some(number.to_be_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{NULL, date, uuid, value};

    #[test]
    fn values_are_names_of_folders() {
        assert_eq!(value(b"web-01.example.org"), "web-01.example.org");
        assert_eq!(value(b"../../etc=passwd"), "..%2F..%2Fetc%3Dpasswd");
        assert_eq!(value("ü\n".as_bytes()), "%C3%BC%0A");
        assert_eq!(value(b""), NULL);
        assert_eq!(value(&[b'a'; 300]).len(), 64);
    }

    #[test]
    fn days_are_of_utc() {
        assert_eq!(date(1_763_640_000_000_000_000), "2025-11-20");
        assert_eq!(date(0), NULL);
    }

    #[test]
    fn uuids_are_read_in_either_form() {
        let bytes = [0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff];
        assert_eq!(uuid("123400000000000000000000000000ff"), Some(bytes));
        assert_eq!(uuid("12340000-0000-0000-0000-0000000000ff"), Some(bytes));
        assert_eq!(uuid("1234"), None);
    }
}
