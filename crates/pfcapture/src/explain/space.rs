//! The part of one address space that holds modules, and what was there a moment ago.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

/// What is gone is remembered this long: faults of another ring may come later than the record that
/// ended their mapping.
const PAST_NS: u64 = 10_000_000_000;
/// And so much of it at most.
const MAX_PAST: usize = 4096;
/// More parts of an address space are not followed.
const MAX_PIECES: usize = 1 << 16;
/// Between the code of a module and its data there are not more parts than these.
const NEIGHBOURS: usize = 16;

/// What a part of an address space shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// Number of the module; `None` for executable memory without a file.
    pub module: Option<u32>,
    /// File offset of its first byte; behind the end of a file, what it would be.
    pub offset: u64,
    /// Whether it may be executed.
    pub is_code: bool,
    /// Whether the file itself is mapped there, rather than memory that takes part in its layout.
    pub is_file: bool,
}

/// A part of an address space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// First address behind it.
    pub end: u64,
    /// Since when it is there; 0 if that is not known.
    pub from_ns: u64,
    /// What it shows.
    pub content: Content,
}

/// A part that was there until some time.
#[derive(Debug, Clone, Copy)]
struct Past {
    start: u64,
    until_ns: u64,
    piece: Piece,
}

/// What lies at an address at some time, and when and where else the same answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The addresses.
    pub range: Range<u64>,
    /// The times.
    pub times_ns: Range<u64>,
    /// What it shows; `None` where no module is.
    pub content: Option<Content>,
}

/// The parts of one address space that matter here.
#[derive(Debug, Default)]
pub struct Space {
    /// By first address; shared with the processes that were forked from this one.
    pieces: Arc<BTreeMap<u64, Piece>>,
    past: VecDeque<Past>,
    /// Nothing of it is older.
    since_ns: u64,
    /// Its threads, as far as they were told of.
    pub threads: u32,
    /// Another number whenever it changed.
    pub version: u32,
    /// It has faulted.
    pub has_faulted: bool,
    /// When its last thread ended.
    pub ended_ns: Option<u64>,
}

impl Space {
    /// A copy, as `fork(2)` makes it.
    pub fn fork(&self) -> Self {
        Self { pieces: Arc::clone(&self.pieces), threads: 1, ..Self::default() }
    }

    /// Takes away everything, as `execve(2)` does.
    pub fn exec(&mut self, at_ns: u64) {
        for (&start, &piece) in std::mem::take(&mut self.pieces).iter() {
            self.remember(start, piece, at_ns);
        }
        (self.since_ns, self.threads, self.ended_ns) = (at_ns, 1, None);
    }

    /// Takes away what lies in a range. Whether that was anything.
    pub fn cut(&mut self, range: Range<u64>, at_ns: u64) -> bool {
        let starts: Vec<u64> = self.overlapping(&range).map(|(start, _)| start).collect();
        if starts.is_empty() || range.is_empty() {
            return false;
        }
        for start in starts {
            let pieces = Arc::make_mut(&mut self.pieces);
            let Some(piece) = pieces.remove(&start) else { continue };
            if start < range.start {
                pieces.insert(start, Piece { end: range.start, ..piece });
            }
            if piece.end > range.end {
                let content = moved(piece.content, range.end.wrapping_sub(start));
                pieces.insert(range.end, Piece { content, ..piece });
            }
            self.remember(start, piece, at_ns);
        }
        true
    }

    /// Something new is in a range. Whether that changes anything. With `was_there`, it may have been
    /// there before `at_ns` unless something else was.
    pub fn set(
        &mut self,
        range: Range<u64>,
        content: Content,
        at_ns: u64,
        was_there: bool,
    ) -> bool {
        let known = self.overlapping(&range).try_fold(range.start, |reached, (start, piece)| {
            let into = range.start.max(start);
            let same = moved(content, into.wrapping_sub(range.start))
                == moved(piece.content, into.wrapping_sub(start));
            (same && start <= reached).then_some(piece.end)
        });
        if known.is_some_and(|reached| reached >= range.end) {
            return false;
        }
        let replaced = self.cut(range.clone(), at_ns);
        if self.pieces.len() < MAX_PIECES {
            let from_ns = if was_there && !replaced { self.since_ns } else { at_ns };
            let piece = Piece { end: range.end, from_ns, content };
            Arc::make_mut(&mut self.pieces).insert(range.start, piece);
        }
        true
    }

    /// The last part that begins below this address. It may end below it too, or behind it.
    pub fn below(&self, addr: u64) -> Option<(u64, Piece)> {
        self.pieces.range(..addr).next_back().map(|(&start, &piece)| (start, piece))
    }

    /// What lies at an address at some time.
    pub fn find(&self, addr: u64, time_ns: u64) -> Found {
        let below = self.pieces.range(..=addr).next_back();
        let last_gone_ns = self.past.back().map_or(0, |past| past.until_ns);
        let now = match below {
            Some((&start, piece)) if addr < piece.end => Found {
                range: start..piece.end,
                times_ns: piece.from_ns..u64::MAX,
                content: Some(moved(piece.content, addr - start)),
            },
            _ => Found {
                range: below.map_or(0, |(_, piece)| piece.end)
                    ..self.pieces.range(addr..).next().map_or(u64::MAX, |(&start, _)| start),
                times_ns: last_gone_ns..u64::MAX,
                content: None,
            },
        };
        if now.times_ns.start <= time_ns {
            return now;
        }
        // The newest that was there then; several may have been at the address one after another.
        let held = |past: &&Past| {
            (past.start..past.piece.end).contains(&addr)
                && (past.piece.from_ns..past.until_ns).contains(&time_ns)
        };
        match self.past.iter().rev().find(held) {
            Some(past) => Found {
                range: past.start..past.piece.end,
                times_ns: past.piece.from_ns..past.until_ns,
                content: Some(moved(past.piece.content, addr - past.start)),
            },
            // Later evidence is better than none.
            None => now,
        }
    }

    /// The nearest part of the same module that could be executed then.
    pub fn code_near(&self, addr: u64, module: u32, time_ns: u64) -> Option<(u64, Piece)> {
        let is_code = |piece: &Piece| {
            let code = piece.content.is_code && piece.content.module == Some(module);
            code && piece.from_ns <= time_ns
        };
        let is_present = |(_, piece): &(&u64, &Piece)| is_code(piece);
        let below = self.pieces.range(..=addr).rev().take(NEIGHBOURS).find(is_present);
        let above = || self.pieces.range(addr..).take(NEIGHBOURS).find(is_present);
        if let Some((&start, &piece)) = below.or_else(above) {
            return Some((start, piece));
        }
        let past = self.past.iter().filter(|past| is_code(&past.piece) && time_ns < past.until_ns);
        let nearest = past.min_by_key(|past| past.start.abs_diff(addr));
        nearest.map(|past| (past.start, past.piece))
    }

    /// The modules in it, now and a moment ago.
    pub fn modules(&self) -> impl Iterator<Item = u32> {
        let past = self.past.iter().map(|past| &past.piece);
        self.pieces.values().chain(past).filter_map(|piece| piece.content.module)
    }

    /// Where code is: addresses, file offset, module. Code that the process made has none.
    pub fn code(&self) -> impl Iterator<Item = (Range<u64>, u64, Option<u32>)> {
        self.pieces
            .iter()
            .filter(|(_, piece)| piece.content.is_code)
            .map(|(&start, piece)| (start..piece.end, piece.content.offset, piece.content.module))
    }

    /// First and last address of each part.
    pub fn ranges(&self) -> Vec<Range<u64>> {
        self.pieces.iter().map(|(&start, piece)| start..piece.end).collect()
    }

    fn overlapping(&self, range: &Range<u64>) -> impl Iterator<Item = (u64, Piece)> {
        let before = self.pieces.range(..range.start).next_back();
        let before = before.filter(|(_, piece)| piece.end > range.start);
        let inside = self.pieces.range(range.start..range.end.max(range.start));
        before.into_iter().chain(inside).map(|(&start, &piece)| (start, piece))
    }

    fn remember(&mut self, start: u64, piece: Piece, until_ns: u64) {
        let old = |past: &Past| past.until_ns.saturating_add(PAST_NS) < until_ns;
        while self.past.len() >= MAX_PAST || self.past.front().is_some_and(old) {
            self.past.pop_front();
        }
        self.past.push_back(Past { start, until_ns, piece });
    }
}

/// What lies so many bytes further on.
const fn moved(content: Content, by: u64) -> Content {
    Content { offset: content.offset.wrapping_add(by), ..content }
}
