//! A hash map for integer keys that a hostile trace cannot slow down.
//!
//! Multiplicative hashes without a secret let a file choose page numbers that all collide; SipHash
//! costs too much at one look-up per fault. One folded multiplication with two secret numbers does.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Map from integers (or a few of them) to `V`. Its order of iteration is random.
pub(crate) type KeyedMap<K, V> = HashMap<K, V, Keyed>;

/// Builder of hashers that share one secret.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keyed {
    addend: u64,
    factor: u64,
}

impl Default for Keyed {
    fn default() -> Self {
        let random = RandomState::new();
        Self { addend: random.hash_one(1), factor: random.hash_one(2) | 1 }
    }
}

impl BuildHasher for Keyed {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher { state: self.addend, factor: self.factor }
    }
}

/// See [`Keyed`].
#[derive(Debug)]
pub(crate) struct KeyedHasher {
    state: u64,
    factor: u64,
}

impl Hasher for KeyedHasher {
    fn finish(&self) -> u64 {
        self.state
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.state ^ value) * u128::from(self.factor);
        self.state = (product as u64) ^ ((product >> 64) as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_collide_under_a_plain_multiplication_spread_out() {
        let keyed = Keyed::default();
        // Multiples of a large power of two: their low product bits are all zero.
        let low_bits: std::collections::HashSet<u64> =
            (0..256u64).map(|n| keyed.hash_one(n << 56) & 0xffff).collect();
        assert!(low_bits.len() > 200, "{} different", low_bits.len());
    }

    #[test]
    fn two_maps_do_not_share_a_secret() {
        assert_ne!(Keyed::default().hash_one(7u64), Keyed::default().hash_one(7u64));
    }
}
