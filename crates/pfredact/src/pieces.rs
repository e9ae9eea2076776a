//! Texts cut into pieces, each of which stays or goes.

use crate::vocabulary::{EXTENSIONS, has};

/// What is removed, by level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Class {
    Names,
    Paths,
    Arguments,
    Symbols,
    /// Of the system, and removed at the highest level only.
    System,
}

/// What becomes of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fate {
    /// Punctuation, numbers of few digits, and what reports go by: never changed.
    Structure,
    /// Says nothing about whoever recorded.
    Public,
    /// Says something, and stays at this level.
    Own,
    /// Gets a pseudonym.
    Hidden(Class),
}

/// A text in pieces, one behind the other: where each ends, and what becomes of it.
pub(crate) type Pieces = Vec<(usize, Fate)>;

/// Cuts one text.
#[derive(Debug)]
pub(crate) struct Cut<'a> {
    rest: &'a [u8],
    at: usize,
    pieces: Pieces,
}

impl<'a> Cut<'a> {
    pub(crate) const fn new(text: &'a [u8]) -> Self {
        Self { rest: text, at: 0, pieces: Vec::new() }
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next `bytes` are a piece.
    pub(crate) fn take(&mut self, bytes: usize, fate: Fate) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, &[]));
        self.rest = rest;
        if !taken.is_empty() {
            self.at += taken.len();
            match self.pieces.last_mut() {
                Some(last) if last.1 == fate && !matches!(fate, Fate::Hidden(_)) => {
                    last.0 = self.at;
                }
                _ => self.pieces.push((self.at, fate)),
            }
        }
        taken
    }

    /// All that is left is a piece.
    pub(crate) fn take_rest(&mut self, fate: Fate) {
        self.take(self.rest.len(), fate);
    }

    /// Takes what the rest begins with, if it does.
    pub(crate) fn take_prefix(&mut self, prefix: &[u8], fate: Fate) -> bool {
        let is_there = self.rest.starts_with(prefix);
        if is_there {
            self.take(prefix.len(), fate);
        }
        is_there
    }

    pub(crate) fn finish(mut self) -> Pieces {
        self.take_rest(Fate::Structure);
        self.pieces
    }

    /// The next `bytes` are the name of a file, a folder or something else: `lib`, dots and endings that say
    /// what a file is stay; short numbers at the end too if `numbers` says so.
    pub(crate) fn component(&mut self, bytes: usize, fate: Fate, numbers: bool) {
        let Some(name) = self.rest.get(..bytes) else { return };
        let head = name.iter().take_while(|&&byte| byte == b'.').count();
        let (tail, is_library) = ending(name.get(head..).unwrap_or_default());
        let is_lib = is_library && name.get(head..).is_some_and(|rest| rest.starts_with(b"lib"));
        let lib = if is_lib && bytes - head - tail > 3 { 3 } else { 0 };
        self.take(head + lib, Fate::Structure);
        let stem = bytes - head - lib - tail;
        let number = number_at_end(self.rest.get(..stem).unwrap_or_default());
        let number = if numbers { number } else { 0 };
        self.take(stem - number, fate);
        self.take(number + tail, Fate::Structure);
    }
}

/// Length of the ending of a name that stays, and whether it is that of a library: `.so.6`, `.db`.
fn ending(name: &[u8]) -> (usize, bool) {
    let library = name.windows(3).rposition(|part| part == b".so").filter(|&at| at > 0);
    if let Some(version) = library.and_then(|at| name.get(at + 3..)) {
        let is_version = version.is_empty()
            || version.starts_with(b".")
                && version.iter().all(|&byte| byte == b'.' || byte.is_ascii_digit());
        if is_version {
            return (version.len() + 3, true);
        }
    }
    let dot = name.iter().rposition(|&byte| byte == b'.').filter(|&at| at > 0);
    match dot.and_then(|at| name.get(at + 1..)) {
        Some(extension) if has(EXTENSIONS, &extension.to_ascii_lowercase()) => {
            (extension.len() + 1, extension == b"a")
        }
        _ => (0, false),
    }
}

/// Length of `-12` or `_7` at the end: which of several of one kind it is.
fn number_at_end(stem: &[u8]) -> usize {
    let digits = stem.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = stem.len().checked_sub(digits + 1).filter(|&at| at > 0);
    let is_number = (1..=3).contains(&digits)
        && before.and_then(|at| stem.get(at)).is_some_and(|byte| b"-_.#".contains(byte));
    if is_number { digits + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str) -> String {
        let mut cut = Cut::new(name.as_bytes());
        cut.component(name.len(), Fate::Hidden(Class::Paths), true);
        let mut from = 0;
        let pieces = cut.finish().into_iter().map(|(end, fate)| {
            let text = &name[std::mem::replace(&mut from, end)..end];
            if fate == Fate::Structure { text.to_owned() } else { "?".repeat(text.len()) }
        });
        pieces.collect()
    }

    #[test]
    fn components_keep_what_says_the_kind_of_file() {
        let cases = [
            ("libacme.so", "lib????.so"),
            ("libacme-core.so.1.2.3", "lib?????????.so.1.2.3"),
            ("acme.so", "????.so"),
            ("lib.so", "???.so"),
            (".so", ".??"),
            ("libacme.so.1-custom", "???????????????????"),
            ("db.sqlite", "??.sqlite"),
            ("photo.JPG", "?????.JPG"),
            ("notes.acme", "??????????"),
            (".config", ".??????"),
            ("worker-12", "??????-12"),
            ("shard_007.db", "?????_007.db"),
            ("hunter2", "???????"),
            ("order-4711", "??????????"),
            ("-12", "???"),
            ("..", ".."),
        ];
        for (name, expected) in cases {
            assert_eq!(shown(name), expected, "{name}");
        }
    }
}
