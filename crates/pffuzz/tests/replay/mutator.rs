//! Changes of bytes as fuzzers make them, without looking at what they reach.

use proptest::prelude::RngExt;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// Numbers at which lengths, counts and addresses go wrong.
const ODD: [u64; 12] = [
    0,
    1,
    7,
    0x7f,
    0xff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    u64::MAX / 2,
    u64::MAX - 1,
    u64::MAX,
];

/// Makes the same changes in every run.
pub struct Mutator(TestRng);

impl Mutator {
    pub fn new() -> Self {
        Self(TestRng::deterministic_rng(RngAlgorithm::ChaCha))
    }

    /// A number below `count`, which is not 0.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// Changes some bytes; `other` lends its own.
    pub fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8], max_bytes: usize) {
        for _ in 0..1 + self.below(4) {
            self.change_once(bytes, other);
        }
        bytes.truncate(max_bytes);
    }

    fn change_once(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len() + 1);
        let rest = bytes.len() - at;
        match self.below(8) {
            0 => bytes.truncate(at),
            1 => {
                let behind = at + self.below(rest.min(16) + 1);
                bytes.drain(at..behind);
            }
            2 => bytes.insert(at, self.0.random()),
            3 => {
                let from = self.below(other.len() + 1);
                let lent = self.below((other.len() - from).min(64) + 1);
                bytes.splice(at..at, other[from..from + lent].iter().copied());
            }
            4 => {
                let odd = ODD[self.below(ODD.len())].to_le_bytes();
                let width = [1, 2, 4, 8][self.below(4)].min(rest);
                bytes[at..at + width].copy_from_slice(&odd[..width]);
            }
            5 if rest > 0 => bytes[at] = self.0.random(),
            6 if rest > 0 => bytes[at] = bytes[at].wrapping_add([1, 255, 16, 240][self.below(4)]),
            _ if rest > 0 => bytes[at] ^= 1 << self.below(8),
            _ => {}
        }
    }
}
