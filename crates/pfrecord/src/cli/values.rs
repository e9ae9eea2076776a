//! Values of options: what they mean and which are possible.

use std::time::Duration;

/// A size in bytes, with binary units.
pub fn size(text: &str) -> Result<u64, String> {
    parse_size::Config::new().with_binary().parse_size(text).map_err(|error| error.to_string())
}

/// A size that a ring can have.
pub fn ring_size(text: &str) -> Result<usize, String> {
    match usize::try_from(size(text)?) {
        Ok(bytes) if (64 << 10..=1 << 30).contains(&bytes) && bytes.is_power_of_two() => Ok(bytes),
        _ => Err("a power of two from 64K to 1G is needed".to_owned()),
    }
}

/// How much a flight recorder keeps.
pub fn window(text: &str) -> Result<Duration, String> {
    let window = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if (Duration::from_millis(100)..=Duration::from_hours(24)).contains(&window) {
        Ok(window)
    } else {
        Err("100ms to 24h are possible".to_owned())
    }
}

/// A label: a name as in the keys of a trace, and any text.
pub fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is needed")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        return Err("a name has lower-case letters, digits, '.', '_' and '-'".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// How often counts are printed.
pub fn interval(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(interval) if interval >= Duration::from_millis(10) => Ok(interval),
        Ok(_) => Err("10ms at least is needed".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ring_sizes_are_powers_of_two() {
        assert_eq!(ring_size("8M"), Ok(8 << 20));
        assert_eq!(ring_size("512KiB"), Ok(512 << 10));
        for wrong in ["3M", "32K", "2G", "x", ""] {
            assert!(ring_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn labels_have_plain_names() {
        assert_eq!(label("release=1.4=x"), Ok(("release".to_owned(), "1.4=x".to_owned())));
        for wrong in ["release", "=x", "Re lease=1", "a\n=1"] {
            assert!(label(wrong).is_err(), "{wrong}");
        }
    }
}
