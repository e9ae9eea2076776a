//! Address ranges in order, with copies in constant time.
//!
//! A fork copies an address space; ten thousand forks of a process with tens of thousands of mappings
//! must not cost their product. So this is a balanced (AVL) tree whose nodes are shared between copies
//! and copied one path at a time when one of them changes.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::rc::Rc;

/// A part of a mapping: addresses with one birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// First address.
    pub start: u64,
    /// First address behind the range.
    pub end: u64,
    /// Row that describes the mapping, in [`crate::mapping_rows::MappingRows`].
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

type Link<P> = Option<Rc<Node<P>>>;

#[derive(Debug, Clone)]
struct Node<P> {
    piece: P,
    left: Link<P>,
    right: Link<P>,
    height: u8,
}

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
    root: Link<P>,
}

impl<P> Default for PieceTree<P> {
    fn default() -> Self {
        Self { root: None }
    }
}

impl<P: Span> PieceTree<P> {
    /// The last piece that starts at or before `addr`.
    pub(crate) fn floor(&self, addr: u64) -> Option<P> {
        let (mut link, mut found) = (&self.root, None);
        while let Some(node) = link {
            if node.piece.start() <= addr {
                found = Some(node.piece);
                link = &node.right;
            } else {
                link = &node.left;
            }
        }
        found
    }

    /// The first piece that starts at or behind `addr`.
    pub(crate) fn ceiling(&self, addr: u64) -> Option<P> {
        let (mut link, mut found) = (&self.root, None);
        while let Some(node) = link {
            if node.piece.start() >= addr {
                found = Some(node.piece);
                link = &node.left;
            } else {
                link = &node.right;
            }
        }
        found
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

    /// Visits all pieces, but those that this tree shares with one visited before. `seen` remembers the
    /// nodes that trees share.
    pub(crate) fn visit_unseen(&self, seen: &mut SeenNodes<P>, visit: &mut impl FnMut(&P)) {
        visit_unseen(&self.root, seen, visit);
    }

    /// The piece with this start, to be changed but for its range.
    pub(crate) fn starting_at(&mut self, start: u64) -> Option<&mut P> {
        let mut link = &mut self.root;
        while let Some(node) = link.as_mut() {
            let node = Rc::make_mut(node);
            link = match start.cmp(&node.piece.start()) {
                Ordering::Less => &mut node.left,
                Ordering::Greater => &mut node.right,
                Ordering::Equal => return Some(&mut node.piece),
            };
        }
        None
    }

    /// Adds a piece, which must not overlap another unless it replaces one with the same start.
    pub(crate) fn insert(&mut self, piece: P) {
        insert(&mut self.root, piece);
    }

    /// Removes the pieces that start inside `start..end`.
    pub(crate) fn remove(&mut self, start: u64, end: u64) {
        let from = |addr| self.ceiling(addr).map(|piece| piece.start()).filter(|&at| at < end);
        let Some(first) = from(start) else { return };
        // Mostly there is one: that changes one path, and takes a third of the time of cutting the tree twice.
        if first == u64::MAX || from(first + 1).is_none() {
            return remove(&mut self.root, first);
        }
        let (left, rest) = split(self.root.take(), start);
        let (_, right) = split(rest, end);
        self.root = concatenate(left, right);
    }

    /// Removes all pieces.
    pub(crate) fn clear(&mut self) {
        self.root = None;
    }
}

fn visit_unseen<P>(link: &Link<P>, seen: &mut SeenNodes<P>, visit: &mut impl FnMut(&P)) {
    let Some(node) = link else { return };
    if Rc::strong_count(node) > 1 && !seen.0.insert(Rc::as_ptr(node)) {
        return;
    }
    visit_unseen(&node.left, seen, visit);
    visit(&node.piece);
    visit_unseen(&node.right, seen, visit);
}

fn height<P>(link: &Link<P>) -> u8 {
    link.as_ref().map_or(0, |node| node.height)
}

fn node<P: Span>(left: Link<P>, piece: P, right: Link<P>) -> Link<P> {
    let height = height(&left).max(height(&right)) + 1;
    Some(Rc::new(Node { piece, left, right, height }))
}

/// A node of two trees whose heights differ by two at most.
fn balance<P: Span>(left: Link<P>, piece: P, right: Link<P>) -> Link<P> {
    if height(&left) > height(&right) + 1 {
        let Some(l) = left.map(Rc::unwrap_or_clone) else {
            return node(None, piece, right);
        };
        if height(&l.left) >= height(&l.right) {
            return node(l.left, l.piece, node(l.right, piece, right));
        }
        let Some(lr) = l.right.map(Rc::unwrap_or_clone) else {
            return node(l.left, piece, right);
        };
        node(node(l.left, l.piece, lr.left), lr.piece, node(lr.right, piece, right))
    } else if height(&right) > height(&left) + 1 {
        let Some(r) = right.map(Rc::unwrap_or_clone) else {
            return node(left, piece, None);
        };
        if height(&r.right) >= height(&r.left) {
            return node(node(left, piece, r.left), r.piece, r.right);
        }
        let Some(rl) = r.left.map(Rc::unwrap_or_clone) else {
            return node(left, piece, r.right);
        };
        node(node(left, piece, rl.left), rl.piece, node(rl.right, r.piece, r.right))
    } else {
        node(left, piece, right)
    }
}

/// One tree of all pieces; `piece` lies between those of `left` and those of `right`.
fn join<P: Span>(left: Link<P>, piece: P, right: Link<P>) -> Link<P> {
    match (left, right) {
        (Some(l), right) if l.height > height(&right) + 1 => {
            let l = Rc::unwrap_or_clone(l);
            balance(l.left, l.piece, join(l.right, piece, right))
        }
        (left, Some(r)) if r.height > height(&left) + 1 => {
            let r = Rc::unwrap_or_clone(r);
            balance(join(left, piece, r.left), r.piece, r.right)
        }
        (left, right) => node(left, piece, right),
    }
}

/// The pieces that start before `addr`, and the others.
fn split<P: Span>(link: Link<P>, addr: u64) -> (Link<P>, Link<P>) {
    let Some(node) = link.map(Rc::unwrap_or_clone) else {
        return (None, None);
    };
    if node.piece.start() < addr {
        let (left, right) = split(node.right, addr);
        (join(node.left, node.piece, left), right)
    } else {
        let (left, right) = split(node.left, addr);
        (left, join(right, node.piece, node.right))
    }
}

/// One tree of two, all of `left` before all of `right`.
fn concatenate<P: Span>(mut left: Link<P>, right: Link<P>) -> Link<P> {
    match take_last(&mut left) {
        Some(last) => join(left, last, right),
        None => right,
    }
}

fn take_last<P: Span>(link: &mut Link<P>) -> Option<P> {
    let node = Rc::make_mut(link.as_mut()?);
    if let Some(last) = take_last(&mut node.right) {
        settle(link);
        return Some(last);
    }
    let (last, left) = (node.piece, node.left.take());
    *link = left;
    Some(last)
}

fn insert<P: Span>(link: &mut Link<P>, piece: P) {
    let Some(here) = link.as_mut().map(Rc::make_mut) else {
        *link = node(None, piece, None);
        return;
    };
    match piece.start().cmp(&here.piece.start()) {
        Ordering::Less => insert(&mut here.left, piece),
        Ordering::Greater => insert(&mut here.right, piece),
        Ordering::Equal => {
            here.piece = piece;
            return;
        }
    }
    settle(link);
}

/// Removes the piece with this start.
fn remove<P: Span>(link: &mut Link<P>, start: u64) {
    let Some(here) = link.as_mut().map(Rc::make_mut) else { return };
    match start.cmp(&here.piece.start()) {
        Ordering::Less => remove(&mut here.left, start),
        Ordering::Greater => remove(&mut here.right, start),
        Ordering::Equal => *link = concatenate(here.left.take(), here.right.take()),
    }
    settle(link);
}

/// Puts a node right of which one side became higher or lower by one.
fn settle<P: Span>(link: &mut Link<P>) {
    let Some(here) = link.as_mut() else { return };
    let (left, right) = (height(&here.left), height(&here.right));
    if left.abs_diff(right) <= 1 {
        Rc::make_mut(here).height = left.max(right) + 1;
    } else if let Some(Node { left, piece, right, .. }) = link.take().map(Rc::unwrap_or_clone) {
        *link = balance(left, piece, right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn piece(start: u64) -> Piece {
        Piece {
            start,
            end: start + 1,
            row: start as u32,
            born: 0,
            seen_from_start: false,
            may_be_new: false,
            inaccessible: false,
            history_offset: 0,
        }
    }

    fn check(link: &Link<Piece>) -> u8 {
        let Some(node) = link else { return 0 };
        let (left, right) = (check(&node.left), check(&node.right));
        assert!(left.abs_diff(right) <= 1, "heights {left} and {right}");
        assert_eq!(node.height, left.max(right) + 1);
        node.height
    }

    fn starts(tree: &PieceTree) -> Vec<u64> {
        tree.overlapping(0, u64::MAX).map(|piece| piece.start).collect()
    }

    #[test]
    fn ascending_insertion_stays_balanced() {
        let mut tree: PieceTree = PieceTree::default();
        (0..10_000).for_each(|n| tree.insert(piece(n * 2)));
        assert!(check(&tree.root) <= 16);
        assert_eq!(starts(&tree).len(), 10_000);
    }

    #[test]
    fn a_copy_does_not_see_later_changes() {
        let mut parent: PieceTree = PieceTree::default();
        (0..100).for_each(|n| parent.insert(piece(n * 10)));
        let mut child = parent.clone();
        child.remove(0, 500);
        parent.insert(piece(5));
        assert_eq!(starts(&child), (50..100).map(|n| n * 10).collect::<Vec<_>>());
        assert_eq!(starts(&parent).len(), 101);
    }

    #[test]
    fn shared_parts_are_visited_once() {
        let mut parent = PieceTree::default();
        (0..100).for_each(|n| parent.insert(piece(n)));
        let mut child = parent.clone();
        child.insert(piece(1000));
        let (mut seen, mut rows) = (SeenNodes::default(), Vec::new());
        parent.visit_unseen(&mut seen, &mut |piece| rows.push(piece.row));
        assert_eq!(rows, (0..100).collect::<Vec<_>>());
        rows.clear();
        child.visit_unseen(&mut seen, &mut |piece| rows.push(piece.row));
        assert!(rows.contains(&1000));
        // With what turns to keep the balance, two nodes at most.
        let path = usize::from(height(&child.root));
        assert!(rows.len() <= path + 2, "one path is its own: {rows:?}");
    }

    #[test]
    fn lookups_respect_half_open_ranges() {
        let mut tree: PieceTree = PieceTree::default();
        tree.insert(Piece { end: 20, ..piece(10) });
        tree.insert(Piece { end: 40, ..piece(30) });
        assert_eq!(tree.at(9), None);
        assert_eq!(tree.at(10).map(|p| p.start), Some(10));
        assert_eq!(tree.at(19).map(|p| p.start), Some(10));
        assert_eq!(tree.at(20), None);
        let overlapping = |start, end| tree.overlapping(start, end).count();
        assert_eq!((overlapping(0, 10), overlapping(0, 11), overlapping(19, 31)), (0, 1, 2));
    }

    proptest! {
        #[test]
        fn behaves_like_an_ordered_map(steps in prop::collection::vec((0..3u8, 0..200u64, 0..50u64), 0..300)) {
            let (mut tree, mut model) = (PieceTree::<Piece>::default(), BTreeMap::new());
            let mut copy = (tree.clone(), model.clone());
            let half = steps.len() / 2;
            for (index, (step, start, len)) in steps.into_iter().enumerate() {
                if index == half {
                    copy = (tree.clone(), model.clone());
                }
                match step {
                    0 | 1 => { tree.insert(piece(start)); model.insert(start, piece(start)); }
                    _ => { tree.remove(start, start + len); model.retain(|&k, _| k < start || k >= start + len); }
                }
                check(&tree.root);
            }
            prop_assert_eq!(starts(&tree), model.keys().copied().collect::<Vec<_>>());
            prop_assert_eq!(starts(&copy.0), copy.1.keys().copied().collect::<Vec<_>>());
            for addr in 0..200 {
                prop_assert_eq!(tree.starting_at(addr).copied(), model.get(&addr).copied());
                prop_assert_eq!(tree.floor(addr), model.range(..=addr).next_back().map(|(_, p)| *p));
                prop_assert_eq!(tree.ceiling(addr), model.range(addr..).next().map(|(_, p)| *p));
            }
        }
    }
}
