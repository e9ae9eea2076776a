//! The vocabulary of the fault table: classes, causes, kinds of region.

/// Defines a `repr(u8)` enum whose variants have a stable text name.
macro_rules! named {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$vmeta])* $variant,)* }

        impl $name {
            /// All values, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in tables, CSV files and on the command line.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

named! {
    /// How the kernel served a fault.
    Class {
        /// Completed without I/O by the faulting thread.
        Minor = "minor",
        /// Completed; the kernel counted it as major (it waited for I/O, or was retried).
        Major = "major",
        /// Write to a present page of a private mapping. Part of the kernel's minor count.
        Cow = "cow",
        /// Never completed: invalid access or `EFAULT`.
        Failed = "failed",
        /// Its entry alone is known: what came of it was not recorded.
        Unknown = "unknown",
    }
}

named! {
    /// Why a fault happened. `schemas/faults.md` gives the rule and the evidence of each.
    #[non_exhaustive]
    Cause {
        /// Kernel-mode access to an address that no mapping allows: the system call returned `EFAULT`.
        Efault = "efault",
        /// No mapping at the address, or it forbids the access, or the file ends before it.
        Invalid = "invalid",
        /// Invalid access just below a stack.
        StackOverflow = "stack-overflow",
        /// Major fault on anonymous memory, or on a private page written earlier in the trace, unless the
        /// machine is known to have had no swap space.
        SwapIn = "swap-in",
        /// Major fault on a private writable file page whose history is unknown, likewise.
        FileOrSwap = "file-or-swap",
        /// Write after this page was read as the shared zero page.
        CowZero = "cow-zero",
        /// Write to a private file page that was mapped read-only from the page cache.
        CowFile = "cow-file",
        /// Write to an anonymous page that fork made read-only.
        CowAnon = "cow-anon",
        /// Write to a present anonymous page whose history the trace did not see.
        CowAnonOrZero = "cow-anon-or-zero",
        /// Write to a present page of a private file mapping whose history the trace did not see.
        CowFileOrAnon = "cow-file-or-anon",
        /// First write to a present page of a shared file mapping (dirty tracking).
        WriteNotify = "write-notify",
        /// The kernel extended the stack during this fault.
        StackGrowth = "stack-growth",
        /// Shared memory (memfd, `/dev/shm`, SysV, shared anonymous).
        Shmem = "shmem",
        /// First write to a private file page: copied at once.
        FilePrivateWrite = "file-private-write",
        /// Major fault on a file page: read from storage.
        FileRead = "file-read",
        /// Minor read fault of a file page that took longer than the threshold: waited for I/O in flight.
        FileWait = "file-wait",
        /// Minor fault on a file page that was in the page cache.
        FileCached = "file-cached",
        /// Minor fault on a private writable file page; read or write is not known.
        FileCachedOrPrivateWrite = "file-cached-or-private-write",
        /// Minor fault on a shared writable file page; read or write is not known.
        FileCachedOrWriteNotify = "file-cached-or-write-notify",
        /// First touch of anonymous memory that installed 2 MiB or more.
        HugePage = "huge-page",
        /// Read of untouched anonymous memory: the shared zero page was mapped.
        ZeroPage = "zero-page",
        /// First touch (write) of anonymous memory in a mapping whose life the trace saw.
        AnonFirstTouch = "anon-first-touch",
        /// First touch of anonymous memory in such a mapping; read or write is not known.
        AnonFirstTouchOrZero = "anon-first-touch-or-zero",
        /// This anonymous page had faulted in before and was gone again; where calls were recorded, because
        /// of advice to drop it.
        AnonRefault = "anon-refault",
        /// Minor fault on anonymous memory: swap-cache hit, NUMA hint, race, or a first touch in a
        /// mapping older than the recording. Where calls were recorded, also a later fault of a page
        /// that no advice dropped; without error codes, any later fault.
        AnonUnknown = "anon-unknown",
        /// Nothing more can be said.
        Unknown = "unknown",
    }
}

named! {
    /// What the instruction did.
    Access {
        /// Not known (no error code).
        Unknown = "unknown",
        /// Data read.
        Read = "read",
        /// Data write.
        Write = "write",
        /// Instruction fetch.
        Exec = "exec",
    }
}

named! {
    /// What kind of memory an address belongs to.
    #[non_exhaustive]
    RegionKind {
        /// No mapping known.
        Unknown = "unknown",
        /// Executable file mapping.
        Text = "text",
        /// Read-only private mapping of a module (a file that is also mapped executable).
        Rodata = "rodata",
        /// Writable private mapping of a module.
        Data = "data",
        /// Anonymous memory directly behind a module's data.
        Bss = "bss",
        /// The `brk` heap.
        Heap = "heap",
        /// The main thread's stack.
        Stack = "stack",
        /// The stack of another thread.
        ThreadStack = "thread_stack",
        /// Other anonymous private memory.
        Anon = "anon",
        /// A mapping of a file that is not a module.
        File = "file",
        /// Shared memory: memfd, `/dev/shm`, SysV, shared anonymous.
        Shmem = "shmem",
        /// vdso, vvar, vsyscall.
        Vdso = "vdso",
        /// A device.
        Device = "device",
    }
}

named! {
    /// How sure it is that the mapping held the address at that moment.
    MapConfidence {
        /// No mapping known.
        Unknown = "unknown",
        /// Recorded before the fault, not confirmed after it, and calls of `munmap` and `mremap` were not
        /// recorded, or left a doubt.
        Inferred = "inferred",
        /// Recorded before the fault and confirmed by later evidence, or all changes were recorded.
        Exact = "exact",
    }
}
