//! Numbers as people read them.

/// `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 fault`, `2 faults`.
#[must_use]
pub fn counted(n: u64, singular: &str) -> String {
    let ending = if n == 1 { "" } else { "s" };
    format!("{} {singular}{ending}", count(n))
}

/// The same for words that take another ending: `2 processes`.
#[must_use]
pub fn counted_as(n: u64, singular: &str, plural: &str) -> String {
    format!("{} {}", count(n), if n == 1 { singular } else { plural })
}

/// `812 B`, `4 KiB`, `1.5 MiB`: binary units, three digits.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if value < 999.5 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{} {unit}", three_digits(value))
}

const SECOND: u64 = 1_000_000_000;
/// Nanoseconds of a minute.
pub const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `812 ns`, `4.7 µs`, `12.3 ms`, `1.31 s`, `2 min 5 s`, `1 h`, `3 h 2 min`, `1 d 4 h`: the unit that reads
/// best, and the next smaller one, rounded down, where that has something to add.
#[must_use]
pub fn duration(ns: u64) -> String {
    match ns {
        0 => "0".to_owned(),
        1..=999 => format!("{ns} ns"),
        1_000..=999_499 => format!("{} µs", three_digits(ns as f64 / 1e3)),
        999_500..=999_499_999 => format!("{} ms", three_digits(ns as f64 / 1e6)),
        _ if ns < 2 * MINUTE => format!("{} s", three_digits(ns as f64 / 1e9)),
        _ if ns < HOUR => both(ns / MINUTE, "min", ns / SECOND % 60, "s"),
        _ if ns < DAY => both(ns / HOUR, "h", ns / MINUTE % 60, "min"),
        _ => both(ns / DAY, "d", ns / HOUR % 24, "h"),
    }
}

/// `2 h 5 min`, or `2 h`.
fn both(large: u64, unit: &str, small: u64, smaller_unit: &str) -> String {
    match small {
        0 => format!("{} {unit}", count(large)),
        _ => format!("{} {unit} {small} {smaller_unit}", count(large)),
    }
}

/// All of a duration, as for what a user gave: `1 h 2 min 5.25 s`, `1.2345 ms`.
#[must_use]
pub fn exact_duration(ns: u64) -> String {
    let (unit, name) = match ns {
        0..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..SECOND => (1_000_000, "ms"),
        _ => (SECOND, "s"),
    };
    let long = [(ns / DAY, "d"), (ns / HOUR % 24, "h"), (ns / MINUTE % 60, "min")];
    let mut parts: Vec<String> = long
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, name)| format!("{} {name}", count(*n)))
        .collect();
    let rest = ns % MINUTE;
    if rest > 0 || parts.is_empty() {
        let decimals = unit.ilog10() as usize;
        let below = format!("{:0decimals$}", rest % unit);
        let number = format!("{}.{below}", rest / unit);
        parts.push(format!("{} {name}", number.trim_end_matches('0').trim_end_matches('.')));
    }
    parts.join(" ")
}

/// A moment of a recording: `1.005 s`.
#[must_use]
pub fn moment(ns: u64) -> String {
    format!("{}.{:03} s", count(ns / 1_000_000_000), ns / 1_000_000 % 1_000)
}

/// `part` of `whole`: `0 %`, `<0.1 %`, `3.4 %`, `83 %`, `>99 %`, `100 %`. Never rounded to nothing or
/// to all.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0 %".to_owned();
    }
    let share = part as f64 * 100.0 / whole as f64;
    match share {
        _ if share < 0.1 => "<0.1 %".to_owned(),
        _ if share < 9.95 => format!("{share:.1} %"),
        _ if part < whole && share >= 99.5 => ">99 %".to_owned(),
        _ => format!("{share:.0} %"),
    }
}

/// Events per second over a stretch of time: `0.31/s`, `1,234/s`; nothing when the stretch is empty.
#[must_use]
pub fn rate(n: u64, over_ns: u64) -> String {
    if over_ns == 0 {
        return String::new();
    }
    let per_second = n as f64 * 1e9 / over_ns as f64;
    if per_second < 99.5 {
        format!("{}/s", three_digits(per_second))
    } else {
        format!("{}/s", count(per_second.round() as u64))
    }
}

/// Three significant digits without trailing zeros behind the point.
fn three_digits(value: f64) -> String {
    let decimals = match value {
        _ if value < 9.995 => 2,
        _ if value < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// `2026-11-20T12:34:56.123456789Z`.
#[must_use]
pub fn iso(ns_since_epoch: u64) -> String {
    let [year, month, day, hour, minute, second, ns] = civil(ns_since_epoch);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ns:09}Z")
}

/// A moment since the Unix epoch as year, month, day, hour, minute, second (UTC) and nanosecond.
#[must_use]
pub const fn civil(ns_since_epoch: u64) -> [u32; 7] {
    let seconds = ns_since_epoch / 1_000_000_000;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    // Days are counted from 1 March of the year 0, so that the leap day ends a year; an era is the
    // 400 years after which the Gregorian calendar repeats.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + if month <= 2 { 1 } else { 0 };
    [
        year as u32,
        month as u32,
        day as u32,
        (of_day / 3_600) as u32,
        (of_day / 60 % 60) as u32,
        (of_day % 60) as u32,
        (ns_since_epoch % 1_000_000_000) as u32,
    ]
}

/// `2026-11-20 12:34:56 UTC`.
#[must_use]
pub fn utc(ns_since_epoch: u64) -> String {
    let [year, month, day, hour, minute, second, _] = civil(ns_since_epoch);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::{
        DAY, HOUR, MINUTE, SECOND, bytes, civil, count, counted, counted_as, duration,
        exact_duration, moment, percent, rate, utc,
    };

    #[test]
    fn counts() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(counted(1, "fault"), "1 fault");
        assert_eq!(counted(0, "fault"), "0 faults");
        assert_eq!(counted_as(1, "process", "processes"), "1 process");
        assert_eq!(counted_as(2, "process", "processes"), "2 processes");
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1_023), "1023 B");
        assert_eq!(bytes(4_096), "4 KiB");
        assert_eq!(bytes(1_048_575), "1 MiB");
        assert_eq!(bytes(1_572_864), "1.5 MiB");
        assert_eq!(bytes(700 << 20), "700 MiB");
        assert_eq!(bytes(u64::MAX), "16 EiB");
    }

    #[test]
    fn durations() {
        assert_eq!(duration(0), "0");
        assert_eq!(duration(812), "812 ns");
        assert_eq!(duration(4_700), "4.7 µs");
        assert_eq!(duration(999_500), "1 ms");
        assert_eq!(duration(12_345_678), "12.3 ms");
        assert_eq!(duration(1_310_000_000), "1.31 s");
        assert_eq!(duration(119_000_000_000), "119 s");
        assert_eq!(duration(125_000_000_000), "2 min 5 s");
        assert_eq!(duration(180_000_000_000), "3 min");
        assert_eq!(duration(HOUR - 1), "59 min 59 s");
        assert_eq!(duration(HOUR), "1 h");
        assert_eq!(duration(HOUR + 90 * SECOND), "1 h 1 min");
        assert_eq!(duration(10_920_000_000_000), "3 h 2 min");
        assert_eq!(duration(DAY - 1), "23 h 59 min");
        assert_eq!(duration(2 * DAY + 4 * HOUR), "2 d 4 h");
        assert_eq!(duration(u64::MAX), "213,503 d 23 h");
    }

    #[test]
    fn what_was_given_is_repeated_whole() {
        let cases = [
            (0, "0 ns"),
            (7, "7 ns"),
            (1_500, "1.5 µs"),
            (1_234_567, "1.234567 ms"),
            (SECOND, "1 s"),
            (10 * SECOND, "10 s"),
            (1_234_500_000, "1.2345 s"),
            (90 * SECOND, "1 min 30 s"),
            (HOUR, "1 h"),
            (HOUR + 1, "1 h 0.000000001 s"),
            (HOUR + 2 * MINUTE + 5_250_000_000, "1 h 2 min 5.25 s"),
            (26 * HOUR, "1 d 2 h"),
        ];
        for (ns, expected) in cases {
            assert_eq!(exact_duration(ns), expected, "{ns}");
        }
    }

    #[test]
    fn moments() {
        assert_eq!(moment(0), "0.000 s");
        assert_eq!(moment(1_005_999_999), "1.005 s");
        assert_eq!(moment(7_200_000_000_000), "7,200.000 s");
    }

    #[test]
    fn percents_never_hide_a_remainder() {
        assert_eq!(percent(0, 10), "0 %");
        assert_eq!(percent(1, 0), "0 %");
        assert_eq!(percent(1, 1_000_000), "<0.1 %");
        assert_eq!(percent(34, 1_000), "3.4 %");
        assert_eq!(percent(83, 100), "83 %");
        assert_eq!(percent(9_999, 10_000), ">99 %");
        assert_eq!(percent(10, 10), "100 %");
    }

    #[test]
    fn rates() {
        assert_eq!(rate(3, 10_000_000_000), "0.3/s");
        assert_eq!(rate(12_345, 10_000_000_000), "1,235/s");
        assert_eq!(rate(1, 0), "");
    }

    #[test]
    fn calendar() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_400_000_000_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(civil(1_795_178_096_123_456_789), [2026, 11, 20, 12, 34, 56, 123_456_789]);
    }
}
