//! What stands for a name.

use rustc_hash::{FxHashMap, FxHashSet};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// What a pseudonym begins with, and its length in all, bytes.
const FIRST: u8 = b'x';
pub(crate) const BYTES: usize = 8;
/// 32 signs that are not taken for one another.
const SIGNS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Key from which pseudonyms are made.
#[derive(Clone)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// That of a seed, or a random one.
    pub(crate) fn new(seed: Option<&str>) -> Result<Self> {
        match seed {
            Some(seed) => Ok(Self::of_seed(seed)),
            None => Ok(Self(random()?)),
        }
    }

    fn of_seed(seed: &str) -> Self {
        let hash = Sha256::new().chain_update(b"pft redact\0").chain_update(seed);
        Self(hash.finalize().into())
    }

    /// A hash that nobody without the key can repeat.
    fn hash(&self, purpose: &[u8], attempt: u64, word: &[u8]) -> [u8; 32] {
        let hash = Sha256::new().chain_update(self.0).chain_update(purpose);
        hash.chain_update(attempt.to_le_bytes()).chain_update(word).finalize().into()
    }

    /// Bytes that stand for others, as many of them.
    pub(crate) fn bytes(&self, original: &[u8]) -> Vec<u8> {
        let blocks = (0..).flat_map(|block| self.hash(b"bytes", block, original));
        blocks.take(original.len()).collect()
    }
}

/// Bytes that stand for others wherever this seed is used, as many of them.
#[must_use]
pub fn pseudonym(seed: &str, original: &[u8]) -> Vec<u8> {
    Key::of_seed(seed).bytes(original)
}

/// Random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::Random { what: error.to_string() })?;
    Ok(bytes)
}

/// Words and what stands for them, one to one.
pub(crate) struct Pseudonyms {
    key: Key,
    words: FxHashMap<Vec<u8>, [u8; BYTES]>,
    taken: FxHashSet<[u8; BYTES]>,
}

impl Pseudonyms {
    /// None yet.
    pub(crate) fn new(key: Key) -> Self {
        Self { key, words: FxHashMap::default(), taken: FxHashSet::default() }
    }

    /// Keeps a word of the trace from being a pseudonym too.
    pub(crate) fn reserve(&mut self, word: &[u8]) {
        if let Ok(word) = word.try_into() {
            self.taken.insert(word);
        }
    }

    /// What stands for a word.
    pub(crate) fn of(&mut self, word: &[u8]) -> [u8; BYTES] {
        if let Some(&found) = self.words.get(word) {
            return found;
        }
        let mut attempt = 0;
        loop {
            let hash = self.key.hash(b"word", attempt, word);
            let mut made = [FIRST; BYTES];
            for (sign, &byte) in made.iter_mut().skip(1).zip(&hash) {
                *sign = SIGNS.get(usize::from(byte) % SIGNS.len()).copied().unwrap_or(FIRST);
            }
            if self.taken.insert(made) {
                self.words.insert(word.to_vec(), made);
                return made;
            }
            attempt += 1;
        }
    }

    /// Bytes that stand for others.
    pub(crate) fn bytes(&self, original: &[u8]) -> Vec<u8> {
        self.key.bytes(original)
    }

    /// Whether this is one.
    pub(crate) fn has(&self, word: &[u8]) -> bool {
        word.try_into().is_ok_and(|word: [u8; BYTES]| {
            word.first() == Some(&FIRST) && self.words.values().any(|made| *made == word)
        })
    }
}
