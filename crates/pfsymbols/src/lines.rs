//! Lines of a text file of any content, in bounded memory.

use std::io::{self, BufRead};

/// Calls `each` with every line, without its end. A line longer than `max_line_bytes` is passed as `None`.
///
/// Returns false if the text went on after `max_bytes`.
pub fn for_each_line(
    mut reader: impl BufRead,
    max_line_bytes: usize,
    max_bytes: u64,
    mut each: impl FnMut(Option<&[u8]>),
) -> io::Result<bool> {
    let mut line = Vec::new();
    let mut too_long = false;
    let mut bytes = 0_u64;
    loop {
        let buffer = match reader.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            break;
        }
        if bytes >= max_bytes {
            return Ok(false);
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let piece = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or_default();
        let used = piece.len() + usize::from(end.is_some());
        too_long |= line.len() + piece.len() > max_line_bytes;
        if !too_long {
            line.extend_from_slice(piece);
        }
        reader.consume(used);
        bytes += used as u64;
        if end.is_some() {
            each((!too_long).then_some(&line));
            line.clear();
            too_long = false;
        }
    }
    if too_long || !line.is_empty() {
        each((!too_long).then_some(&line));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, max_line_bytes: usize, max_bytes: u64) -> (Vec<Option<String>>, bool) {
        let mut found = Vec::new();
        let reader = io::BufReader::with_capacity(3, text.as_bytes());
        let whole = for_each_line(reader, max_line_bytes, max_bytes, |line| {
            found.push(line.map(|line| String::from_utf8_lossy(line).into_owned()));
        })
        .unwrap();
        (found, whole)
    }

    #[test]
    fn lines_are_bounded() {
        let line = |text: &str| Some(text.to_owned());
        assert_eq!(lines("", 4, 100), (vec![], true));
        assert_eq!(lines("ab\n\nabcd\n", 4, 100), (vec![line("ab"), line(""), line("abcd")], true));
        assert_eq!(lines("abcde\nx", 4, 100), (vec![None, line("x")], true));
        assert_eq!(lines("abcdefghijkl", 4, 100), (vec![None], true));
        assert!(!lines("a\nb\nc\nd\n", 4, 4).1);
    }
}
