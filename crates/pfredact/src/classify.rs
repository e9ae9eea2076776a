//! What each text of a trace is, and which pieces of it go.

use std::collections::BTreeSet;

use pft::keys::fact;
use pft::record::{Frame, ModuleKind};
use rustc_hash::FxHashMap;

use crate::fields::Field;
use crate::level::Level;
use crate::paths::Paths;
use crate::pieces::{Class, Cut, Fate, Pieces};
use crate::vocabulary::{GROUPS, LANGUAGE, PLAIN_FACTS, RELEASE, SECTIONS, has};

/// Longest thread name of the kernel, bytes.
pub(crate) const COMM_BYTES: usize = 15;
/// What separates the arguments of a command line, and parts of them.
const SEPARATORS: &[u8] = b" \t\r\n\"'=,:;()[]{}<>|&@\\$%#!?*^`+";

/// Whether the kernel's list of symbols says that one is not of the kernel itself: `name [module]`,
/// `bpf_prog_1f8b0cfa_name [bpf]`.
fn is_added(symbol: &[u8]) -> bool {
    let open = symbol.iter().rposition(|&byte| byte == b'[').filter(|_| symbol.ends_with(b"]"));
    let by = open.and_then(|at| symbol.get(at..)).unwrap_or_default();
    let is_program = symbol.starts_with(b"bpf_prog_") || symbol.starts_with(b"bpf_trampoline_");
    is_program || !by.is_empty() && !by.starts_with(b"[__builtin__")
}

/// A module, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Module {
    /// Addresses of its symbols are those in the process.
    is_absolute: bool,
    /// Nothing in it is anybody's.
    is_public: bool,
    /// It is the kernel, whose modules and BPF programs anybody may have written.
    is_kernel: bool,
}

/// Knows what each text is.
#[derive(Debug, Default)]
pub(crate) struct Classifier {
    paths: Paths,
    modules: FxHashMap<u32, Module>,
    /// Base names of public programs, as thread names have them.
    programs: BTreeSet<Vec<u8>>,
    /// The level at which the trace has been redacted already.
    pub before: Option<Level>,
}

impl Classifier {
    pub(crate) fn new(paths: Paths) -> Self {
        Self { paths, ..Self::default() }
    }

    /// Learns what decides on other texts: modules and programs.
    pub(crate) fn learn(&mut self, frame: &Frame) {
        match frame {
            Frame::Host(facts) => {
                let before = facts.iter().filter(|entry| entry.key == fact::REDACTED_LEVEL);
                self.before = before.filter_map(|entry| entry.value.parse().ok()).max();
            }
            Frame::Modules(modules) => {
                for module in modules {
                    self.learn_program(&module.path);
                    let is_public = match module.kind {
                        ModuleKind::Elf => self.paths.is_public(&module.path),
                        ModuleKind::Kernel | ModuleKind::Vdso => true,
                        _ => false,
                    };
                    let is_absolute =
                        matches!(module.kind, ModuleKind::Kernel | ModuleKind::PerfMap);
                    // Of several with one number, readers take the first.
                    let is_kernel = module.kind == ModuleKind::Kernel;
                    let module_of = Module { is_absolute, is_public, is_kernel };
                    self.modules.entry(module.id).or_insert(module_of);
                }
            }
            Frame::Maps(maps) => {
                let executable = maps.iter().filter(|map| map.prot & 4 != 0);
                executable.for_each(|map| self.learn_program(&map.path));
            }
            Frame::Snapshot(snapshot) => {
                let executable = snapshot.vmas.iter().filter(|vma| vma.prot & 4 != 0);
                executable.for_each(|vma| self.learn_program(&vma.path));
            }
            _ => {}
        }
    }

    fn learn_program(&mut self, path: &[u8]) {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or(path);
        let name = name.get(..COMM_BYTES).unwrap_or(name);
        if !self.programs.contains(name) && self.paths.is_public(path) {
            self.programs.insert(name.to_vec());
        }
    }

    pub(crate) fn module(&self, id: u32) -> Option<Module> {
        self.modules.get(&id).copied()
    }

    /// Which modules have addresses of the process.
    pub(crate) fn absolute(&self) -> FxHashMap<u32, bool> {
        self.modules.iter().map(|(&id, module)| (id, module.is_absolute)).collect()
    }

    /// Whether a fact may stay, in whatever form.
    pub(crate) fn is_known_fact(key: &str) -> bool {
        has(PLAIN_FACTS, key.as_bytes())
            || key.starts_with(fact::LABEL_PREFIX)
            || [
                fact::KERNEL_RELEASE,
                fact::KERNEL_VERSION,
                fact::MACHINE_HOSTNAME,
                fact::TARGET_COMMAND,
                fact::IMPORTED_BY,
                fact::IMPORTED_COMMAND,
                fact::TARGET_CGROUP,
                fact::TARGET_PIDS,
                fact::TARGET_TIDS,
            ]
            .contains(&key)
    }

    /// Cuts a text.
    pub(crate) fn cut(&self, field: Field<'_>, text: &[u8]) -> Pieces {
        let mut cut = Cut::new(text);
        match field {
            Field::LedgerKey => {}
            Field::FactKey => {
                if cut.take_prefix(fact::LABEL_PREFIX.as_bytes(), Fate::Structure) {
                    self.arguments(&mut cut);
                }
            }
            Field::Fact(key) => self.fact(&mut cut, key),
            Field::Path => self.paths.mapping(&mut cut),
            // Of threads, numbers tell which of several of one kind it is.
            Field::Comm => self.arguments_with(&mut cut, true),
            Field::Mark => self.arguments(&mut cut),
            Field::Cgroup => self.cgroup(&mut cut),
            Field::Section(id) => self.section(&mut cut, id),
            Field::BuildId(id) => cut.take_rest(self.of_module(id)),
            Field::Symbol(id) => self.symbol(&mut cut, id),
            Field::Source(id) => self.source(&mut cut, id),
        }
        cut.finish()
    }

    fn fact(&self, cut: &mut Cut<'_>, key: &str) {
        match key {
            fact::MACHINE_HOSTNAME => {
                let fate = self.paths.fate(Class::Names);
                for part in cut.rest().split_inclusive(|&byte| byte == b'.') {
                    let name = part.strip_suffix(b".").unwrap_or(part);
                    cut.take(name.len(), fate);
                    cut.take(part.len() - name.len(), Fate::Structure);
                }
            }
            fact::KERNEL_RELEASE | fact::KERNEL_VERSION | fact::IMPORTED_BY => self.release(cut),
            fact::TARGET_CGROUP => self.cgroup(cut),
            // Numbers of processes go apart from texts.
            fact::TARGET_PIDS | fact::TARGET_TIDS => {}
            fact::TARGET_COMMAND | fact::IMPORTED_COMMAND => self.arguments(cut),
            _ if key.starts_with(fact::LABEL_PREFIX) => self.arguments(cut),
            _ => {}
        }
    }

    /// Cuts the path of a control group.
    fn cgroup(&self, cut: &mut Cut<'_>) {
        match self.paths.fate(Class::Arguments) {
            Fate::Own => self.path_or_text(cut),
            _ => self.paths.words(cut, cut.rest().len(), Class::Arguments, GROUPS),
        }
    }

    /// Cuts what `uname` says of the kernel: numbers and what distributions write stay.
    fn release(&self, cut: &mut Cut<'_>) {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        for part in cut.rest().chunk_by(|&a, &b| is_word(a) == is_word(b)) {
            let letters = part.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
            let is_number =
                part.get(letters..).is_some_and(|rest| rest.iter().all(u8::is_ascii_digit));
            let known = has(RELEASE, part.get(..letters).unwrap_or_default());
            let fate = if !part.first().is_some_and(|&byte| is_word(byte)) {
                Fate::Structure
            } else if has(RELEASE, part) || is_number && (letters == 0 || known) {
                self.paths.fate(Class::System)
            } else {
                self.paths.fate(Class::Arguments)
            };
            cut.take(part.len(), fate);
        }
    }

    /// Cuts a text that somebody typed or a program chose.
    fn arguments(&self, cut: &mut Cut<'_>) {
        self.arguments_with(cut, false);
    }

    /// The same; whether short numbers at the ends of names stay.
    fn arguments_with(&self, cut: &mut Cut<'_>, numbers: bool) {
        let fate = self.paths.fate(Class::Arguments);
        if fate == Fate::Own {
            return self.path_or_text(cut);
        }
        if self.programs.contains(cut.rest()) {
            return cut.take_rest(self.paths.fate(Class::System));
        }
        let is_separator = |byte: u8| SEPARATORS.contains(&byte);
        for part in cut.rest().chunk_by(|&a, &b| is_separator(a) == is_separator(b)) {
            if part.first().is_some_and(|&byte| is_separator(byte)) {
                cut.take(part.len(), Fate::Structure);
            } else if self.programs.contains(part) {
                cut.take(part.len(), self.paths.fate(Class::System));
            } else {
                self.paths.argument(cut, part.len(), fate, numbers);
            }
        }
    }

    /// The same where only paths in it may go.
    fn path_or_text(&self, cut: &mut Cut<'_>) {
        let is_separator = |byte: u8| SEPARATORS.contains(&byte);
        for part in cut.rest().chunk_by(|&a, &b| is_separator(a) == is_separator(b)) {
            if part.starts_with(b"-") {
                self.paths.argument(cut, part.len(), Fate::Own, false);
            } else if part.contains(&b'/') {
                self.paths.path(cut, part.len());
            } else {
                cut.take(part.len(), Fate::Own);
            }
        }
    }

    /// What becomes of what a module says of itself.
    fn of_module(&self, id: u32) -> Fate {
        let is_public = self.module(id).is_some_and(|module| module.is_public);
        self.paths.fate(if is_public { Class::System } else { Class::Symbols })
    }

    fn section(&self, cut: &mut Cut<'_>, id: u32) {
        let name = cut.rest();
        match self.of_module(id) {
            _ if has(SECTIONS, name) => cut.take_rest(Fate::Structure),
            Fate::Hidden(class) => self.paths.words(cut, name.len(), class, &[]),
            fate => cut.take_rest(fate),
        }
    }

    fn symbol(&self, cut: &mut Cut<'_>, id: u32) {
        let is_of_kernel = self.module(id).is_some_and(|module| module.is_kernel);
        let fate = match self.of_module(id) {
            Fate::Public if is_of_kernel && is_added(cut.rest()) => self.paths.fate(Class::Symbols),
            fate => fate,
        };
        match fate {
            Fate::Hidden(class) => self.paths.words(cut, cut.rest().len(), class, LANGUAGE),
            // Code made at run time may be called after its source.
            Fate::Own => self.path_or_text(cut),
            fate => cut.take_rest(fate),
        }
    }

    fn source(&self, cut: &mut Cut<'_>, id: u32) {
        let text = cut.rest();
        let is_public = self.module(id).is_some_and(|module| module.is_public);
        // Whoever built what is public may have done so at home.
        let stays = is_public && self.paths.fate(Class::System) == Fate::Public;
        if stays && !self.paths.is_at_home(text) {
            cut.take_rest(Fate::Public);
        } else {
            self.paths.path(cut, text.len());
        }
    }
}
