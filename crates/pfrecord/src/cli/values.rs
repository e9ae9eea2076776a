//! Values of options: what they mean and which are possible.

use std::time::Duration;

use pfcapture::CallGraph;

/// The largest ring that can be asked for.
pub const LARGEST_RING: usize = 1 << 30;

/// A size in bytes, with binary units.
pub fn size(text: &str) -> Result<u64, String> {
    parse_size::Config::new().with_binary().parse_size(text).map_err(|error| error.to_string())
}

/// A size that a ring can have.
pub fn ring_size(text: &str) -> Result<usize, String> {
    match usize::try_from(size(text)?) {
        Ok(bytes) if (64 << 10..=LARGEST_RING).contains(&bytes) && bytes.is_power_of_two() => {
            Ok(bytes)
        }
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

/// How call chains are recorded.
pub fn call_graph(text: &str) -> Result<CallGraph, String> {
    let stacks = |bytes| CallGraph::Stacks { bytes, share: CallGraph::STACK_SHARE };
    match text.split_once(',') {
        None if text == "fp" => Ok(CallGraph::FramePointers),
        None if text == "dwarf" => Ok(stacks(CallGraph::STACK_BYTES)),
        Some(("dwarf", bytes)) => match u32::try_from(size(bytes)?) {
            Ok(bytes) if (512..=CallGraph::MAX_STACK_BYTES).contains(&bytes) && bytes % 8 == 0 => {
                Ok(stacks(bytes))
            }
            _ => Err(format!("a multiple of 8 from 512 to {}", CallGraph::MAX_STACK_BYTES)),
        },
        _ => Err("fp, dwarf or dwarf,BYTES is possible".to_owned()),
    }
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
    fn stacks_are_copied_in_words_and_fit_into_a_record() {
        let stacks = |bytes| Ok(CallGraph::Stacks { bytes, share: 128 });
        assert_eq!(call_graph("dwarf,512"), stacks(512));
        assert_eq!(call_graph("dwarf,65528"), stacks(65_528));
        assert_eq!(call_graph("dwarf,8K"), stacks(8192));
        for wrong in
            ["dwarf,", "dwarf,504", "dwarf,513", "dwarf,64K", "dwarf,8G", "fp,8192", "lbr", ""]
        {
            assert!(call_graph(wrong).is_err(), "{wrong}");
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
