//! Byte strings stored once each.

use std::collections::HashMap;
use std::rc::Rc;

/// Number of an interned byte string.
pub(crate) type Name = u32;

/// A set of byte strings, numbered in order of arrival. The empty string is always number 0.
#[derive(Debug)]
pub(crate) struct Interner {
    texts: Vec<Rc<[u8]>>,
    numbers: HashMap<Rc<[u8]>, Name>,
}

impl Interner {
    /// Number of the empty string.
    pub(crate) const EMPTY: Name = 0;

    /// An interner that holds the empty string only.
    pub(crate) fn new() -> Self {
        let mut interner = Self { texts: Vec::new(), numbers: HashMap::new() };
        interner.intern(b"");
        interner
    }

    /// The number of `text`, new or known.
    pub(crate) fn intern(&mut self, text: &[u8]) -> Name {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = self.texts.len() as Name;
        let text: Rc<[u8]> = text.into();
        self.texts.push(Rc::clone(&text));
        self.numbers.insert(text, number);
        number
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
        assert_eq!(interner.text(99), b"");
        assert_eq!(interner.into_texts(), [b"".to_vec(), b"a".to_vec(), b"b".to_vec()]);
    }
}
