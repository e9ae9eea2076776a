//! Paths, and the kernel's names for memory that has none.

use crate::level::Level;
use crate::pieces::{Class, Cut, Fate};
use crate::vocabulary::{
    ALLOCATOR_NAMES, DEVICES, HOMES, KNOWN_FOLDERS, MEMORY_NAMES, PRIVATE_BELOW, PUBLIC_FOLDERS,
    STACK_NAMES, has,
};

/// What the kernel appends to the path of a file that has no name any more.
const DELETED: &[u8] = b" (deleted)";

/// Cuts paths at one level.
#[derive(Debug, Default, Clone)]
pub(crate) struct Paths {
    level: Level,
    /// Further folders whose content is public.
    keep: Vec<Vec<u8>>,
}

impl Paths {
    pub(crate) fn new(level: Level, keep: &[String]) -> Self {
        let folder = |folder: &String| folder.trim_end_matches('/').as_bytes().to_vec();
        Self { level, keep: keep.iter().map(folder).filter(|folder| !folder.is_empty()).collect() }
    }

    /// What becomes of something of a class at this level.
    pub(crate) fn fate(&self, class: Class) -> Fate {
        let from = match class {
            Class::Names => Level::Names,
            Class::Paths => Level::Paths,
            Class::Arguments => Level::Arguments,
            Class::Symbols => Level::Symbols,
            Class::System => Level::All,
        };
        match class {
            _ if self.level >= from => Fate::Hidden(class),
            Class::System => Fate::Public,
            _ => Fate::Own,
        }
    }

    /// Cuts what a mapping or a module is called.
    pub(crate) fn mapping(&self, cut: &mut Cut<'_>) {
        let text = cut.rest();
        let body = text.strip_suffix(DELETED).unwrap_or(text);
        let is_one = |list: &[&str]| has(list, text);
        if text == b"//anon" || body == b"/dev/zero" || is_one(MEMORY_NAMES) {
            cut.take_rest(Fate::Structure);
        } else if body.starts_with(b"[") {
            self.bracketed(cut);
        } else if cut.take_prefix(b"/memfd:", Fate::Structure) {
            self.name(cut, body.len() - b"/memfd:".len());
        } else if body.starts_with(b"/SYSV") && !body.iter().skip(1).any(|&byte| byte == b'/') {
            cut.take(b"/SYSV".len(), Fate::Structure);
            cut.take(body.len() - b"/SYSV".len(), self.fate(Class::Paths));
        } else if cut.take_prefix(b"/anon_hugepage", Fate::Structure) {
            cut.take(body.len() - b"/anon_hugepage".len(), self.fate(Class::Paths));
        } else if body.starts_with(b"anon_inode:") || body.starts_with(b"/anon_inode:") {
            // Only the kernel's own code names these, but drivers outside of it may too.
            cut.take(body.len() - after(body, b':'), Fate::Structure);
            self.words(cut, after(body, b':'), Class::System, &[]);
        } else if cut.take_prefix(b"socket:[", Fate::Structure) {
            self.words(cut, body.len() - b"socket:[".len(), Class::Paths, &[]);
        } else {
            self.path(cut, body.len());
        }
    }

    /// Cuts a path of `bytes`.
    pub(crate) fn path(&self, cut: &mut Cut<'_>, bytes: usize) {
        let Some(whole) = cut.rest().get(..bytes) else { return };
        let known = self.known(whole);
        let is_absolute = whole.starts_with(b"/");
        let (mut at, mut depth) = (0, 0);
        while at < bytes {
            let name = whole.get(at..).unwrap_or_default();
            let length = name.iter().position(|&byte| byte == b'/').unwrap_or(name.len());
            if length == 0 {
                cut.take(1, Fate::Structure);
                at += 1;
                continue;
            }
            let name = name.get(..length).unwrap_or_default();
            depth += 1;
            at += length;
            let what = known.of(depth);
            self.one(cut, name, what, is_absolute.then_some(&known.folder), at == bytes);
        }
    }

    /// Cuts one part of a path; the last one is a file.
    fn one(
        &self,
        cut: &mut Cut<'_>,
        name: &[u8],
        what: Part,
        folder: Option<&Vec<u8>>,
        is_last: bool,
    ) {
        let in_folder = |path: &[u8]| folder.is_some_and(|folder| folder == path);
        match what {
            _ if name == b"." || name == b".." => {
                cut.take(name.len(), Fate::Structure);
            }
            Part::Interpreted => {
                cut.take(name.len(), Fate::Structure);
            }
            Part::Public => match self.fate(Class::System) {
                Fate::Public => {
                    cut.take(name.len(), Fate::Public);
                }
                fate => cut.component(name.len(), fate, is_last),
            },
            Part::Owner => {
                cut.take(name.len(), self.fate(Class::Names));
            }
            Part::Private if in_folder(b"/dev") && is_device(name) => {
                cut.take(name.len(), Fate::Public);
            }
            Part::Private if in_folder(b"/tmp") && is_perf_map(name) => {
                cut.take(b"perf-".len(), Fate::Structure);
                cut.take(name.len() - b"perf-.map".len(), self.fate(Class::System));
                cut.take(b".map".len(), Fate::Structure);
            }
            Part::Private => match self.fate(Class::Paths) {
                Fate::Own => {
                    cut.take(name.len(), Fate::Own);
                }
                fate => cut.component(name.len(), fate, is_last),
            },
        }
    }

    /// Whether nothing in a path is anybody's.
    pub(crate) fn is_public(&self, path: &[u8]) -> bool {
        let path = path.strip_suffix(DELETED).unwrap_or(path);
        path.starts_with(b"/")
            && self.known(path).public_from.is_some_and(|from| from <= 1)
            && self.known(path).private_from == usize::MAX
    }

    /// Whether a path leads into somebody's folder.
    pub(crate) fn is_at_home(&self, path: &[u8]) -> bool {
        path.starts_with(b"/root/") || !self.known(path).owners.is_empty()
    }

    /// What is known of a path.
    fn known(&self, path: &[u8]) -> KnownPath {
        let mut known = KnownPath::default();
        if !path.starts_with(b"/") {
            return known;
        }
        let mut so_far: Vec<u8> = Vec::new();
        let mut in_system = false;
        let names = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty());
        for (depth, name) in (1..).zip(names) {
            // A domain may come before the user: `/home/ACME/eve`, `/home/acme.example/eve`.
            let is_home = has(HOMES, &so_far)
                || so_far.ends_with(b"/home")
                || known.owners.contains(&(depth - 1)) && is_domain(&so_far);
            let is_system = has(PUBLIC_FOLDERS, &so_far);
            let is_public = is_system || self.keep.contains(&so_far);
            in_system |= is_system;
            so_far.push(b'/');
            so_far.extend_from_slice(name);
            let is_upwards = name == b"..";
            if is_upwards {
                // What comes behind it is somewhere else.
                known.private_from = known.private_from.min(depth);
            }
            if is_public {
                known.public_from = Some(1);
            }
            if known.public_from.is_some() && has(PRIVATE_BELOW, name) {
                known.private_from = known.private_from.min(depth + 1);
            }
            // Users are hidden in folders that `--keep` names too.
            if is_home && !in_system {
                known.owners.push(depth);
            }
            let is_folder = has(KNOWN_FOLDERS, &so_far) || has(PUBLIC_FOLDERS, &so_far);
            if is_folder && known.folders + 1 == depth && !is_upwards {
                known.folders = depth;
                known.folder.clone_from(&so_far);
            }
        }
        known
    }

    /// Cuts the kernel's name for memory.
    fn bracketed(&self, cut: &mut Cut<'_>) {
        let text = cut.rest();
        for prefix in [&b"[anon:"[..], b"[anon_shmem:"] {
            if !cut.take_prefix(prefix, Fate::Structure) {
                continue;
            }
            let inner = cut.rest().strip_suffix(b"]").unwrap_or(cut.rest());
            let plain = inner.strip_suffix(digits_behind_colon(inner)).unwrap_or(inner);
            if has(ALLOCATOR_NAMES, plain) {
                return cut.take_rest(Fate::Structure);
            }
            let stack = STACK_NAMES.iter().find(|name| inner.starts_with(name.as_bytes()));
            let kept = stack.map_or(0, |name| name.len());
            cut.take(kept, Fate::Structure);
            return self.name(cut, inner.len() - kept);
        }
        if !cut.take_prefix(b"[stack", Fate::Structure)
            && !cut.take_prefix(b"[sigpage", Fate::Structure)
        {
            let letters = if text.starts_with(b"[v") { 2 } else { 1 };
            cut.take(letters, Fate::Structure);
        }
        // `[stack:4711]`: the number is that of a thread.
        self.words(cut, cut.rest().len(), Class::System, &[]);
    }

    /// Cuts a name that a program gave: of a thread, of memory.
    pub(crate) fn name(&self, cut: &mut Cut<'_>, bytes: usize) {
        match self.fate(Class::Arguments) {
            Fate::Own => {
                let text = cut.rest().get(..bytes).unwrap_or_default();
                let before = text.iter().position(|&byte| byte == b'/').unwrap_or(bytes);
                cut.take(before, Fate::Own);
                self.path(cut, bytes - before);
            }
            fate => self.argument(cut, bytes, fate, false),
        }
    }

    /// Cuts something between separators: an absolute path, or names with slashes and dashes. `numbers` says
    /// whether short numbers at the ends of names stay.
    pub(crate) fn argument(&self, cut: &mut Cut<'_>, bytes: usize, fate: Fate, numbers: bool) {
        let Some(text) = cut.rest().get(..bytes) else { return };
        let dashes = text.iter().take_while(|&&byte| byte == b'-').count();
        cut.take(dashes, Fate::Structure);
        let text = text.get(dashes..).unwrap_or_default();
        if text.starts_with(b"/") {
            return self.path(cut, text.len());
        }
        // `-I/usr/include`
        if dashes == 1 && text.get(1) == Some(&b'/') {
            cut.take(1, fate);
            return self.path(cut, text.len() - 1);
        }
        for part in text.split_inclusive(|&byte| byte == b'/') {
            let name = part.strip_suffix(b"/").unwrap_or(part);
            cut.component(name.len(), fate, numbers);
            cut.take(part.len() - name.len(), Fate::Structure);
        }
    }

    /// Cuts text into words and what is between them. The words of `public` stay, and numbers of up to three
    /// digits, except in what somebody chose: they may be of a user or an address.
    pub(crate) fn words(&self, cut: &mut Cut<'_>, bytes: usize, class: Class, public: &[&str]) {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
        let Some(text) = cut.rest().get(..bytes) else { return };
        for part in text.chunk_by(|&a, &b| is_word(a) == is_word(b)) {
            let is_number =
                class != Class::Arguments && part.len() <= 3 && part.iter().all(u8::is_ascii_digit);
            let fate = if !part.first().is_some_and(|&byte| is_word(byte)) || is_number {
                Fate::Structure
            } else if has(public, part) {
                Fate::Public
            } else {
                self.fate(class)
            };
            cut.take(part.len(), fate);
        }
    }
}

/// A part of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Reports go by it.
    Interpreted,
    Public,
    /// The name of a user.
    Owner,
    Private,
}

/// What is known of a path; parts count from 1.
#[derive(Debug)]
struct KnownPath {
    /// So many parts are folders that everybody has.
    folders: usize,
    /// They, as a path.
    folder: Vec<u8>,
    /// The parts that name a user, or the domain of one.
    owners: Vec<usize>,
    /// From this part on the path is public …
    public_from: Option<usize>,
    /// … up to this one.
    private_from: usize,
}

impl Default for KnownPath {
    fn default() -> Self {
        Self {
            folders: 0,
            folder: Vec::new(),
            owners: Vec::new(),
            public_from: None,
            private_from: usize::MAX,
        }
    }
}

impl KnownPath {
    fn of(&self, depth: usize) -> Part {
        let is_device = self.folder.starts_with(b"/dev") && depth <= self.folders;
        if is_device {
            Part::Interpreted
        } else if depth <= self.folders {
            Part::Public
        } else if self.owners.contains(&depth) {
            Part::Owner
        } else if self.public_from.is_some_and(|from| from <= depth) && depth < self.private_from {
            Part::Public
        } else {
            Part::Private
        }
    }
}

/// Whether the last part of a path is written as domains are: in capitals, or with a dot inside.
fn is_domain(path: &[u8]) -> bool {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let is_upper =
        name.iter().any(u8::is_ascii_uppercase) && !name.iter().any(u8::is_ascii_lowercase);
    is_upper || name.iter().skip(1).any(|&byte| byte == b'.')
}

/// How many bytes lie behind the first such byte.
fn after(text: &[u8], byte: u8) -> usize {
    text.iter().position(|&found| found == byte).map_or(0, |at| text.len() - at - 1)
}

/// `: 4711` at the end of a name, if it is there.
fn digits_behind_colon(name: &[u8]) -> &[u8] {
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let at = name.len() - digits;
    match at.checked_sub(2).and_then(|at| name.get(at..)) {
        Some(tail) if digits > 0 && tail.starts_with(b": ") => tail,
        _ => match at.checked_sub(1).and_then(|at| name.get(at..)) {
            Some(tail) if digits > 0 && tail.starts_with(b":") => tail,
            _ => &[],
        },
    }
}

fn is_device(name: &[u8]) -> bool {
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    has(DEVICES, name.get(..name.len() - digits).unwrap_or_default())
}

fn is_perf_map(name: &[u8]) -> bool {
    let pid = name.strip_prefix(b"perf-").and_then(|rest| rest.strip_suffix(b".map"));
    pid.is_some_and(|pid| !pid.is_empty() && pid.iter().all(u8::is_ascii_digit))
}
