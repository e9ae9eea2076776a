//! Numbers in lines, written without an allocation each.

use std::fmt::Write as _;

/// Nanoseconds of each unit, largest first.
const UNITS: [(u64, &str); 3] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];

/// Appends a stretch of time in three digits: `812 ns`, `1.42 µs`, `12.3 ms`, `131 s`.
pub fn push_duration(out: &mut String, ns: u64) {
    // The unit in which at least 1 is left after rounding.
    let unit = UNITS.iter().find(|&&(unit, _)| ns >= unit - unit / 2_000);
    // Writing to a String cannot fail.
    let _ = match unit {
        None => write!(out, "{ns} ns"),
        Some(&(unit, name)) => {
            let hundredths = (u128::from(ns) * 100 + u128::from(unit / 2)) / u128::from(unit);
            let tenths = (u128::from(ns) * 10 + u128::from(unit / 2)) / u128::from(unit);
            match hundredths {
                0..1_000 => write!(out, "{}.{:02} {name}", hundredths / 100, hundredths % 100),
                _ if tenths < 1_000 => write!(out, "{}.{} {name}", tenths / 10, tenths % 10),
                _ => write!(out, "{} {name}", ns / unit + u64::from(ns % unit >= unit.div_ceil(2))),
            }
        }
    };
}

/// Appends a count with separators: `1,234,567`.
pub fn push_count(out: &mut String, count: u64) {
    if count >= 1_000 {
        push_count(out, count / 1_000);
        let _ = write!(out, ",{:03}", count % 1_000);
    } else {
        let _ = write!(out, "{count}");
    }
}

/// Appends a number in hexadecimal, `0x` before it, with at least `digits` digits.
pub fn push_hex(out: &mut String, number: u64, digits: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push_str("0x");
    let length = (u64::BITS - number.leading_zeros()).div_ceil(4) as usize;
    for place in (0..length.max(digits).max(1)).rev() {
        let digit = DIGITS[(number >> (place * 4) & 0xf) as usize];
        out.push(char::from(digit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        push(&mut out);
        out
    }

    #[test]
    fn durations_have_three_digits() {
        let cases = [
            (0, "0 ns"),
            (812, "812 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (1_424, "1.42 µs"),
            (9_994, "9.99 µs"),
            (9_996, "10.0 µs"),
            (99_960, "100 µs"),
            (999_499, "999 µs"),
            (999_500, "1.00 ms"),
            (12_345_678, "12.3 ms"),
            (1_310_000_000, "1.31 s"),
            (7_200_000_000_000, "7200 s"),
            (u64::MAX - 1_000_000_000, "18446744073 s"),
            (u64::MAX, "18446744074 s"),
        ];
        for (ns, expected) in cases {
            assert_eq!(text(|out| push_duration(out, ns)), expected, "{ns}");
        }
    }

    #[test]
    fn counts_and_addresses() {
        assert_eq!(text(|out| push_count(out, 0)), "0");
        assert_eq!(text(|out| push_count(out, 1_002_034)), "1,002,034");
        assert_eq!(text(|out| push_hex(out, 0x7fff_1234, 16)), "0x000000007fff1234");
        assert_eq!(text(|out| push_hex(out, 0, 0)), "0x0");
        assert_eq!(text(|out| push_hex(out, u64::MAX, 1)), "0xffffffffffffffff");
    }
}
