//! Names as frames of folded stacks.

/// A printable name as one frame of a line `frame;frame;frame COUNT`, for any program that reads such
/// lines: without the `;` that would end it (`:` stands for it, as in perf's own scripts), without spaces
/// around it, and without what would be taken for a comment or a second count.
#[must_use]
pub fn frame_name(name: &str) -> String {
    let plain = |c: char| match c {
        ';' => ':',
        // No character of XML.
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        c if c.is_whitespace() => ' ',
        c => c,
    };
    let name: String = name.chars().map(plain).collect();
    let name = name.trim();
    if name.is_empty() {
        return "[unnamed]".to_owned();
    }
    let name = name.strip_prefix("# ").map_or_else(|| name.to_owned(), |rest| format!("#_{rest}"));
    match name.rsplit_once(' ') {
        Some((head, last)) if last.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            format!("{head}_{last}")
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::frame_name;

    #[test]
    fn ordinary_names_stay() {
        for name in ["operator new[](unsigned long)", "<a::B as c::D>::e", "größe", "_start"] {
            assert_eq!(frame_name(name), name);
        }
    }

    #[test]
    fn nothing_ends_a_frame_or_a_line() {
        assert_eq!(frame_name("<[u8; 4] as Foo>::bar"), "<[u8: 4] as Foo>::bar");
        assert_eq!(frame_name("# no comment"), "#_no comment");
        assert_eq!(frame_name("takes 42"), "takes_42");
        assert_eq!(frame_name("takes 4.2"), "takes_4.2");
        assert_eq!(frame_name("\u{a0}two\u{2003}words "), "two words");
        assert_eq!(frame_name(" "), "[unnamed]");
        assert_eq!(frame_name("a\u{ffff}"), "a\u{fffd}");
    }
}
