//! Names from a trace, made fit to print.
//!
//! Thread names and paths are arbitrary bytes chosen by whoever ran the program. Printed raw, they
//! could move the cursor, recolour the terminal, reorder the text around them, or look like another name.

use std::fmt::Write as _;
use std::path::Path;

/// Combining marks that stay as they are behind one character: more of them pile up over the lines around.
const MARKS_MAX: usize = 3;

/// Bytes as text that is safe on a terminal, in a CSV field and in a picture, and that stands for no other
/// bytes: whatever is not visible appears as an escape, and so does the backslash that begins one.
///
/// - `\\`: a backslash
/// - `\x1b`: an ASCII control character, or a byte that is not UTF-8 (0x80 and above); `\x20`: a space that
///   would not be seen, at either end or behind another
/// - `\u{202e}`: any other character that is invisible, changes direction, ends lines, is a space other than
///   the usual one, or has no meaning (in the Unicode version of the Rust library); and a combining mark
///   that has no character before it or already three marks
///
/// All other text stays as it is.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    push_printable(&mut out, bytes);
    out
}

/// Appends what [`printable`] returns.
pub fn push_printable(out: &mut String, bytes: &[u8]) {
    let start = out.len();
    let mut last = Last::Nothing;
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            last = match c {
                '\\' => {
                    out.push_str("\\\\");
                    Last::Visible
                }
                ' ' if matches!(last, Last::Nothing | Last::Space) => {
                    out.push_str("\\x20");
                    Last::Nothing
                }
                ' ' => {
                    out.push(' ');
                    Last::Space
                }
                c => push(out, c, last),
            };
        }
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
            last = Last::Nothing;
        }
    }
    if last == Last::Space && out.len() > start {
        out.pop();
        out.push_str("\\x20");
    }
}

/// A path as [`printable`] text.
#[must_use]
pub fn printable_path(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}

/// A path as a word of a command to copy, which names the same file in bash, zsh, ksh and every shell of POSIX 2024:
/// in quotes where it needs them, as `$'…'` with octal escapes where it is not [`printable`] as it is.
#[must_use]
pub fn shell_word(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    // A shell hands it on as a file, not as an option.
    let folder = if bytes.starts_with(b"-") { "./" } else { "" };
    let text = printable(bytes);
    if text.as_bytes() == bytes {
        let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
        return match !text.is_empty() && text.chars().all(plain) {
            true => format!("{folder}{text}"),
            false => format!("{folder}'{}'", text.replace('\'', "'\\''")),
        };
    }
    let mut word = format!("{folder}$'");
    for &byte in bytes {
        // Writing to a String cannot fail.
        let _ = match byte {
            b'\'' | b'\\' => write!(word, "\\{}", char::from(byte)),
            b' '..=b'~' => write!(word, "{}", char::from(byte)),
            _ => write!(word, "\\{byte:03o}"),
        };
    }
    word.push('\'');
    word
}

/// Text as [`printable`] leaves it, but with its backslashes and spaces: for sentences that hold names
/// which are printable already, and for what a user has typed.
#[must_use]
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = Last::Nothing;
    for c in text.chars() {
        last = push(&mut out, c, last);
    }
    out
}

/// What stands before a character.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing that a mark could combine with or a space could separate from.
    Nothing,
    Space,
    Visible,
    Marks(usize),
}

fn push(out: &mut String, c: char, last: Last) -> Last {
    if matches!(c, ' '..='~') {
        out.push(c);
        return Last::Visible;
    }
    let marks = match last {
        Last::Visible => Some(0),
        Last::Marks(marks) => Some(marks),
        Last::Nothing | Last::Space => None,
    };
    match (is_visible(c), is_mark(c), marks) {
        (true, false, _) => {
            out.push(c);
            Last::Visible
        }
        (true, true, Some(marks)) if marks < MARKS_MAX => {
            out.push(c);
            Last::Marks(marks + 1)
        }
        _ => {
            let code = u32::from(c);
            // Writing to a String cannot fail.
            let _ = match c.is_ascii() {
                true => write!(out, "\\x{code:02x}"),
                false => write!(out, "\\u{{{code:x}}}"),
            };
            Last::Nothing
        }
    }
}

/// Whether a character shows, by the tables of the standard library: no control or format character, no
/// separator, nothing private or unassigned; and none of those that Unicode counts as letters or marks
/// although they have no shape of their own.
fn is_visible(c: char) -> bool {
    let has_no_shape = matches!(
        u32::from(c),
        0x34f | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x2800 | 0x3164
            | 0xfe00..=0xfe0f | 0xffa0 | 0x1d159 | 0xe0100..=0xe01ef
    );
    // Behind another character, marks are not escaped.
    let mut bytes = [b'a'; 5];
    let length = 1 + c.encode_utf8(&mut bytes[1..]).len();
    let text = bytes.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
    !has_no_shape && text.is_some_and(|text| text.escape_debug().skip(1).eq([c]))
}

/// Whether a visible character is drawn onto the one before it. The library escapes such a one at the
/// beginning of a text only.
fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x1160..=0x11ff | 0xd7b0..=0xd7fb) || c.escape_debug().len() > 1
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::{any, prop, proptest};

    use super::{harmless, printable};

    #[test]
    fn escapes_what_a_terminal_would_obey() {
        assert_eq!(printable(b"\x1b[31mred\x07"), "\\x1b[31mred\\x07");
        assert_eq!(printable("a\u{9b}31m".as_bytes()), "a\\u{9b}31m");
        assert_eq!(printable(b"a\x9b31m"), "a\\x9b31m");
        assert_eq!(printable("gpj.\u{202e}exe".as_bytes()), "gpj.\\u{202e}exe");
        assert_eq!(printable(b"two\nlines\ttab\x7f"), "two\\x0alines\\x09tab\\x7f");
        assert_eq!(printable(b"bad\xff\xc3"), "bad\\xff\\xc3");
        assert_eq!(printable(b"\xed\xa0\x80"), "\\xed\\xa0\\x80");
    }

    #[test]
    fn keeps_ordinary_text() {
        for text in ["/tmp/größe 日本.db", "ตั้งค่า", "e\u{301}\u{323}", "هذا", "𝄞 ❤ 🦀", "한"]
        {
            assert_eq!(printable(text.as_bytes()), text);
            assert_eq!(harmless(text), text);
        }
        assert_eq!(harmless("two  spaces\\040 "), "two  spaces\\040 ");
        assert_eq!(harmless("a\nb\u{2028}"), "a\\x0ab\\u{2028}");
    }

    #[test]
    fn nothing_hides() {
        assert_eq!(printable(b"C:\\x1b"), "C:\\\\x1b");
        assert_eq!(printable(b" a  b "), "\\x20a \\x20b\\x20");
        assert_eq!(printable(b"   "), "\\x20\\x20\\x20");
        assert_eq!(printable(b"a\x01 b"), "a\\x01\\x20b");
        for hidden in
            ["\u{200b}", "\u{ad}", "\u{feff}", "\u{3164}", "\u{fe0f}", "\u{a0}", "\u{2800}"]
                .into_iter()
                .chain(["\u{2029}", "\u{2066}", "\u{e0041}", "\u{e000}", "\u{378}", "\u{fffe}"])
        {
            let code = u32::from(hidden.chars().next().unwrap());
            let escaped = format!("a\\u{{{code:x}}}b");
            assert_eq!(printable(format!("a{hidden}b").as_bytes()), escaped);
            assert_eq!(harmless(&format!("a{hidden}b")), escaped);
        }
    }

    #[test]
    fn marks_do_not_pile_up() {
        let flood = "a\u{301}\u{301}\u{301}\u{301}\u{301}b\u{301}";
        let shown = "a\u{301}\u{301}\u{301}\\u{301}\\u{301}b\u{301}";
        assert_eq!(printable(flood.as_bytes()), shown);
        assert_eq!(printable("\u{301}a".as_bytes()), "\\u{301}a");
        assert_eq!(printable("a \u{301}".as_bytes()), "a \\u{301}");
    }

    #[cfg(unix)]
    #[test]
    fn words_name_the_same_file_in_a_shell() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;
        use std::path::Path;

        use super::shell_word;

        let word = |bytes: &[u8]| shell_word(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(word(b"/tmp/run-1.pft"), "/tmp/run-1.pft");
        assert_eq!(word("größe.pft".as_bytes()), "größe.pft");
        assert_eq!(word(b"it's $(a).pft"), "'it'\\''s $(a).pft'");
        assert_eq!(word(b"-f"), "./-f");
        assert_eq!(word(b"a\x1b7'\\\xff;`id`"), "$'a\\0337\\'\\\\\\377;`id`'");
        assert_eq!(word("a\u{202e}b".as_bytes()), "$'a\\342\\200\\256b'");
        for bytes in
            [&b"-a\n b"[..], b"two  spaces ", b"\x01234", b"'\xc3'", b"!!", b"~root", b"a\\b"]
        {
            let script = format!("printf %s {}", word(bytes));
            let printed =
                std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
            let expected = match bytes.starts_with(b"-") {
                true => [b"./", bytes].concat(),
                false => bytes.to_vec(),
            };
            assert_eq!(printed.stdout, expected, "{script}");
        }
    }

    /// The bytes that a printable text stands for, by what the documentation says.
    fn original(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            if c != '\\' {
                bytes.extend(c.to_string().bytes());
            } else if let Some(after) = rest.strip_prefix('\\') {
                (bytes, rest) = ([bytes, vec![b'\\']].concat(), after);
            } else if let Some(after) = rest.strip_prefix('x') {
                bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
                rest = &after[2..];
            } else {
                let (code, after) = rest.strip_prefix("u{").unwrap().split_once('}').unwrap();
                let c = char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap();
                bytes.extend(c.to_string().bytes());
                rest = after;
            }
        }
        bytes
    }

    #[test]
    fn every_pair_of_telling_pieces_comes_back() {
        let pieces: [&[u8]; 14] = [
            b"\\",
            b"x1b",
            b"\x1b",
            b" ",
            b"a",
            b"\x80",
            b"\xc2",
            b"u{301}",
            b"\n",
            b"{",
            "\u{80}".as_bytes(),
            "\u{301}".as_bytes(),
            "\u{202e}".as_bytes(),
            "é".as_bytes(),
        ];
        let mut known = HashMap::new();
        for first in pieces {
            for second in pieces {
                for third in pieces {
                    let bytes = [first, second, third].concat();
                    let text = printable(&bytes);
                    assert_eq!(original(&text), bytes, "{text}");
                    let before = known.insert(text, bytes.clone());
                    assert!(before.is_none_or(|before| before == bytes));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            assert_eq!(original(&printable(&bytes)), bytes);
        }

        #[test]
        fn any_text_comes_back_and_stays(text in any::<String>()) {
            let shown = printable(text.as_bytes());
            assert_eq!(original(&shown), text.as_bytes());
            assert_eq!(harmless(&shown), shown);
            assert!(!shown.contains(char::is_control) && !shown.contains("  "));
        }
    }
}
