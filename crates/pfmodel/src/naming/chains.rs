//! Call chains: what the addresses of a chain are at the time of each of its faults.

use std::collections::HashMap;

use pft::record::CallChainRecord;

use crate::collections::keyed_map::KeyedMap;
use crate::naming::locations::Locations;
use crate::naming::modules::Modules;
use crate::table::{CallChain, NONE};
use crate::world::World;

/// Callers of one part of a chain that are looked at; the recorder stores no more. Behind them the chain
/// is cut.
const MAX_CALLERS: usize = 1024;

/// Whose chain it is: the address space at that moment, and where the fault was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub mm: u32,
    pub kernel_mode: bool,
}

/// Chains as recorded, and what they turned out to be.
#[derive(Debug, Default)]
pub(crate) struct Chains {
    records: Vec<CallChainRecord>,
    by_id: KeyedMap<u32, u32>,
    /// By address space, record and mode: the chain, and the generation of the address space's code for
    /// which that holds.
    found: KeyedMap<u64, (u64, u32)>,
    numbers: HashMap<CallChain, u32>,
}

impl Chains {
    /// Chains as recorded. Of two with one id the first counts; id 0 stands for no chain.
    pub(crate) fn new(records: Vec<CallChainRecord>) -> Self {
        let mut by_id = KeyedMap::default();
        for (number, record) in (0..).zip(&records) {
            by_id.entry(record.id).or_insert(number);
        }
        by_id.remove(&0);
        Self { records, by_id, ..Self::default() }
    }

    /// The faulting instruction of a chain with this id, if it was recorded for faults in that mode.
    pub(crate) fn instruction(&self, id: u32, kernel_mode: bool) -> Option<u64> {
        let record = self.records.get(*self.by_id.get(&id)? as usize)?;
        if kernel_mode {
            record.kernel.first().copied()
        } else {
            record.user.first().copied().filter(|_| record.kernel.is_empty())
        }
    }

    /// The chain of a fault, now; [`NONE`] for an id that has none.
    pub(crate) fn number(
        &mut self,
        id: u32,
        caller: Caller,
        world: &mut World,
        (modules, locations): (&Modules, &mut Locations),
    ) -> u32 {
        let Some(&number) = self.by_id.get(&id) else { return NONE };
        // Half as many chains as bits allow are more than memory holds.
        let key =
            u64::from(caller.mm) << 32 | u64::from(number << 1) | u64::from(caller.kernel_mode);
        let generation = world.code_generation(caller.mm);
        if let Some(&(of_generation, chain)) = self.found.get(&key)
            && of_generation == generation
        {
            return chain;
        }
        let Some(record) = self.records.get(number as usize) else { return NONE };
        let chain = resolve(record, caller, world, (modules, locations));
        let next = self.numbers.len() as u32;
        let chain = *self.numbers.entry(chain).or_insert(next);
        self.found.insert(key, (generation, chain));
        chain
    }

    /// Looks at each chain anew from now on, for a second walk: that the mappings of its addresses are asked for is
    /// what makes a forked child's known, so that both walks number them alike. Chains keep their numbers.
    pub(crate) fn walk_again(&mut self) {
        self.found.clear();
    }

    /// All chains by number.
    pub(crate) fn table(&self) -> Vec<CallChain> {
        let mut chains: Vec<(u32, &CallChain)> =
            self.numbers.iter().map(|(chain, &number)| (number, chain)).collect();
        chains.sort_unstable_by_key(|&(number, _)| number);
        chains.into_iter().map(|(_, chain)| chain.clone()).collect()
    }
}

/// A return address lies behind its call, which may be the last instruction of a function: what counts is
/// the address before it. Only the first address of a chain is that of an instruction itself.
fn called_from(addr: u64, is_instruction: bool) -> u64 {
    if is_instruction { addr } else { addr.saturating_sub(1) }
}

fn resolve(
    record: &CallChainRecord,
    caller: Caller,
    world: &mut World,
    (modules, locations): (&Modules, &mut Locations),
) -> CallChain {
    let kernel = record.kernel.iter().take(MAX_CALLERS).enumerate();
    let kernel =
        kernel.map(|(depth, &addr)| locations.in_kernel(called_from(addr, depth == 0), modules));
    let kernel = kernel.collect();
    let user = record.user.iter().take(MAX_CALLERS).enumerate();
    let user = user.map(|(depth, &addr)| {
        let addr = called_from(addr, depth == 0 && !caller.kernel_mode);
        let row = world.piece_at(caller.mm, addr).map_or(NONE, |piece| piece.row);
        let rows = (&world.rows, &world.names);
        locations.in_mapping(row, addr, modules, rows, |row| world.pid_of(row.proc))
    });
    let user = user.collect();
    let cut = record.cut || record.kernel.len().max(record.user.len()) > MAX_CALLERS;
    CallChain { kernel, user, cut }
}
