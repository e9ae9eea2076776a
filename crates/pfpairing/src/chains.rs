//! Call chains as numbers: each is stored once, before the first fault that has it.

use pft::record::CallChainRecord;
use rustc_hash::FxHashMap;
use rustc_hash::FxHasher;
use std::hash::Hasher as _;

/// Chains that are told apart at a time.
const MAX_CHAINS: usize = 1 << 20;
/// And their addresses.
const MAX_ADDRESSES: usize = 32 << 20;

#[derive(Debug, Clone, Copy)]
struct Chain {
    id: u32,
    start: usize,
    kernel: u16,
    user: u16,
    cut: bool,
    /// The next one with the same hash, by its place in the list.
    next: Option<u32>,
}

/// The chains of a trace, or of one segment of a flight recorder.
#[derive(Debug, Default)]
pub struct Chains {
    list: Vec<Chain>,
    addresses: Vec<u64>,
    by_hash: FxHashMap<u64, u32>,
    /// Numbers given out so far, in all segments.
    last_id: u32,
    /// Place in the list of those that are not stored yet.
    stored: usize,
    /// Chains that differ.
    pub distinct: u64,
    /// Of these, those that may go on.
    pub cut: u64,
    /// Faults whose chain found no room.
    pub beyond: u64,
}

impl Chains {
    /// The number of a chain; 0 if there is none, or no room for it.
    pub fn intern(&mut self, kernel: &[u64], user: &[u64], cut: bool) -> u32 {
        if kernel.is_empty() && user.is_empty() {
            return 0;
        }
        let mut hasher = FxHasher::default();
        kernel.iter().chain(user).for_each(|&address| hasher.write_u64(address));
        hasher.write_usize(kernel.len() << 1 | usize::from(cut));
        let hash = hasher.finish();
        let first = self.by_hash.get(&hash).copied();
        let mut at = first;
        while let Some(chain) = at.and_then(|at| self.list.get(at as usize)) {
            if chain.cut == cut && self.parts(chain) == (kernel, user) {
                return chain.id;
            }
            at = chain.next;
        }
        self.insert(hash, first, (kernel, user, cut)).unwrap_or_else(|| {
            self.beyond += 1;
            0
        })
    }

    fn insert(
        &mut self,
        hash: u64,
        next: Option<u32>,
        (kernel, user, cut): (&[u64], &[u64], bool),
    ) -> Option<u32> {
        let start = self.addresses.len();
        let full =
            self.list.len() >= MAX_CHAINS || start + kernel.len() + user.len() > MAX_ADDRESSES;
        let id = self.last_id.checked_add(1).filter(|_| !full)?;
        let at = u32::try_from(self.list.len()).ok()?;
        let chain = Chain {
            id,
            start,
            kernel: u16::try_from(kernel.len()).ok()?,
            user: u16::try_from(user.len()).ok()?,
            cut,
            next,
        };
        self.addresses.extend_from_slice(kernel);
        self.addresses.extend_from_slice(user);
        self.list.push(chain);
        self.by_hash.insert(hash, at);
        self.last_id = id;
        self.distinct += 1;
        self.cut += u64::from(cut);
        Some(id)
    }

    fn parts(&self, chain: &Chain) -> (&[u64], &[u64]) {
        let (kernel, user) = (usize::from(chain.kernel), usize::from(chain.user));
        let all = self.addresses.get(chain.start..chain.start + kernel + user);
        all.unwrap_or_default().split_at_checked(kernel).unwrap_or_default()
    }

    /// Those that were not handed out yet.
    pub fn new_records(&mut self) -> Vec<CallChainRecord> {
        let new = self.list.get(self.stored..).unwrap_or_default();
        let records = new.iter().map(|chain| {
            let (kernel, user) = self.parts(chain);
            let (kernel, user) = (kernel.to_vec(), user.to_vec());
            CallChainRecord { id: chain.id, cut: chain.cut, kernel, user }
        });
        let records = records.collect();
        self.stored = self.list.len();
        records
    }

    /// Forgets all, since what follows must stand without what was stored so far; no number is given
    /// out twice.
    pub fn forget(&mut self) {
        self.list.clear();
        self.addresses.clear();
        self.by_hash.clear();
        self.stored = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_chain_is_stored_once_a_segment() {
        let mut chains = Chains::default();
        assert_eq!(chains.intern(&[], &[], false), 0);
        assert_eq!(chains.intern(&[9], &[1, 2], false), 1);
        // The same addresses are not the same chain.
        assert_eq!(chains.intern(&[], &[9, 1, 2], false), 2);
        assert_eq!(chains.intern(&[9], &[1, 2], true), 3);
        assert_eq!(chains.intern(&[9], &[1, 2], false), 1);
        let record = |id, cut, kernel: &[u64], user: &[u64]| CallChainRecord {
            id,
            cut,
            kernel: kernel.to_vec(),
            user: user.to_vec(),
        };
        let first = [
            record(1, false, &[9], &[1, 2]),
            record(2, false, &[], &[9, 1, 2]),
            record(3, true, &[9], &[1, 2]),
        ];
        assert_eq!(chains.new_records(), first);
        assert_eq!(chains.intern(&[], &[5], false), 4);
        assert_eq!(chains.new_records(), [record(4, false, &[], &[5])]);
        chains.forget();
        assert_eq!(chains.intern(&[9], &[1, 2], false), 5);
        assert_eq!(chains.new_records(), [record(5, false, &[9], &[1, 2])]);
        assert_eq!((chains.distinct, chains.cut), (5, 1));
    }

    #[test]
    fn what_finds_no_room_has_no_number_and_is_counted() {
        let mut chains = Chains::default();
        let long = vec![7; usize::from(u16::MAX) + 1];
        assert_eq!(chains.intern(&[], &long, false), 0);
        assert_eq!((chains.beyond, chains.distinct, chains.addresses.len()), (1, 0, 0));
    }
}
