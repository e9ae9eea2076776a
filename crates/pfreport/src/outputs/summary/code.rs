//! Which code faults, and how much is known of it.

use pfmodel::table::Module;
use pft::keys::ledger;
use pft::record::ModuleState;

use super::counts::Counts;
use super::screen::Screen;
use super::top::{rest_of, total_stall_ns};
use crate::figures::scope::{CallGraph, Scope};
use crate::load::Loaded;
use crate::print::cell::Cell;
use crate::print::text::{printable, shorten};
use crate::print::units::{count, counted, counted_as};
use crate::rows::field::Field;
use crate::rows::group::{Group, rolled_up};

/// What tells apart the groups that the list of functions adds up.
pub const CELL: [Field; 4] = [Field::Function, Field::Module, Field::Class, Field::Cause];
/// Positions in [`CELL`]: the function.
const FUNCTION: [usize; 2] = [0, 1];

/// Longest names on the screen; tables for programs have them whole.
const FUNCTION_CHARACTERS: usize = 44;
const MODULE_CHARACTERS: usize = 24;

/// Modules that are named where several could not be read.
const MODULES_NAMED: usize = 3;

/// How much is known of the code.
pub fn exactness(screen: &mut Screen, loaded: &Loaded, counts: &Counts) {
    if let Some(line) = symbols(loaded, counts) {
        screen.labelled("symbols", &line);
    }
    if let Some(line) = callers(loaded, counts) {
        screen.labelled("callers", &line);
    }
}

fn symbols(loaded: &Loaded, counts: &Counts) -> Option<String> {
    let analysis = &loaded.analysis;
    if analysis.modules.is_empty() {
        return None;
    }
    let named = counts.named;
    let all = counted(counts.faults, loaded.row_name());
    let mut parts = vec![format!("function known for {} of {all}", count(named))];
    if loaded.counted(ledger::SYMBOLS_ASKED) == Some(0) && named == 0 {
        parts = vec!["not looked up while recording".to_owned()];
    }
    let missing: Vec<&Module> =
        analysis.modules.iter().filter(|module| module.state != ModuleState::Read).collect();
    if !missing.is_empty() {
        let imported = Scope::of(loaded).imported;
        let modules = counted(analysis.modules.len() as u64, "module");
        let mut names: Vec<String> =
            missing.iter().take(MODULES_NAMED).map(|m| reason(m, imported)).collect();
        if missing.len() > MODULES_NAMED {
            names.push(format!("{} more", count((missing.len() - MODULES_NAMED) as u64)));
        }
        let number = count(missing.len() as u64);
        parts.push(format!("{number} of {modules} not read: {}", names.join(", ")));
    }
    if let Some(skipped) = loaded.counted(ledger::SYMBOLS_SKIPPED).filter(|&n| n > 0) {
        let addresses = counted_as(skipped, "address", "addresses");
        parts.push(format!("{addresses} not looked up in the time allowed for it"));
    }
    Some(parts.join("; "))
}

/// A module that was not read.
fn reason(module: &Module, was_imported: bool) -> String {
    let path = printable(&module.path);
    let name = path.rsplit('/').next().unwrap_or(&path);
    let why = match module.state {
        ModuleState::Read => "read",
        // Nobody looked for it.
        ModuleState::NotOpened if was_imported => return shorten(name, MODULE_CHARACTERS),
        ModuleState::NotOpened => "gone or not permitted",
        ModuleState::Replaced => "replaced by another file",
        ModuleState::Malformed => "no sound ELF file",
        _ => "not read",
    };
    format!("{} ({why})", shorten(name, MODULE_CHARACTERS))
}

fn callers(loaded: &Loaded, counts: &Counts) -> Option<String> {
    let &Counts { chained, cut, alone, .. } = counts;
    let how = match Scope::of(loaded).call_graph {
        None if chained == 0 => return None,
        None => "recorded".to_owned(),
        Some(CallGraph::FramePointers) => "by frame pointers".to_owned(),
        Some(CallGraph::Stacks { minor_share }) => match minor_share {
            None => "from copies of stacks".to_owned(),
            Some(0) => "from copies of stacks, of no minor faults".to_owned(),
            Some(1) => "from copies of stacks, of all faults".to_owned(),
            Some(n) => format!("from copies of stacks, of 1 minor fault in {}", count(n)),
        },
    };
    let all = counted(counts.faults, loaded.row_name());
    let mut parts = vec![format!("{how}: call chain known for {} of {all}", count(chained))];
    if alone > 0 {
        parts.push(format!("{} without a caller in it", count(alone)));
    }
    if cut > 0 {
        parts.push(format!("{} may go on behind their last caller", count(cut)));
    }
    let lost = loaded.analysis.exactness.lost_call_chains;
    if lost > 0 {
        parts.push(format!("{} had one that is missing from the file", counted(lost, "fault")));
    }
    let stacks = [
        (ledger::STACKS_DROPPED, "the recorder fell behind, or memory was short"),
        (ledger::STACKS_FAILED, "callers could not be found"),
    ];
    for (key, why) in stacks {
        if let Some(n) = loaded.counted(key).filter(|&n| n > 0) {
            let stacks = counted(n, "stack");
            parts.push(format!("not unwound: {stacks} ({why})"));
        }
    }
    Some(parts.join("; "))
}

/// Functions that faulted: groups by function and module, and those by class and cause in addition, which
/// they are made of. Both are in order of stall time.
#[derive(Debug)]
pub struct Functions {
    /// By function and module.
    pub groups: Vec<Group>,
    cells: Vec<Group>,
}

impl Functions {
    /// Of groups by [`CELL`].
    #[must_use]
    pub fn of(cells: Vec<Group>) -> Self {
        Self { groups: rolled_up(&cells, &FUNCTION), cells }
    }

    /// Class and cause that stall a function most: groups come in this order.
    pub fn main_cause(&self, group: &Group) -> Option<[&str; 2]> {
        let cell = self.cells.iter().find(|cell| cell.keys.get(..2) == Some(&*group.keys))?;
        Some([cell.key(2), cell.key(3)])
    }
}

/// The functions whose instructions faulted, those with the most stall time.
pub fn functions(screen: &mut Screen, functions: &Functions, top: usize) {
    let groups = &functions.groups;
    let stall_ns = total_stall_ns(groups);
    let faults: u64 = groups.iter().map(|group| group.faults).sum();
    let lines = groups.iter().take(top).map(|group| {
        let function = group.keys.first().and_then(Option::as_deref).unwrap_or("[unknown]");
        vec![
            Cell::LongName(function.to_owned(), FUNCTION_CHARACTERS),
            Cell::LongName(group.key(1).to_owned(), MODULE_CHARACTERS),
            Cell::Name(
                functions.main_cause(group).map_or_else(String::new, |names| names.join(" ")),
            ),
            Cell::Count(group.faults),
            Cell::Share(group.faults, faults),
            Cell::known(group.stall_ns, Cell::Duration),
            group.stall_ns.map_or(Cell::Unknown, |ns| Cell::Share(ns, stall_ns)),
        ]
    });
    screen.heading("Functions");
    let header = ["function", "module", "mostly", "faults", "of all", "stall", "of all"];
    screen.table(&header, 3, lines.collect());
    if let Some(rest) = groups.get(top..).filter(|rest| !rest.is_empty()) {
        screen.paragraph(&rest_of(rest));
    }
}
