//! Address ranges in order, with copies in constant time.
//!
//! A fork copies an address space; ten thousand forks of a process with tens of thousands of mappings
//! must not cost their product. So this is a B-tree whose nodes are shared between copies and copied one path
//! at a time when one of them changes.

use std::collections::HashSet;
use std::rc::Rc;

use arrayvec::ArrayVec;

/// A part of a mapping: addresses with one birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// First address.
    pub start: u64,
    /// First address behind the range.
    pub end: u64,
    /// Row that describes the mapping, in [`crate::space::mapping_rows::MappingRows`].
    pub row: u32,
    /// How many faults the trace had seen when these addresses were mapped.
    pub born: u32,
    /// Whether the trace saw them being mapped.
    pub seen_from_start: bool,
    /// Whether a record since then may tell of a larger mapping in their place rather than of one that
    /// was merged with them: `munmap` sends no record.
    pub may_be_new: bool,
    /// Whether they could not be accessed ever since they were mapped, and so are untouched.
    pub inaccessible: bool,
    /// What to add to an address, wrapping, to get the one under which the history of its page is
    /// kept: that of memory that moved stays where it was written.
    pub history_offset: u64,
}

impl Piece {
    /// Whether `other` was born like this one, and its history is kept in one place with this one's.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let birth = |piece: &Self| {
            (piece.born, piece.seen_from_start, piece.may_be_new, piece.inaccessible)
        };
        birth(self) == birth(other) && self.history_offset == other.history_offset
    }
}

/// What covers a range of addresses.
pub(crate) trait Span: Copy {
    /// First address.
    fn start(&self) -> u64;
    /// First address behind the range.
    fn end(&self) -> u64;
}

impl Span for Piece {
    fn start(&self) -> u64 {
        self.start
    }

    fn end(&self) -> u64 {
        self.end
    }
}

/// Most entries of a node: with so many, one of sixty thousand pieces is found through four nodes.
const MOST: usize = 32;

/// A node of the tree. All leaves are at one depth, and none is empty.
#[derive(Debug, Clone)]
struct Node<P> {
    /// Where the first piece of each entry starts: apart from the pieces, to be looked through in few cache lines.
    starts: ArrayVec<u64, MOST>,
    entries: Entries<P>,
}

#[expect(
    clippy::large_enum_variant,
    reason = "most nodes are leaves, whose pieces are the larger ones"
)]
#[derive(Debug, Clone)]
enum Entries<P> {
    Pieces(ArrayVec<P, MOST>),
    Nodes(ArrayVec<Rc<Node<P>>, MOST>),
}

use Entries::{Nodes, Pieces};

/// Nodes that several trees share, by where they are. Good as long as no tree changes.
#[derive(Debug)]
pub(crate) struct SeenNodes<P = Piece>(HashSet<*const Node<P>>);

impl<P> Default for SeenNodes<P> {
    fn default() -> Self {
        Self(HashSet::new())
    }
}

/// Pieces that do not overlap, in order of address.
#[derive(Debug, Clone)]
pub(crate) struct PieceTree<P = Piece> {
    root: Option<Rc<Node<P>>>,
}

impl<P> Default for PieceTree<P> {
    fn default() -> Self {
        Self { root: None }
    }
}

impl<P: Span> PieceTree<P> {
    /// The last piece that starts at or before `addr`.
    pub(crate) fn floor(&self, addr: u64) -> Option<P> {
        let mut node = self.root.as_ref()?;
        loop {
            let at = node.holder_of(addr)?;
            match &node.entries {
                Pieces(pieces) => return pieces.get(at).copied(),
                Nodes(nodes) => node = nodes.get(at)?,
            }
        }
    }

    /// The first piece that starts at or behind `addr`.
    pub(crate) fn ceiling(&self, addr: u64) -> Option<P> {
        self.root.as_ref()?.ceiling(addr)
    }

    /// The piece that holds `addr`.
    pub(crate) fn at(&self, addr: u64) -> Option<P> {
        self.floor(addr).filter(|piece| addr < piece.end())
    }

    /// The pieces that overlap `start..end`, in order.
    pub(crate) fn overlapping(&self, start: u64, end: u64) -> impl Iterator<Item = P> + '_ {
        let first = self.at(start).or_else(|| self.ceiling(start));
        // Behind one that reaches the end nothing need be looked up.
        let next = move |piece: &P| (piece.end() < end).then(|| self.ceiling(piece.end()))?;
        std::iter::successors(first, next).take_while(move |piece| piece.start() < end)
    }

    /// Visits all pieces, but those in nodes that this tree shares with one visited before. `seen` remembers
    /// the nodes that trees share.
    pub(crate) fn visit_unseen(&self, seen: &mut SeenNodes<P>, visit: &mut impl FnMut(&P)) {
        if let Some(root) = &self.root {
            visit_unseen(root, seen, visit);
        }
    }

    /// The piece with this start, to be changed but for its range.
    pub(crate) fn starting_at(&mut self, start: u64) -> Option<&mut P> {
        let mut node = Rc::make_mut(self.root.as_mut()?);
        loop {
            let at = node.holder_of(start)?;
            match &mut node.entries {
                Pieces(pieces) => {
                    return pieces.get_mut(at).filter(|piece| piece.start() == start);
                }
                Nodes(nodes) => node = Rc::make_mut(nodes.get_mut(at)?),
            }
        }
    }

    /// Adds a piece, which must not overlap another unless it replaces one with the same start.
    pub(crate) fn insert(&mut self, piece: P) {
        let Some(root) = &mut self.root else {
            self.root = Some(Rc::new(Node::leaf(piece)));
            return;
        };
        if let Some(behind) = Rc::make_mut(root).insert(piece, true) {
            let parts = [root.clone(), Rc::new(behind)];
            self.root = Some(Rc::new(Node::joining(parts)));
        }
    }

    /// Removes the pieces that start inside `start..end`.
    pub(crate) fn remove(&mut self, start: u64, end: u64) {
        let Some(root) = self.root.as_mut().filter(|root| root.has_any(start, end)) else {
            return;
        };
        Rc::make_mut(root).remove(start, end);
        while let Some(root) = &self.root {
            self.root = match &root.entries {
                _ if root.starts.is_empty() => None,
                Nodes(nodes) if nodes.len() == 1 => nodes.first().cloned(),
                _ => return,
            };
        }
    }

    /// Removes all pieces.
    pub(crate) fn clear(&mut self) {
        self.root = None;
    }
}

fn visit_unseen<P>(node: &Rc<Node<P>>, seen: &mut SeenNodes<P>, visit: &mut impl FnMut(&P)) {
    if Rc::strong_count(node) > 1 && !seen.0.insert(Rc::as_ptr(node)) {
        return;
    }
    match &node.entries {
        Pieces(pieces) => pieces.iter().for_each(visit),
        Nodes(nodes) => nodes.iter().for_each(|node| visit_unseen(node, seen, visit)),
    }
}

impl<P: Span> Node<P> {
    fn leaf(piece: P) -> Self {
        let pieces: ArrayVec<P, MOST> = [piece].into_iter().collect();
        Self { starts: pieces.iter().map(Span::start).collect(), entries: Pieces(pieces) }
    }

    fn joining(parts: [Rc<Self>; 2]) -> Self {
        let starts = parts.iter().map(|node| node.start()).collect();
        Self { starts, entries: Nodes(parts.into_iter().collect()) }
    }

    /// Where its first piece starts.
    fn start(&self) -> u64 {
        self.starts.first().copied().unwrap_or(0)
    }

    /// The last entry that starts at or before `addr`.
    fn holder_of(&self, addr: u64) -> Option<usize> {
        self.starts.partition_point(|&start| start <= addr).checked_sub(1)
    }

    fn ceiling(&self, addr: u64) -> Option<P> {
        let behind = self.starts.partition_point(|&start| start < addr);
        match &self.entries {
            Pieces(pieces) => pieces.get(behind).copied(),
            Nodes(nodes) => {
                let before = behind.checked_sub(1).and_then(|before| nodes.get(before));
                let inside = before.and_then(|node| node.ceiling(addr));
                inside.or_else(|| nodes.get(behind)?.ceiling(addr))
            }
        }
    }

    /// Whether a piece starts inside `start..end`.
    fn has_any(&self, start: u64, end: u64) -> bool {
        self.ceiling(start).is_some_and(|first| first.start() < end)
    }

    /// Adds a piece. What it leaves no room for, which comes behind all that stays, is returned. Behind the last node
    /// there is nothing else in the tree.
    fn insert(&mut self, piece: P, is_last: bool) -> Option<Self> {
        let start = piece.start();
        let holder = self.holder_of(start);
        match &mut self.entries {
            Pieces(pieces) => {
                let same = holder.and_then(|at| pieces.get_mut(at));
                if let Some(same) = same.filter(|same| same.start() == start) {
                    *same = piece;
                    return None;
                }
                let at = holder.map_or(0, |holder| holder + 1);
                let parts = (&mut self.starts, pieces);
                let behind = insert_at(at, (start, piece), parts, is_last)?;
                Some(Self { starts: behind.0, entries: Pieces(behind.1) })
            }
            Nodes(nodes) => {
                let at = holder.unwrap_or(0);
                let is_last_there = is_last && at + 1 == nodes.len();
                let behind = Rc::make_mut(nodes.get_mut(at)?).insert(piece, is_last_there);
                if let Some(first) = self.starts.get_mut(at) {
                    *first = start.min(*first);
                }
                let behind = behind?;
                let entry = (behind.start(), Rc::new(behind));
                let behind = insert_at(at + 1, entry, (&mut self.starts, nodes), is_last)?;
                Some(Self { starts: behind.0, entries: Nodes(behind.1) })
            }
        }
    }

    /// Removes the pieces that start inside `start..end`. Leaves none if there are no others.
    fn remove(&mut self, start: u64, end: u64) {
        let from = self.starts.partition_point(|&first| first < start);
        let to = self.starts.partition_point(|&first| first < end);
        let nodes = match &mut self.entries {
            Pieces(pieces) => {
                self.starts.drain(from..to);
                pieces.drain(from..to);
                return;
            }
            Nodes(nodes) => nodes,
        };
        // Only the last of those that start there may hold others, and the one before them some of these.
        let whole = from..to.saturating_sub(1).max(from);
        self.starts.drain(whole.clone());
        nodes.drain(whole);
        let before = from.saturating_sub(1);
        for at in [from, before] {
            let Some(node) = nodes.get_mut(at).filter(|node| node.has_any(start, end)) else {
                continue;
            };
            let node = Rc::make_mut(node);
            node.remove(start, end);
            if node.starts.is_empty() {
                self.starts.remove(at);
                nodes.remove(at);
            } else if let Some(first) = self.starts.get_mut(at) {
                *first = node.start();
            }
        }
        for at in (before.saturating_sub(1)..=from).rev() {
            self.join(at);
        }
    }

    /// Makes one of two neighbours that hold few pieces.
    fn join(&mut self, at: usize) {
        let Nodes(nodes) = &mut self.entries else { return };
        let Some([one, next]) = nodes.get_mut(at..).and_then(|nodes| nodes.first_chunk_mut())
        else {
            return;
        };
        // Half of a node stays free, or it would soon have to be parted again.
        if one.starts.len() + next.starts.len() > MOST / 2 {
            return;
        }
        let one = Rc::make_mut(one);
        one.starts.extend(next.starts.iter().copied());
        match (&mut one.entries, &next.entries) {
            (Pieces(one), Pieces(next)) => one.extend(next.iter().copied()),
            (Nodes(one), Nodes(next)) => one.extend(next.iter().cloned()),
            _ => {}
        }
        self.starts.remove(at + 1);
        nodes.remove(at + 1);
    }
}

/// Entries of a node.
type Parts<T> = (ArrayVec<u64, MOST>, ArrayVec<T, MOST>);

/// Inserts an entry. If there is no room for it, half of them are returned, or, where it comes behind all of the tree, it
/// alone: what grows at its end leaves full nodes behind.
fn insert_at<T>(
    at: usize,
    (start, entry): (u64, T),
    (starts, entries): (&mut ArrayVec<u64, MOST>, &mut ArrayVec<T, MOST>),
    is_last: bool,
) -> Option<Parts<T>> {
    if !starts.is_full() {
        starts.insert(at, start);
        entries.insert(at, entry);
        return None;
    }
    let half = if at == MOST && is_last { MOST } else { MOST / 2 };
    let mut behind: Parts<T> = (starts.drain(half..).collect(), entries.drain(half..).collect());
    let (starts, entries, at) = match at.checked_sub(half) {
        Some(at) => (&mut behind.0, &mut behind.1, at),
        None => (starts, entries, at),
    };
    starts.insert(at, start);
    entries.insert(at, entry);
    Some(behind)
}

#[cfg(test)]
mod tests;
