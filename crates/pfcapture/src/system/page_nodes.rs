//! Which NUMA node the memory at a physical address belongs to.

use std::fs;
use std::path::Path;

use pft::record::NODE_UNKNOWN;

/// The nodes of a machine.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct PageNodes {
    /// Size of a block of memory, bytes; 0 if the kernel does not tell of blocks.
    block_bytes: u64,
    /// Block numbers and their nodes, in order.
    blocks: Vec<(u64, u8)>,
    /// The only node that there is.
    single: Option<u8>,
}

impl PageNodes {
    /// Reads them from `/sys/devices/system` below `root`.
    #[must_use]
    pub fn read(root: &Path) -> Self {
        let system = root.join("sys/devices/system");
        let nodes = nodes(&system);
        let single = match (nodes.as_slice(), system.join("node").exists()) {
            ([(only, _)], _) => Some(*only),
            // A kernel that is built without NUMA has one node.
            ([], false) => Some(0),
            _ => None,
        };
        let size = fs::read_to_string(system.join("memory/block_size_bytes")).unwrap_or_default();
        let block_bytes = u64::from_str_radix(size.trim().trim_start_matches("0x"), 16);
        let mut blocks: Vec<(u64, u8)> = Vec::new();
        for (node, folder) in &nodes {
            let numbers =
                names(folder).filter_map(|name| name.strip_prefix("memory")?.parse().ok());
            blocks.extend(numbers.map(|number| (number, *node)));
        }
        blocks.sort_unstable();
        Self { block_bytes: block_bytes.unwrap_or(0), blocks, single }
    }

    /// The node of the page at a physical address, which is 0 where the kernel could not tell it.
    #[must_use]
    pub fn node_of(&self, physical: u64) -> u8 {
        if physical == 0 {
            return NODE_UNKNOWN;
        }
        if let Some(single) = self.single {
            return single;
        }
        let Some(number) = physical.checked_div(self.block_bytes) else { return NODE_UNKNOWN };
        let first = self.blocks.partition_point(|&(block, _)| block < number);
        let mut of_block = self.blocks.iter().skip(first).take_while(|(block, _)| *block == number);
        match (of_block.next(), of_block.next()) {
            (Some(&(_, node)), None) => node,
            // A block that two nodes share tells nothing.
            _ => NODE_UNKNOWN,
        }
    }
}

/// The node of each CPU as `FIRST-LAST=NODE` or `CPU=NODE`, in order, separated by commas; `None` if the
/// kernel does not tell.
#[must_use]
pub fn cpu_nodes(root: &Path) -> Option<String> {
    let mut ranges: Vec<(u32, String)> = Vec::new();
    for (node, folder) in nodes(&root.join("sys/devices/system")) {
        let list = fs::read_to_string(folder.join("cpulist")).ok()?;
        for range in list.trim().split(',').filter(|range| !range.is_empty()) {
            let first = range.split('-').next()?.parse().ok()?;
            ranges.push((first, format!("{range}={node}")));
        }
    }
    ranges.sort();
    let ranges: Vec<String> = ranges.into_iter().map(|(_, range)| range).collect();
    (!ranges.is_empty()).then(|| ranges.join(","))
}

/// Nodes and their folders, in order.
fn nodes(system: &Path) -> Vec<(u8, std::path::PathBuf)> {
    let folder = system.join("node");
    let known = names(&folder).filter_map(|name| {
        let node = name.strip_prefix("node")?.parse().ok().filter(|&node| node != NODE_UNKNOWN)?;
        Some((node, folder.join(&name)))
    });
    let mut nodes: Vec<_> = known.collect();
    nodes.sort_unstable();
    nodes
}

fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, path: &str, text: &str) {
        let path = root.join("sys/devices/system").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn blocks_tell_the_node() {
        let root = tempfile::tempdir().unwrap();
        put(root.path(), "memory/block_size_bytes", "8000000\n");
        for path in ["node0/memory0/x", "node0/memory2/x", "node1/memory2/x", "node1/memory40/x"] {
            put(root.path(), &format!("node/{path}"), "");
        }
        put(root.path(), "node/node0/cpulist", "0-3,8\n");
        put(root.path(), "node/node1/cpulist", "4-7\n");
        put(root.path(), "node/online", "0-1\n");
        let nodes = PageNodes::read(root.path());
        assert_eq!(nodes.node_of(0x7ff_f000), 0);
        assert_eq!(nodes.node_of(40 * 0x800_0000 + 5), 1);
        // No block, a block of both, nothing known of the page.
        for unknown in [0x800_0000, 2 * 0x800_0000, 0] {
            assert_eq!(nodes.node_of(unknown), NODE_UNKNOWN, "{unknown:#x}");
        }
        assert_eq!(cpu_nodes(root.path()).as_deref(), Some("0-3=0,4-7=1,8=0"));
    }

    #[test]
    fn a_single_node_has_all_memory() {
        let root = tempfile::tempdir().unwrap();
        // Without NUMA there is no such folder.
        assert_eq!(PageNodes::read(root.path()).node_of(1 << 40), 0);
        assert_eq!(cpu_nodes(root.path()), None);
        put(root.path(), "node/node3/cpulist", "0-1\n");
        let nodes = PageNodes::read(root.path());
        assert_eq!((nodes.node_of(1 << 40), nodes.node_of(0)), (3, NODE_UNKNOWN));
        put(root.path(), "node/node4/cpulist", "\n");
        // Two nodes, and no word of blocks.
        assert_eq!(PageNodes::read(root.path()).node_of(1 << 40), NODE_UNKNOWN);
        assert_eq!(cpu_nodes(root.path()).as_deref(), Some("0-1=3"));
    }
}
