//! Tracing data: what perf copied of the kernel's descriptions of tracepoints
//! (`tools/perf/util/trace-event-info.c`).

use super::bytes::Bytes;

const MAGIC: &[u8] = b"\x17\x08\x44tracing";
/// More systems or events than any kernel has.
const MOST: u32 = 1 << 16;

/// What the tracing data of a file say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tracing {
    /// Size of a page of the machine, bytes; 0 unknown.
    pub page_size_bytes: u32,
    /// System and description of each tracepoint.
    pub formats: Vec<(String, String)>,
}

/// Takes tracing data apart, as far as they are whole.
pub fn parse(bytes: &[u8]) -> Tracing {
    let mut found = Tracing::default();
    fill(&mut Bytes(bytes), &mut found);
    found
}

fn fill(fields: &mut Bytes<'_>, found: &mut Tracing) -> Option<()> {
    if fields.take(MAGIC.len())? != MAGIC {
        return None;
    }
    fields.text();
    // Order of bytes, and size of a word.
    fields.take(2)?;
    found.page_size_bytes = fields.u32()?;
    for _header in ["header_page", "header_event"] {
        fields.text();
        pass_sized(fields)?;
    }
    for _format in 0..fields.u32()?.min(MOST) {
        pass_sized(fields)?;
    }
    for _system in 0..fields.u32()?.min(MOST) {
        let system = String::from_utf8_lossy(fields.text()).into_owned();
        for _event in 0..fields.u32()?.min(MOST) {
            let len = fields.u64()?;
            let format = String::from_utf8_lossy(fields.take_u64(len)?).into_owned();
            found.formats.push((system.clone(), format));
        }
    }
    Some(())
}

fn pass_sized(fields: &mut Bytes<'_>) -> Option<()> {
    let len = fields.u64()?;
    fields.take_u64(len).map(|_| ())
}

/// The name of the tracepoint that a description is of.
pub fn name(format: &str) -> Option<&str> {
    format.lines().find_map(|line| line.strip_prefix("name:")).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(text: &str) -> Vec<u8> {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes
    }

    #[test]
    fn descriptions_are_found_as_far_as_they_are_whole() {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(b"0.6\0\0\x08");
        bytes.extend(4096_u32.to_le_bytes());
        bytes.extend(b"header_page\0");
        bytes.extend(sized("a page"));
        bytes.extend(b"header_event\0");
        bytes.extend(sized("an event"));
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(sized("an internal one"));
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(b"exceptions\0");
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend(sized("name: page_fault_user\nID: 7\n"));
        let first = bytes.len();
        bytes.extend(sized("name: page_fault_kernel\nID: 8\n"));
        let found = parse(&bytes);
        assert_eq!(found.page_size_bytes, 4096);
        let names: Vec<_> = found.formats.iter().filter_map(|(_, text)| name(text)).collect();
        assert_eq!(names, ["page_fault_user", "page_fault_kernel"]);
        assert!(found.formats.iter().all(|(system, _)| system == "exceptions"));
        for len in 0..bytes.len() {
            assert_eq!(parse(&bytes[..len]).formats.len(), usize::from(len >= first), "{len}");
        }
    }
}
