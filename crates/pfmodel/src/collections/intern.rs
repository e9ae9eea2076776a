//! Byte strings stored once each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Number of an interned byte string.
pub(crate) type Name = u32;

/// A set of byte strings, numbered in order of arrival. The empty string is always number 0.
#[derive(Debug)]
pub(crate) struct Interner {
    texts: Vec<Arc<[u8]>>,
    numbers: HashMap<Arc<[u8]>, Name>,
    /// Numbers of strings that are forgotten.
    free: Vec<Name>,
}

impl Default for Interner {
    fn default() -> Self {
        Self::new()
    }
}

impl Interner {
    /// Number of the empty string.
    pub(crate) const EMPTY: Name = 0;

    /// An interner that holds the empty string only.
    pub(crate) fn new() -> Self {
        let mut interner = Self { texts: Vec::new(), numbers: HashMap::new(), free: Vec::new() };
        interner.intern(b"");
        interner
    }

    /// The number of `text`, new or known.
    pub(crate) fn intern(&mut self, text: &[u8]) -> Name {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let text: Arc<[u8]> = text.into();
        let number = self.free.pop().unwrap_or(self.texts.len() as Name);
        match self.texts.get_mut(number as usize) {
            Some(place) => *place = Arc::clone(&text),
            None => self.texts.push(Arc::clone(&text)),
        }
        self.numbers.insert(text, number);
        number
    }

    /// The number of `text`, if it is known.
    pub(crate) fn find(&self, text: &[u8]) -> Option<Name> {
        self.numbers.get(text).copied()
    }

    /// Forgets all strings but the empty one and those in `kept`: their numbers are given out anew.
    pub(crate) fn keep(&mut self, kept: &HashSet<Name>) {
        self.numbers.retain(|text, number| text.is_empty() || kept.contains(number));
        self.free.clear();
        for (number, text) in (0..).zip(&mut self.texts).skip(1) {
            if !kept.contains(&number) {
                *text = Arc::default();
                self.free.push(number);
            }
        }
    }

    /// How many strings there are.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The bytes behind a number; empty for one that was never given out.
    pub(crate) fn text(&self, name: Name) -> &[u8] {
        self.texts.get(name as usize).map_or(b"", |text| text)
    }

    /// All byte strings by number.
    pub(crate) fn into_texts(self) -> Vec<Vec<u8>> {
        self.texts.iter().map(|text| text.to_vec()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_share_a_number() {
        let mut interner = Interner::new();
        let (a, b) = (interner.intern(b"a"), interner.intern(b"b"));
        assert_eq!((interner.intern(b""), a, b, interner.intern(b"a")), (0, 1, 2, 1));
        assert_eq!(interner.text(b), b"b");
        assert_eq!((interner.find(b"b"), interner.find(b"c")), (Some(b), None));
        assert_eq!(interner.text(99), b"");
        assert_eq!(interner.into_texts(), [b"".to_vec(), b"a".to_vec(), b"b".to_vec()]);
    }

    #[test]
    fn forgotten_numbers_are_given_out_anew() {
        let mut interner = Interner::new();
        let (a, b) = (interner.intern(b"a"), interner.intern(b"b"));
        interner.keep(&HashSet::from([b]));
        assert_eq!((interner.len(), interner.text(a), interner.text(b)), (2, &b""[..], &b"b"[..]));
        assert_eq!((interner.intern(b""), interner.intern(b"c")), (Interner::EMPTY, a));
        assert_eq!(interner.intern(b"a"), 3);
    }
}
