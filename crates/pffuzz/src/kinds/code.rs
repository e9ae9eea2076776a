//! Call chains, modules, symbols, stack pointers.

use arbitrary::Result;
use pft::record::{
    CallChainRecord, ModuleKind, ModuleRecord, ModuleState, Section, Segment, StackPointerRecord,
    SymbolKind, SymbolRecord,
};

use crate::random::Source;

const MOST: usize = 6;

pub fn call_chains(source: &mut Source<'_>) -> Result<Vec<CallChainRecord>> {
    let mut chains = source.list(MOST, |source| {
        Ok(CallChainRecord {
            id: source.id()?.max(1),
            cut: source.bool()?,
            kernel: source.list(MOST, Source::number)?,
            user: source.list(MOST, Source::number)?,
        })
    })?;
    chains.retain(|chain| !chain.kernel.is_empty() || !chain.user.is_empty());
    Ok(chains)
}

pub fn modules(source: &mut Source<'_>) -> Result<Vec<ModuleRecord>> {
    use ModuleKind::{Elf, Kernel, PerfMap, Vdso};
    use ModuleState::{Malformed, NotOpened, Read, Replaced};
    let mut modules = source.list(MOST, |source| {
        Ok(ModuleRecord {
            id: source.id()?,
            kind: source.choose(&[Elf, Kernel, Vdso, PerfMap])?,
            state: source.choose(&[Read, NotOpened, Replaced, Malformed])?,
            pid: source.id()?,
            dev_major: source.id()?,
            dev_minor: source.id()?,
            inode: source.id()?.into(),
            path: source.name()?,
            build_id: source.name()?,
            segments: source.list(MOST, segment)?,
            sections: source.list(MOST, section)?,
        })
    })?;
    modules.retain(|module| module.check().is_ok());
    for module in &mut modules {
        module.sections.sort_by_key(|section| section.address);
    }
    Ok(modules)
}

fn segment(source: &mut Source<'_>) -> Result<Segment> {
    Ok(Segment {
        file_offset: source.number()?,
        file_bytes: source.number()?,
        address: source.number()?,
        memory_bytes: source.number()?,
        prot: source.byte()?.into(),
    })
}

fn section(source: &mut Source<'_>) -> Result<Section> {
    Ok(Section {
        name: source.name()?,
        address: source.number()?,
        bytes: source.number()?,
        no_bits: source.bool()?,
        tls: source.bool()?,
    })
}

pub fn symbols(source: &mut Source<'_>) -> Result<Vec<SymbolRecord>> {
    source.list(2 * MOST, |source| {
        Ok(SymbolRecord {
            module: source.id()?,
            kind: source.choose(&[SymbolKind::Function, SymbolKind::Object])?,
            address: source.number()?,
            size_bytes: source.number()?,
            name: source.name()?,
            file: source.name()?,
            line: source.id()?,
        })
    })
}

pub fn stack_pointers(source: &mut Source<'_>) -> Result<Vec<StackPointerRecord>> {
    let mut stack_pointers = source.list(2 * MOST, |source| {
        Ok(StackPointerRecord {
            time_ns: source.number()?,
            pid: source.id()?,
            tid: source.id()?,
            stack_pointer: source.number()?,
        })
    })?;
    stack_pointers.sort_by_key(|record| record.time_ns);
    Ok(stack_pointers)
}
