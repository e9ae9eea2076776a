//! `/tmp/perf-PID.map`, which programs write.

use pfsymbols::{PerfMap, demangle};

/// One line, read on its own.
struct Entry {
    start: u64,
    bytes: u64,
    name: String,
}

/// Whatever the text: every line is an entry or counted as none, and an address has the function of the last
/// entry that holds it, as found by going through all of them.
pub fn run(bytes: &[u8]) {
    let map = PerfMap::read(bytes).expect("memory can be read");
    assert!(map.is_whole());
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let entries: Vec<Option<Entry>> = lines.map(entry).collect();
    assert_eq!(map.skipped(), entries.iter().filter(|entry| entry.is_none()).count() as u64);

    let entries: Vec<Entry> = entries.into_iter().flatten().collect();
    // Beyond this, going through all for each costs more than it tells.
    for Entry { start, bytes, .. } in entries.iter().take(64) {
        let end = start + bytes;
        for address in [start.wrapping_sub(1), *start, start + bytes / 2, end - 1, end] {
            let last = entries.iter().rev().find(|entry| {
                address.checked_sub(entry.start).is_some_and(|into| into < entry.bytes)
            });
            let found = map.at(address).map(|found| (found.address, found.bytes, found.name));
            let expected = last.map(|entry| (entry.start, entry.bytes, demangle(&entry.name)));
            assert_eq!(found, expected, "{address:#x}");
        }
    }
}

fn entry(line: &[u8]) -> Option<Entry> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    let (start, rest) = line.split_once([' ', '\t'])?;
    let (bytes, name) = rest.split_once([' ', '\t'])?;
    let number = |word: &str| {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        let all = !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_hexdigit());
        u64::from_str_radix(digits, 16).ok().filter(|_| all)
    };
    let entry =
        Entry { start: number(start)?, bytes: number(bytes)?, name: name.trim().to_owned() };
    let valid = entry.bytes > 0
        && entry.start.checked_add(entry.bytes).is_some()
        && !entry.name.is_empty()
        && line.len() <= 8 << 10;
    valid.then_some(entry)
}

pub fn seeds() -> Vec<Vec<u8>> {
    let nested = "1000 100 first\n1040 20 second\n0x2000 0x10 third (a b)\n1ff0 18 fourth\n";
    let odd = "\n1000\n1000 10\nxyz 10 name\n+1 10 name\n1000 0 empty\nffffffffffffffff 2 beyond\n\
        fffffffffffffff0 f last\n3000 10 _ZN5space3fooEibc\n3008 4\tLazyCompile:~f \u{e9}";
    vec![nested.into(), odd.into()]
}
