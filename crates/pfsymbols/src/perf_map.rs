//! Functions that a just-in-time compiler announced in `/tmp/perf-PID.map`.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use crate::lines::for_each_line;
use crate::{Error, demangle};

const MAX_LINE_BYTES: usize = 8 << 10;
const MAX_BYTES: u64 = 256 << 20;
const MAX_FUNCTIONS: usize = 4 << 20;

/// A perf map as it stands at the end of the file: an entry takes the place of what earlier entries said
/// about its addresses.
///
/// At most 256 MiB and some four million functions are read; [`PerfMap::is_whole`] tells.
#[derive(Debug)]
pub struct PerfMap {
    /// By first address; they do not overlap.
    pieces: BTreeMap<u64, Piece>,
    names: String,
    skipped: u64,
    whole: bool,
}

/// A function of a perf map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PerfMapFunction {
    /// Its name, demangled.
    pub name: String,
    /// Its first address in the process.
    pub address: u64,
    /// Its size.
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    end: u64,
    /// Of the whole function, of which later ones may have covered a part.
    function: (u64, u64),
    name: (usize, usize),
}

impl PerfMap {
    /// Reads a map: lines of `START SIZE NAME`, both numbers in hexadecimal.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn read(text: impl Read) -> Result<Self, Error> {
        let mut map =
            Self { pieces: BTreeMap::new(), names: String::new(), skipped: 0, whole: true };
        let reader = BufReader::with_capacity(64 << 10, text);
        let whole = for_each_line(reader, MAX_LINE_BYTES, MAX_BYTES, |line| {
            if line.is_some_and(|line| line.trim_ascii().is_empty()) {
                return;
            }
            if map.pieces.len() >= MAX_FUNCTIONS {
                map.whole = false;
            } else if line.and_then(|line| map.line(line)).is_none() {
                map.skipped += 1;
            }
        })
        .map_err(|source| Error::Read { what: "a perf map", source })?;
        map.whole &= whole;
        Ok(map)
    }

    fn line(&mut self, line: &[u8]) -> Option<()> {
        let line = String::from_utf8_lossy(line);
        let mut words = line.trim().splitn(3, [' ', '\t']);
        let start = hexadecimal(words.next()?)?;
        let bytes = hexadecimal(words.next()?)?;
        let name = words.next()?.trim();
        let end = start.checked_add(bytes)?;
        if bytes == 0 || name.is_empty() {
            return None;
        }
        self.uncover(start, end);
        let piece = Piece { end, function: (start, bytes), name: (self.names.len(), name.len()) };
        self.names.push_str(name);
        self.pieces.insert(start, piece);
        Some(())
    }

    /// Removes what is known of `start..end`.
    fn uncover(&mut self, start: u64, end: u64) {
        if let Some((_, before)) = self.pieces.range_mut(..start).next_back() {
            let old = *before;
            if old.end > start {
                before.end = start;
                if old.end > end {
                    self.pieces.insert(end, old);
                    return;
                }
            }
        }
        while let Some((&first, &old)) = self.pieces.range(start..end).next() {
            self.pieces.remove(&first);
            if old.end > end {
                self.pieces.insert(end, old);
            }
        }
    }

    /// The function at an address of the process.
    pub fn at(&self, address: u64) -> Option<PerfMapFunction> {
        let (_, piece) = self.pieces.range(..=address).next_back()?;
        if address >= piece.end {
            return None;
        }
        let (start, length) = piece.name;
        let name = demangle(self.names.get(start..start + length)?);
        let (address, bytes) = piece.function;
        Some(PerfMapFunction { name, address, bytes })
    }

    /// Lines that were no entries: another form, a size of 0, an end beyond the address space.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Whether the map was read to its end.
    pub fn is_whole(&self) -> bool {
        self.whole
    }
}

fn hexadecimal(word: &str) -> Option<u64> {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    // `from_str_radix` would take a sign.
    if digits.starts_with('+') {
        return None;
    }
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    fn at(map: &PerfMap, address: u64) -> Option<(String, u64, u64)> {
        map.at(address).map(|found| (found.name, found.address, found.bytes))
    }

    #[test]
    fn later_entries_win() {
        let text = "1000 100 first\n1040 20 second\n0x2000 0x10 third (a b)\n1ff0 18 fourth\n";
        let map = PerfMap::read(text.as_bytes()).unwrap();
        let first = Some(("first".to_owned(), 0x1000, 0x100));
        let fourth = Some(("fourth".to_owned(), 0x1ff0, 0x18));
        assert_eq!(at(&map, 0xfff), None);
        assert_eq!(at(&map, 0x103f), first);
        assert_eq!(at(&map, 0x1040), Some(("second".to_owned(), 0x1040, 0x20)));
        assert_eq!(at(&map, 0x105f), Some(("second".to_owned(), 0x1040, 0x20)));
        assert_eq!(at(&map, 0x1060), first);
        assert_eq!(at(&map, 0x1100), None);
        assert_eq!(at(&map, 0x2007), fourth);
        assert_eq!(at(&map, 0x2008), Some(("third (a b)".to_owned(), 0x2000, 0x10)));
        assert_eq!((map.skipped(), map.is_whole()), (0, true));
    }

    #[test]
    fn lines_of_another_form_are_skipped_and_counted() {
        let text = "\n1000\n1000 10\n1000 10 \nxyz 10 name\n+1 10 name\n1000 0 empty\n\
            ffffffffffffffff 2 beyond\n10000000000000000 1 large\n2000 10 good\n";
        let map = PerfMap::read(text.as_bytes()).unwrap();
        assert_eq!(at(&map, 0x2000), Some(("good".to_owned(), 0x2000, 0x10)));
        assert_eq!((map.skipped(), map.pieces.len()), (8, 1));
        let long = format!("1000 10 {}\n3000 10 next", "x".repeat(MAX_LINE_BYTES));
        let map = PerfMap::read(long.as_bytes()).unwrap();
        assert_eq!((map.skipped(), at(&map, 0x1000)), (1, None));
        assert_eq!(at(&map, 0x3000), Some(("next".to_owned(), 0x3000, 0x10)));
    }

    proptest! {
        #[test]
        fn pieces_agree_with_a_table_of_all_addresses(
            entries in proptest::collection::vec((0_u64..60, 1_u64..20), 0..40),
        ) {
            let mut text = String::new();
            let mut table = [None; 100];
            for (index, &(start, bytes)) in entries.iter().enumerate() {
                text.push_str(&format!("{start:x} {bytes:x} f{index}\n"));
                table[start as usize..(start + bytes) as usize].fill(Some(index));
            }
            let map = PerfMap::read(text.as_bytes()).unwrap();
            for (address, expected) in table.iter().enumerate() {
                let found = map.at(address as u64).map(|found| found.name);
                assert_eq!(found, expected.map(|index| format!("f{index}")));
            }
        }

        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let map = PerfMap::read(&bytes[..]).unwrap();
            assert!(map.is_whole());
        }
    }
}
