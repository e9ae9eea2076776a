//! Data objects of modules by address.

use std::collections::BTreeSet;

use pft::record::SymbolRecord;

use crate::table::Object;

/// A stretch of addresses of a module of which one object is the smallest that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    module: u32,
    start: u64,
    end: u64,
    object: u32,
}

/// Objects, and which is the smallest at each address.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    table: Vec<Object>,
    /// In order, without overlap.
    stretches: Vec<Stretch>,
}

impl Objects {
    /// Objects in any order; their modules are numbers. Of those of one size that hold an address the first
    /// counts.
    pub(crate) fn new(symbols: Vec<SymbolRecord>) -> Self {
        let mut table = Vec::new();
        for symbol in symbols {
            table.push(Object {
                module: symbol.module,
                name: symbol.name,
                address: symbol.address,
                size_bytes: symbol.size_bytes,
            });
        }
        let stretches = stretches(&table);
        Self { table, stretches }
    }

    /// The smallest object that holds an address of a module, as a number in the table.
    pub(crate) fn at(&self, module: u32, address: u64) -> Option<u32> {
        let behind = self
            .stretches
            .partition_point(|stretch| (stretch.module, stretch.start) <= (module, address));
        let stretch = self.stretches.get(behind.checked_sub(1)?)?;
        (stretch.module == module && address < stretch.end).then_some(stretch.object)
    }

    /// All objects by number.
    pub(crate) fn table(&self) -> &[Object] {
        &self.table
    }
}

/// Cuts objects that overlap into stretches that do not: walks over all their edges with the set of those
/// that are open there.
fn stretches(table: &[Object]) -> Vec<Stretch> {
    // Module, address, whether it begins there, number. Ends come before beginnings.
    let mut edges = Vec::with_capacity(table.len() * 2);
    for (number, object) in (0..).zip(table) {
        let end = object.address.saturating_add(object.size_bytes);
        if object.address < end {
            edges.push((object.module, object.address, true, number));
            edges.push((object.module, end, false, number));
        }
    }
    edges.sort_unstable();
    let mut open = BTreeSet::new();
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut begun = (0, 0);
    for (module, address, begins, number) in edges {
        if let Some(&(_, object)) = open.first()
            && begun < (module, address)
        {
            let (_, start) = begun;
            match stretches.last_mut() {
                Some(last)
                    if last.object == object && last.module == module && last.end == start =>
                {
                    last.end = address;
                }
                _ => stretches.push(Stretch { module, start, end: address, object }),
            }
        }
        begun = (module, address);
        let size_bytes = table.get(number as usize).map_or(0, |object| object.size_bytes);
        if begins {
            open.insert((size_bytes, number));
        } else {
            open.remove(&(size_bytes, number));
        }
    }
    stretches
}

#[cfg(test)]
mod tests {
    use super::*;
    use pft::record::SymbolKind;

    fn objects(list: &[(u32, u64, u64)]) -> Objects {
        let symbol = |&(module, address, size_bytes): &(u32, u64, u64)| SymbolRecord {
            module,
            kind: SymbolKind::Object,
            address,
            size_bytes,
            name: Vec::new(),
            file: Vec::new(),
            line: 0,
        };
        Objects::new(list.iter().map(symbol).collect())
    }

    #[test]
    fn the_smallest_object_that_holds_an_address_counts() {
        let objects = objects(&[(0, 10, 90), (0, 20, 10), (0, 25, 20), (1, 20, 10), (0, 20, 0)]);
        let at = |address| objects.at(0, address);
        let found = [9, 10, 19, 20, 29, 30, 44, 45, 99, 100].map(at);
        let expected =
            [None, Some(0), Some(0), Some(1), Some(1), Some(2), Some(2), Some(0), Some(0), None];
        assert_eq!(found, expected);
        assert_eq!(
            [19, 20, 29, 30].map(|address| objects.at(1, address)),
            [None, Some(3), Some(3), None]
        );
        assert_eq!(objects.at(2, 20), None);
    }

    #[test]
    fn objects_may_reach_to_the_end_and_be_the_same() {
        let objects = objects(&[(0, u64::MAX - 1, 9), (0, 5, 5), (0, 5, 5), (0, 10, 1)]);
        assert_eq!(objects.at(0, u64::MAX - 1), Some(0));
        assert_eq!(
            [5, 9, 10, 11].map(|address| objects.at(0, address)),
            [Some(1), Some(1), Some(3), None]
        );
    }
}
