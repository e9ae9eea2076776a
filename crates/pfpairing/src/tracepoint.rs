//! Tracepoint `format` files: field offsets come from the kernel that recorded, never from constants.

/// Where the fields of `exceptions:page_fault_user` or `…_kernel` lie in the raw payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageFaultTracepoint {
    /// The event's `config`.
    pub id: u64,
    /// Offset of the faulting address.
    pub address: usize,
    /// Offset of the instruction pointer.
    pub ip: usize,
    /// Offset of the error code.
    pub error_code: usize,
}

/// Parses the `format` file of a page-fault tracepoint; `None` unless all fields are there as
/// 8-byte words.
#[must_use]
pub fn parse_format(text: &str) -> Option<PageFaultTracepoint> {
    let format = Format::parse(text)?;
    Some(PageFaultTracepoint {
        id: format.id,
        address: format.offset("address", 8)?,
        ip: format.offset("ip", 8)?,
        error_code: format.offset("error_code", 8)?,
    })
}

/// A `format` file: the event's id and the lines that describe its fields.
#[derive(Debug, Clone, Copy)]
pub struct Format<'a> {
    /// The event's `config`.
    pub id: u64,
    text: &'a str,
}

impl<'a> Format<'a> {
    /// Takes the id out of it.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let id = text.lines().find_map(|line| line.strip_prefix("ID:"))?.trim().parse().ok()?;
        Some(Self { id, text })
    }

    /// Offset of the field of that name and size.
    #[must_use]
    pub fn offset(&self, name: &str, size_bytes: usize) -> Option<usize> {
        self.text.lines().find_map(|line| {
            let mut parts = line.trim().strip_prefix("field:")?.split(';').map(str::trim);
            let declared = parts.next()?.split_whitespace().last()?.trim_end_matches("[]");
            if declared != name {
                return None;
            }
            let offset = parts.next()?.strip_prefix("offset:")?.parse().ok()?;
            let size: usize = parts.next()?.strip_prefix("size:")?.parse().ok()?;
            (size == size_bytes).then_some(offset)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: &str = "name: page_fault_user\nID: 190\nformat:\n\
        \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
        \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n\
        \tfield:unsigned long address;\toffset:8;\tsize:8;\tsigned:0;\n\
        \tfield:unsigned long ip;\toffset:16;\tsize:8;\tsigned:0;\n\
        \tfield:unsigned long error_code;\toffset:24;\tsize:8;\tsigned:0;\n";

    #[test]
    fn offsets_come_from_the_file() {
        assert_eq!(
            parse_format(FORMAT),
            Some(PageFaultTracepoint { id: 190, address: 8, ip: 16, error_code: 24 })
        );
        let moved = FORMAT.replace("offset:24", "offset:40");
        assert_eq!(parse_format(&moved).map(|f| f.error_code), Some(40));
    }

    #[test]
    fn unknown_layouts_are_refused() {
        assert_eq!(parse_format(&FORMAT.replace("error_code", "flags")), None);
        assert_eq!(parse_format(&FORMAT.replace("offset:8;\tsize:8", "offset:8;\tsize:4")), None);
        assert_eq!(parse_format(&FORMAT.replace("ID: 190", "ID: x")), None);
        assert_eq!(parse_format(""), None);
    }
}
