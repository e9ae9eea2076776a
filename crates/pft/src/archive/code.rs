//! Call chains, modules, symbols, stack pointers. What a row has several of lies in a vector of the
//! frame, in row order and without gaps; the row holds how many.

use rkyv::{Archive, Serialize};

/// Payload of a CallChains frame. `addresses` holds the kernel addresses of the first row, its user
/// addresses, then those of the next.
#[derive(Archive, Serialize, Default)]
pub(crate) struct CallChainsV1 {
    pub(crate) rows: Vec<CallChainRow>,
    pub(crate) addresses: Vec<u64>,
}

#[derive(Archive, Serialize)]
pub(crate) struct CallChainRow {
    pub(crate) id: u32,
    pub(crate) cut: u32,
    pub(crate) kernel_addresses: u32,
    pub(crate) user_addresses: u32,
}

/// Payload of a Modules frame. `text` holds path and build id of the first row, the names of its
/// sections, then those of the next.
#[derive(Archive, Serialize, Default)]
pub(crate) struct ModulesV1 {
    pub(crate) rows: Vec<ModuleRow>,
    pub(crate) segments: Vec<SegmentRow>,
    pub(crate) sections: Vec<SectionRow>,
    pub(crate) text: Vec<u8>,
}

#[derive(Archive, Serialize)]
pub(crate) struct ModuleRow {
    pub(crate) inode: u64,
    pub(crate) id: u32,
    pub(crate) kind: u32,
    pub(crate) state: u32,
    pub(crate) pid: u32,
    pub(crate) dev_major: u32,
    pub(crate) dev_minor: u32,
    pub(crate) segments: u32,
    pub(crate) sections: u32,
    pub(crate) path_offset: u32,
    pub(crate) path_bytes: u32,
    pub(crate) build_id_offset: u32,
    pub(crate) build_id_bytes: u32,
}

#[derive(Archive, Serialize)]
pub(crate) struct SegmentRow {
    pub(crate) file_offset: u64,
    pub(crate) file_bytes: u64,
    pub(crate) address: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) prot: u32,
    pub(crate) reserved: u32,
}

#[derive(Archive, Serialize)]
pub(crate) struct SectionRow {
    pub(crate) address: u64,
    pub(crate) bytes: u64,
    pub(crate) no_bits: u32,
    pub(crate) tls: u32,
    pub(crate) name_offset: u32,
    pub(crate) name_bytes: u32,
}

/// Payload of a Symbols frame.
#[derive(Archive, Serialize, Default)]
pub(crate) struct SymbolsV1 {
    pub(crate) rows: Vec<SymbolRow>,
    pub(crate) text: Vec<u8>,
}

#[derive(Archive, Serialize)]
pub(crate) struct SymbolRow {
    pub(crate) address: u64,
    pub(crate) size_bytes: u64,
    pub(crate) module: u32,
    pub(crate) kind: u32,
    pub(crate) line: u32,
    pub(crate) name_offset: u32,
    pub(crate) name_bytes: u32,
    pub(crate) file_offset: u32,
    pub(crate) file_bytes: u32,
    pub(crate) reserved: u32,
}

/// Payload of a StackPointers frame.
#[derive(Archive, Serialize, Default)]
pub(crate) struct StackPointersV1 {
    pub(crate) rows: Vec<StackPointerRow>,
}

#[derive(Archive, Serialize)]
pub(crate) struct StackPointerRow {
    pub(crate) time_ns: u64,
    pub(crate) stack_pointer: u64,
    pub(crate) pid: u32,
    pub(crate) tid: u32,
}

const _: () = {
    assert!(size_of::<ArchivedCallChainsV1>() == 16);
    assert!(size_of::<ArchivedCallChainRow>() == 16);
    assert!(size_of::<ArchivedModulesV1>() == 32);
    assert!(size_of::<ArchivedModuleRow>() == 56);
    assert!(size_of::<ArchivedSegmentRow>() == 40);
    assert!(size_of::<ArchivedSectionRow>() == 32);
    assert!(size_of::<ArchivedSymbolsV1>() == 16);
    assert!(size_of::<ArchivedSymbolRow>() == 48);
    assert!(size_of::<ArchivedStackPointersV1>() == 8);
    assert!(size_of::<ArchivedStackPointerRow>() == 24);
};
