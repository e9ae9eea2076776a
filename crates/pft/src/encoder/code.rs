//! Call chains, modules, symbols, stack pointers.

use super::moments::in_order;
use super::records::{ROW_BYTES, push_text, split};
use super::{EncodedFrame, Encoder, Shape};
use crate::archive::{
    CallChainRow, CallChainsV1, ModuleRow, ModulesV1, SectionRow, SegmentRow, StackPointerRow,
    StackPointersV1, SymbolRow, SymbolsV1,
};
use crate::error::{Error, Result};
use crate::frame::FrameKind;
use crate::record::{
    CallChainRecord, ModuleRecord, Section, Segment, StackPointerRecord, SymbolRecord,
};

/// Refuses what readers would refuse.
fn check_all<T>(
    kind: FrameKind,
    records: &[T],
    check: impl Fn(&T) -> std::result::Result<(), &'static str>,
) -> Result<()> {
    records.iter().try_for_each(check).map_err(|what| Error::RecordInvalid { kind, what })
}

impl Encoder {
    /// Encodes call chains, as several frames if one cannot hold them; as none if there are none.
    ///
    /// # Errors
    /// [`Error::RecordInvalid`] for a chain without addresses or with the number 0; else as
    /// [`Encoder::encode_host`].
    pub fn encode_call_chains(&mut self, chains: &[CallChainRecord]) -> Result<Vec<EncodedFrame>> {
        let kind = FrameKind::CallChains;
        check_all(kind, chains, CallChainRecord::check)?;
        let address_bytes =
            |chain: &CallChainRecord| (chain.kernel.len() + chain.user.len()) * size_of::<u64>();
        split(kind, chains, address_bytes)?
            .into_iter()
            .map(|chains| {
                let mut archive = CallChainsV1::default();
                for chain in chains {
                    archive.addresses.extend(chain.kernel.iter().chain(&chain.user));
                    archive.rows.push(CallChainRow {
                        id: chain.id,
                        cut: chain.cut.into(),
                        kernel_addresses: chain.kernel.len() as u32,
                        user_addresses: chain.user.len() as u32,
                    });
                }
                self.seal(Shape::of(kind, chains.iter().map(|_| 0)), &archive)
            })
            .collect()
    }

    /// Encodes modules with their sections in order of address, as several frames if one cannot hold
    /// them; as none if there are none.
    ///
    /// # Errors
    /// [`Error::RecordInvalid`] for what [`ModuleRecord::check`] refuses; else as
    /// [`Encoder::encode_host`].
    pub fn encode_modules(&mut self, modules: &[ModuleRecord]) -> Result<Vec<EncodedFrame>> {
        let kind = FrameKind::Modules;
        check_all(kind, modules, ModuleRecord::check)?;
        split(kind, modules, module_bytes)?
            .into_iter()
            .map(|modules| {
                let mut archive = ModulesV1::default();
                for module in modules {
                    push_module(&mut archive, module);
                }
                self.seal(Shape::of(kind, modules.iter().map(|_| 0)), &archive)
            })
            .collect()
    }

    /// Encodes symbols, as several frames if one cannot hold them; as none if there are none. Symbols of
    /// one address that lie one behind the other come into one frame.
    ///
    /// # Errors
    /// As [`Encoder::encode_host`].
    pub fn encode_symbols(&mut self, symbols: &[SymbolRecord]) -> Result<Vec<EncodedFrame>> {
        let kind = FrameKind::Symbols;
        let place = |symbol: &SymbolRecord| (symbol.module, symbol.kind, symbol.address);
        let places: Vec<_> = symbols.chunk_by(|a, b| place(a) == place(b)).collect();
        let symbol_bytes =
            |symbol: &SymbolRecord| ROW_BYTES + symbol.name.len() + symbol.file.len();
        split(kind, &places, |symbols| symbols.iter().map(symbol_bytes).sum())?
            .into_iter()
            .map(|places| {
                let mut archive = SymbolsV1::default();
                for symbol in places.iter().copied().flatten() {
                    let (name_offset, name_bytes) = push_text(&mut archive.text, &symbol.name);
                    let (file_offset, file_bytes) = push_text(&mut archive.text, &symbol.file);
                    archive.rows.push(SymbolRow {
                        address: symbol.address,
                        size_bytes: symbol.size_bytes,
                        module: symbol.module,
                        kind: symbol.kind as u32,
                        line: symbol.line,
                        name_offset,
                        name_bytes,
                        file_offset,
                        file_bytes,
                        reserved: 0,
                    });
                }
                self.seal(Shape::of(kind, archive.rows.iter().map(|_| 0)), &archive)
            })
            .collect()
    }

    /// Encodes stack pointers in order of time, as several frames if one cannot hold them; as none if
    /// there are none.
    ///
    /// # Errors
    /// [`Error::Compress`] and [`Error::Archive`] if memory is short.
    pub fn encode_stack_pointers(
        &mut self,
        stack_pointers: &[StackPointerRecord],
    ) -> Result<Vec<EncodedFrame>> {
        let kind = FrameKind::StackPointers;
        let stack_pointers = in_order(stack_pointers, |record| record.time_ns);
        split(kind, &stack_pointers, |_| 0)?
            .into_iter()
            .map(|stack_pointers| {
                let rows = stack_pointers.iter().map(|record| StackPointerRow {
                    time_ns: record.time_ns,
                    stack_pointer: record.stack_pointer,
                    pid: record.pid,
                    tid: record.tid,
                });
                let archive = StackPointersV1 { rows: rows.collect() };
                let times = stack_pointers.iter().map(|record| record.time_ns);
                self.seal(Shape::of(kind, times), &archive)
            })
            .collect()
    }
}

/// More than what a module takes in a frame beside its row.
fn module_bytes(module: &ModuleRecord) -> usize {
    let names = module.sections.iter().map(|section| section.name.len()).sum::<usize>();
    let nested = module.segments.len() + module.sections.len();
    module.path.len() + module.build_id.len() + names + nested * ROW_BYTES
}

fn push_module(archive: &mut ModulesV1, module: &ModuleRecord) {
    let (path_offset, path_bytes) = push_text(&mut archive.text, &module.path);
    let (build_id_offset, build_id_bytes) = push_text(&mut archive.text, &module.build_id);
    archive.rows.push(ModuleRow {
        inode: module.inode,
        id: module.id,
        kind: module.kind as u32,
        state: module.state as u32,
        pid: module.pid,
        dev_major: module.dev_major,
        dev_minor: module.dev_minor,
        segments: module.segments.len() as u32,
        sections: module.sections.len() as u32,
        path_offset,
        path_bytes,
        build_id_offset,
        build_id_bytes,
    });
    for &Segment { file_offset, file_bytes, address, memory_bytes, prot } in &module.segments {
        let reserved = 0;
        archive.segments.push(SegmentRow {
            file_offset,
            file_bytes,
            address,
            memory_bytes,
            prot,
            reserved,
        });
    }
    let sections = in_order(&module.sections, |section| section.address);
    for Section { name, address, bytes, no_bits, tls } in sections {
        let (name_offset, name_bytes) = push_text(&mut archive.text, name);
        archive.sections.push(SectionRow {
            address: *address,
            bytes: *bytes,
            no_bits: (*no_bits).into(),
            tls: (*tls).into(),
            name_offset,
            name_bytes,
        });
    }
}
