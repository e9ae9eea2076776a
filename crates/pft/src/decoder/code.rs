//! Frames of call chains, modules, symbols and stack pointers.

use super::Expected;
use super::moments::Times;
use super::records::{Result, Text, flag};
use crate::archive::{
    ArchivedCallChainsV1, ArchivedModuleRow, ArchivedModulesV1, ArchivedSectionRow,
    ArchivedSegmentRow, ArchivedStackPointersV1, ArchivedSymbolsV1,
};
use crate::record::{
    CallChainRecord, ModuleKind, ModuleRecord, ModuleState, Section, Segment, StackPointerRecord,
    SymbolKind, SymbolRecord,
};

/// Takes what rows have several of out of a vector, in order and without gaps.
struct Nested<'a, T>(&'a [T]);

impl<'a, T> Nested<'a, T> {
    fn take(&mut self, count: u32) -> Result<&'a [T]> {
        let (taken, rest) =
            self.0.split_at_checked(count as usize).ok_or("the rows count more than there is")?;
        self.0 = rest;
        Ok(taken)
    }

    fn finish(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err("the rows count less than there is") }
    }
}

pub(super) fn call_chains(
    archive: &ArchivedCallChainsV1,
    expected: Expected,
) -> Result<Vec<CallChainRecord>> {
    expected.check_rows(archive.rows.len())?;
    let mut addresses = Nested(archive.addresses.as_slice());
    let mut take = |count: u32| -> Result<Vec<u64>> {
        Ok(addresses.take(count)?.iter().map(|address| address.to_native()).collect())
    };
    let mut chains = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        let chain = CallChainRecord {
            id: row.id.to_native(),
            cut: flag(row.cut.to_native())?,
            kernel: take(row.kernel_addresses.to_native())?,
            user: take(row.user_addresses.to_native())?,
        };
        chain.check()?;
        chains.push(chain);
    }
    addresses.finish()?;
    Ok(chains)
}

pub(super) fn modules(
    archive: &ArchivedModulesV1,
    expected: Expected,
) -> Result<Vec<ModuleRecord>> {
    expected.check_rows(archive.rows.len())?;
    let mut segments = Nested(archive.segments.as_slice());
    let mut sections = Nested(archive.sections.as_slice());
    let mut text = Text::new(&archive.text);
    let mut modules = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        let segments = segments.take(row.segments.to_native())?;
        let sections = sections.take(row.sections.to_native())?;
        let module = module(row, segments, sections, &mut text)?;
        module.check()?;
        if !module.sections.is_sorted_by_key(|section| section.address) {
            return Err("the sections are not in order of address");
        }
        modules.push(module);
    }
    segments.finish()?;
    sections.finish()?;
    text.finish()?;
    Ok(modules)
}

fn module(
    row: &ArchivedModuleRow,
    segments: &[ArchivedSegmentRow],
    sections: &[ArchivedSectionRow],
    text: &mut Text<'_>,
) -> Result<ModuleRecord> {
    let segment = |row: &ArchivedSegmentRow| Segment {
        file_offset: row.file_offset.to_native(),
        file_bytes: row.file_bytes.to_native(),
        address: row.address.to_native(),
        memory_bytes: row.memory_bytes.to_native(),
        prot: row.prot.to_native(),
    };
    Ok(ModuleRecord {
        id: row.id.to_native(),
        kind: match row.kind.to_native() {
            0 => ModuleKind::Elf,
            1 => ModuleKind::Kernel,
            2 => ModuleKind::Vdso,
            3 => ModuleKind::PerfMap,
            _ => return Err("a module has an unknown kind"),
        },
        state: match row.state.to_native() {
            0 => ModuleState::Read,
            1 => ModuleState::NotOpened,
            2 => ModuleState::Replaced,
            3 => ModuleState::Malformed,
            _ => return Err("a module has an unknown state"),
        },
        pid: row.pid.to_native(),
        dev_major: row.dev_major.to_native(),
        dev_minor: row.dev_minor.to_native(),
        inode: row.inode.to_native(),
        path: text.bytes(row.path_offset.to_native(), row.path_bytes.to_native())?,
        build_id: text.bytes(row.build_id_offset.to_native(), row.build_id_bytes.to_native())?,
        segments: segments.iter().map(segment).collect(),
        sections: sections.iter().map(|row| section(row, text)).collect::<Result<_>>()?,
    })
}

fn section(row: &ArchivedSectionRow, text: &mut Text<'_>) -> Result<Section> {
    Ok(Section {
        name: text.bytes(row.name_offset.to_native(), row.name_bytes.to_native())?,
        address: row.address.to_native(),
        bytes: row.bytes.to_native(),
        no_bits: flag(row.no_bits.to_native())?,
        tls: flag(row.tls.to_native())?,
    })
}

pub(super) fn symbols(
    archive: &ArchivedSymbolsV1,
    expected: Expected,
) -> Result<Vec<SymbolRecord>> {
    expected.check_rows(archive.rows.len())?;
    let mut text = Text::new(&archive.text);
    let mut symbols = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        symbols.push(SymbolRecord {
            module: row.module.to_native(),
            kind: match row.kind.to_native() {
                0 => SymbolKind::Function,
                1 => SymbolKind::Object,
                _ => return Err("a symbol has an unknown kind"),
            },
            address: row.address.to_native(),
            size_bytes: row.size_bytes.to_native(),
            name: text.bytes(row.name_offset.to_native(), row.name_bytes.to_native())?,
            file: text.bytes(row.file_offset.to_native(), row.file_bytes.to_native())?,
            line: row.line.to_native(),
        });
    }
    text.finish()?;
    Ok(symbols)
}

pub(super) fn stack_pointers(
    archive: &ArchivedStackPointersV1,
    expected: Expected,
) -> Result<Vec<StackPointerRecord>> {
    expected.check_rows(archive.rows.len())?;
    let mut times = Times::new(expected);
    let mut stack_pointers = Vec::with_capacity(archive.rows.len());
    for row in archive.rows.iter() {
        let time_ns = row.time_ns.to_native();
        times.check(time_ns)?;
        stack_pointers.push(StackPointerRecord {
            time_ns,
            pid: row.pid.to_native(),
            tid: row.tid.to_native(),
            stack_pointer: row.stack_pointer.to_native(),
        });
    }
    Ok(stack_pointers)
}
