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

/// Checks what holds for all trees; how deep this one is.
fn check(tree: &PieceTree) -> usize {
    fn of(node: &Node<Piece>) -> usize {
        assert!(!node.starts.is_empty() && node.starts.is_sorted());
        match &node.entries {
            Pieces(pieces) => {
                assert!(pieces.iter().map(|piece| piece.start).eq(node.starts.iter().copied()));
                1
            }
            Nodes(nodes) => {
                assert!(nodes.iter().map(|node| node.start()).eq(node.starts.iter().copied()));
                let depths: Vec<usize> = nodes.iter().map(|node| of(node)).collect();
                assert!(depths.iter().all(|depth| *depth == depths[0]), "{depths:?}");
                depths[0] + 1
            }
        }
    }
    let Some(root) = &tree.root else { return 0 };
    assert!(matches!(&root.entries, Pieces(_)) || root.starts.len() > 1);
    of(root)
}

fn starts(tree: &PieceTree) -> Vec<u64> {
    tree.overlapping(0, u64::MAX).map(|piece| piece.start).collect()
}

#[test]
fn many_pieces_are_few_nodes_deep() {
    let mut tree: PieceTree = PieceTree::default();
    (0..10_000).for_each(|n| tree.insert(piece(n * 2)));
    assert_eq!(check(&tree), 3);
    assert_eq!(starts(&tree).len(), 10_000);
    (0..10_000).rev().for_each(|n| tree.insert(piece(n * 2 + 1)));
    assert!(check(&tree) <= 4);
    assert_eq!(starts(&tree), (0..20_000).collect::<Vec<_>>());
    tree.remove(100, 19_900);
    assert!(check(&tree) <= 3);
    (0..20_000).filter(|n| n % 7 != 0).for_each(|n| tree.remove(n, n + 1));
    assert!(check(&tree) <= 2);
    assert_eq!(starts(&tree).len(), 30);
    tree.remove(0, u64::MAX);
    assert_eq!(check(&tree), 0);
}

#[test]
fn whatever_the_order_leaves_are_half_full() {
    fn leaves(node: &Node<Piece>) -> usize {
        match &node.entries {
            Pieces(_) => 1,
            Nodes(nodes) => nodes.iter().map(|node| leaves(node)).sum(),
        }
    }
    let last = MOST as u64 - 1;
    let up: Vec<u64> = (0..2_000).collect();
    let down: Vec<u64> = (0..2_000).rev().collect();
    let down_behind_a_full_leaf: Vec<u64> = (0..=last).chain((1_000..3_000).rev()).collect();
    for order in [up, down, down_behind_a_full_leaf] {
        let mut tree: PieceTree = PieceTree::default();
        order.iter().for_each(|&start| tree.insert(piece(start)));
        let number = tree.root.as_ref().map_or(0, |root| leaves(root));
        assert!(number <= order.len() * 2 / MOST + 1, "{number} leaves");
    }
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
    assert!(rows.len() <= MOST, "one leaf is its own: {rows:?}");
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
    fn behaves_like_an_ordered_map(steps in prop::collection::vec((0..3u8, 0..2000u64, 0..500u64), 0..1500)) {
        let (mut tree, mut model) = (PieceTree::<Piece>::default(), BTreeMap::new());
        let mut copy = (tree.clone(), model.clone());
        let half = steps.len() / 2;
        for (index, (step, start, len)) in steps.into_iter().enumerate() {
            if index == half {
                copy = (tree.clone(), model.clone());
            }
            match step {
                0 | 1 => { tree.insert(piece(start)); model.insert(start, piece(start)); }
                _ => { let len = if len % 4 == 0 { len } else { len % 3 }; tree.remove(start, start + len); model.retain(|&k, _| k < start || k >= start + len); }
            }
            check(&tree);
        }
        prop_assert_eq!(starts(&tree), model.keys().copied().collect::<Vec<_>>());
        prop_assert_eq!(starts(&copy.0), copy.1.keys().copied().collect::<Vec<_>>());
        for addr in 0..2000 {
            prop_assert_eq!(tree.starting_at(addr).copied(), model.get(&addr).copied());
            prop_assert_eq!(tree.floor(addr), model.range(..=addr).next_back().map(|(_, p)| *p));
            prop_assert_eq!(tree.ceiling(addr), model.range(addr..).next().map(|(_, p)| *p));
        }
    }
}
