//! What waits to be written.

use std::io::Write;

use pfpairing::{Chains, FaultRow};
use pft::Writer;
use pft::keys::ledger as keys;
use pft::record::{FaultBatch, LostRecord, MapRecord, TaskRecord};
use rustc_hash::FxHashMap;

/// Rows that wait before they are written: less than a frame holds.
const MOST_ROWS: usize = 1 << 15;
/// Rows that wait although they have one time.
const MOST_AT_ONCE: usize = 1 << 20;

/// Records that wait to be written.
#[derive(Debug, Default)]
pub struct Output {
    pub tasks: Vec<TaskRecord>,
    pub maps: Vec<MapRecord>,
    pub lost: Vec<LostRecord>,
    chains: Chains,
    /// Mode and first caller of each chain, by its number less one.
    firsts: Vec<(bool, u64)>,
    cpus: FxHashMap<u32, Vec<(FaultRow, u32)>>,
    rows: usize,
}

impl Output {
    /// The number of a call chain; 0 if there is none, or no room for it.
    pub fn chain(&mut self, kernel: &[u64], user: &[u64], cut: bool) -> u32 {
        let number = self.chains.intern(kernel, user, cut);
        let is_new = number as usize == self.firsts.len() + 1;
        if is_new && let Some(&first) = kernel.first().or(user.first()) {
            self.firsts.push((!kernel.is_empty(), first));
        }
        number
    }

    /// Whether a chain is one of a fault at this instruction in this mode.
    pub fn chain_fits(&self, chain: u32, ip: u64, kernel_mode: bool) -> bool {
        let number = (chain as usize).checked_sub(1);
        number.and_then(|number| self.firsts.get(number)) == Some(&(kernel_mode, ip))
    }

    /// Lines of the ledger about call chains.
    pub const fn chain_counts(&self) -> [(&'static str, u64); 3] {
        let Chains { distinct, cut, beyond, .. } = &self.chains;
        [
            (keys::CALLCHAINS_DISTINCT, *distinct),
            (keys::CALLCHAINS_CUT, *cut),
            (keys::CALLCHAINS_DROPPED, *beyond),
        ]
    }

    /// Whether so much waits that it is written in any case.
    pub fn is_overfull(&self) -> bool {
        self.rows.max(self.tasks.len()).max(self.maps.len()) >= MOST_AT_ONCE
    }

    /// Takes a fault with the number of its call chain.
    pub fn fault(&mut self, cpu: u32, row: FaultRow, chain: u32) {
        self.cpus.entry(cpu).or_default().push((row, chain));
        self.rows += 1;
    }

    /// Whether there is enough to write.
    pub fn is_full(&self) -> bool {
        self.rows.max(self.tasks.len()).max(self.maps.len()) >= MOST_ROWS
    }

    /// Writes everything: what describes faults first.
    pub fn write<W: Write>(&mut self, writer: &mut Writer<W>) -> pft::Result<()> {
        self.tasks.sort_by_key(|task| task.time_ns);
        self.maps.sort_by_key(|map| map.time_ns);
        writer.tasks(&self.tasks)?;
        writer.maps(&self.maps)?;
        writer.lost(&self.lost)?;
        self.tasks.clear();
        self.maps.clear();
        self.lost.clear();
        writer.call_chains(&self.chains.new_records())?;
        let mut cpus: Vec<u32> = self.cpus.keys().copied().collect();
        cpus.sort_unstable();
        for cpu in cpus {
            let Some(waiting) = self.cpus.get_mut(&cpu).filter(|waiting| !waiting.is_empty())
            else {
                continue;
            };
            waiting.sort_by_key(|(row, _)| row.time_ns);
            let (rows, chains): (Vec<FaultRow>, Vec<u32>) = waiting.drain(..).unzip();
            writer.faults(&FaultBatch { cpu, columns: pfpairing::columns(&rows, &chains) })?;
        }
        self.rows = 0;
        Ok(())
    }
}
