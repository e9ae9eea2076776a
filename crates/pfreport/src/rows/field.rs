//! The columns of table `faults`, by name.

use crate::error::Error;

/// Defines [`Field`], its names and its order.
macro_rules! fields {
    ($($(#[$meta:meta])* $field:ident = $name:literal,)*) => {
        /// A column of table `faults`. `schemas/faults.md` describes each with its unit.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Field { $($(#[$meta])* $field,)* }

        impl Field {
            /// All columns, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$field,)*];

            /// The name in headers and on the command line.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)* }
            }
        }
    };
}

fields! {
    /// File name of the trace.
    Trace = "trace",
    /// Name of the last mark at or before the entry; null before the first.
    Phase = "phase",
    /// Entry time since the start of the trace.
    TimeNs = "time_ns",
    /// The same as calendar time, UTC.
    WallTime = "wall_time",
    /// Entry to completion; null when unknown.
    LatencyNs = "latency_ns",
    /// How the kernel served the fault.
    Class = "class",
    /// Why it happened.
    Cause = "cause",
    /// Why the access failed; null if it did not.
    Failure = "failure",
    /// Minor fault beyond the threshold.
    Slow = "slow",
    /// What the instruction did.
    Access = "access",
    /// Who touched the address: user or kernel.
    Mode = "mode",
    /// Process within the trace (pids are used again).
    Proc = "proc",
    /// Process id.
    Pid = "pid",
    /// Thread id.
    Tid = "tid",
    /// Name of the thread at that moment.
    Comm = "comm",
    /// CPU.
    Cpu = "cpu",
    /// Faulting address.
    Addr = "addr",
    /// Bytes that the fault installed; null when unknown.
    PageSizeBytes = "page_size_bytes",
    /// How often this page of this address space has faulted so far.
    Nth = "nth",
    /// Entries that the fault took.
    Attempts = "attempts",
    /// What the memory is called.
    Region = "region",
    /// What kind of memory it is.
    RegionKind = "region_kind",
    /// File of the mapping; null for anonymous memory.
    Path = "path",
    /// Offset of the address in that file.
    FileOffset = "file_offset",
    /// Permissions of the mapping, as in `/proc/PID/maps`.
    Perms = "perms",
    /// Device of the file, as in `/proc/PID/maps`.
    Dev = "dev",
    /// Inode of the file.
    Inode = "inode",
    /// How sure the mapping is.
    MapConfidence = "map_confidence",
    /// Faulting instruction.
    Ip = "ip",
    /// What holds the instruction; `[kernel]` in kernel mode.
    Module = "module",
    /// Function of the instruction, the innermost inlined one; null if it is not known.
    Function = "function",
    /// Its file and line; null if they are not known.
    Source = "source",
    /// Variable at the address; null if there is none, or none is known.
    Object = "object",
    /// Number of the call chain; null if none was recorded.
    Callchain = "callchain",
    /// Build id of the file of the mapping; null if it has none or it is not known.
    BuildId = "build_id",
    /// NUMA node of the page; null if it is not known.
    Node = "node",
    /// Mapping of the address: its number in table `mappings`; null if no mapping is known.
    Mapping = "mapping",
    /// Control group of the process at that moment; null if it is not known.
    Cgroup = "cgroup",
}

impl Field {
    /// The column called `name`.
    ///
    /// # Errors
    /// [`Error::UnknownColumn`], with the names there are.
    pub fn parse(name: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|field| field.name() == name).ok_or_else(|| {
            Error::UnknownColumn {
                name: name.to_owned(),
                known: Self::ALL.iter().map(|field| field.name().to_owned()).collect(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Field;
    use crate::error::Error;

    #[test]
    fn every_name_parses_back() {
        for &field in Field::ALL {
            assert_eq!(Field::parse(field.name()).unwrap(), field);
        }
    }

    #[test]
    fn unknown_columns_name_the_known_ones() {
        let Err(Error::UnknownColumn { name, known }) = Field::parse("regoin") else {
            panic!("parsed a column that does not exist");
        };
        assert_eq!(name, "regoin");
        assert_eq!(known.len(), Field::ALL.len());
        assert!(known.iter().any(|known| known == "region"));
    }
}
