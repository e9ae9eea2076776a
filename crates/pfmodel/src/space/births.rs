//! Which parts of a VMA are older than the news of it.

use std::ops::Range;

use crate::collections::piece_tree::Piece;
use crate::space::vma::{Source, Vma};

/// Parts that one mapping keeps apart; beyond that their births are merged, so that no trace can make
/// each change of a mapping cost more than the last.
pub(crate) const MAX_PIECES: usize = 64;

/// The pieces of `vma` under `row`: those of `kept` (in order of address) with the birth they had, the
/// rest born after `faults` faults. `place` says where the history of a new piece is kept.
pub(crate) fn merge_births(
    vma: &Vma,
    row: u32,
    faults: u32,
    kept: &[Piece],
    mut place: impl FnMut(u64, u64) -> u64,
) -> Vec<Piece> {
    let mut new = |start, end| Piece {
        start,
        end,
        row,
        born: faults,
        seen_from_start: vma.source == Source::Record,
        may_be_new: false,
        inaccessible: vma.source == Source::Record && vma.prot == 0,
        history_offset: place(start, end),
    };
    let mut pieces: Vec<Piece> = Vec::new();
    let mut push = |piece: Piece| match pieces.last_mut() {
        Some(last) if last.is_like(&piece) => {
            last.end = piece.end;
        }
        _ => pieces.push(piece),
    };
    let mut done = vma.start;
    for part in kept {
        let (start, end) = (part.start.max(done), part.end.min(vma.end));
        if start >= end {
            continue;
        }
        if done < start {
            push(new(done, start));
        }
        push(Piece { start, end, row, ..*part });
        done = end;
    }
    if done < vma.end {
        push(new(done, vma.end));
    }
    if vma.prot != 0 {
        pieces = opened(pieces, vma.source);
    }
    if pieces.len() > MAX_PIECES {
        let whole = |offset| pieces.iter().all(|piece| piece.history_offset == offset);
        let Some(history_offset) = pieces.first().map(|p| p.history_offset).filter(|&o| whole(o))
        else {
            // Histories kept in several places cannot become one.
            return vec![Piece { seen_from_start: false, ..new(vma.start, vma.end) }];
        };
        let born = pieces.iter().map(|piece| piece.born).min().unwrap_or(faults);
        let seen_from_start = pieces.iter().all(|piece| piece.seen_from_start);
        let may_be_new = pieces.iter().any(|piece| piece.may_be_new);
        let inaccessible = pieces.iter().all(|piece| piece.inaccessible);
        return vec![Piece {
            born,
            seen_from_start,
            may_be_new,
            inaccessible,
            history_offset,
            ..new(vma.start, vma.end)
        }];
    }
    pieces
}

/// `pieces`, which can be accessed from now on. Neighbours that could not be before are untouched, so that
/// they are one if one record opens them, whenever they were reserved: none has been touched since the last.
fn opened(pieces: Vec<Piece>, source: Source) -> Vec<Piece> {
    let mut opened: Vec<Piece> = Vec::with_capacity(pieces.len());
    let mut goes_on = false;
    for piece in pieces {
        let untouched = piece.inaccessible && source == Source::Record;
        let may_be_new = piece.may_be_new && !untouched;
        let piece = Piece { may_be_new, inaccessible: false, ..piece };
        match opened.last_mut() {
            Some(last)
                if last.is_like(&piece)
                    || goes_on && untouched && last.history_offset == piece.history_offset =>
            {
                (last.end, last.born) = (piece.end, last.born.max(piece.born));
            }
            _ => opened.push(piece),
        }
        goes_on = untouched;
    }
    opened
}

/// The addresses of `vma` for which `new` differs from `old`, and what it has there. Where neighbours are merged, most
/// stays as it is.
pub(crate) fn changes<'a>(vma: &Vma, old: &[Piece], new: &'a [Piece]) -> (Range<u64>, &'a [Piece]) {
    let stay = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, news) = (&old[stay..], &new[stay..]);
    let start = news.first().map_or(vma.end, |piece| piece.start);
    let stay = old.iter().rev().zip(news.iter().rev()).take_while(|(old, new)| old == new).count();
    let (news, behind) = news.split_at(news.len() - stay);
    (start..behind.first().map_or(vma.end, |piece| piece.start), news)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collections::intern::Interner;
    use pft::record::Vma as Line;

    fn vma(start: u64, end: u64) -> Vma {
        let line = Line {
            start,
            end,
            prot: 3,
            shared: false,
            file_offset: 0,
            dev_major: 0,
            dev_minor: 0,
            inode: 0,
            path: Vec::new(),
        };
        Vma { source: Source::Record, ..Vma::of_snapshot(&line, &mut Interner::new()) }
    }

    fn piece(start: u64, end: u64, born: u32, seen_from_start: bool) -> Piece {
        let (may_be_new, inaccessible, history_offset) = (false, false, 0);
        Piece {
            start,
            end,
            row: 1,
            born,
            seen_from_start,
            may_be_new,
            inaccessible,
            history_offset,
        }
    }

    #[test]
    fn old_parts_keep_their_birth_and_gaps_are_new() {
        let kept = [piece(0, 20, 1, false), piece(30, 50, 2, true)];
        let expected = [piece(10, 20, 1, false), piece(20, 30, 9, true), piece(30, 40, 2, true)];
        assert_eq!(merge_births(&vma(10, 40), 1, 9, &kept, |_, _| 0), expected);
    }

    #[test]
    fn neighbours_of_one_birth_are_one_piece() {
        let kept = [piece(0, 10, 9, true), piece(10, 20, 9, true)];
        assert_eq!(merge_births(&vma(0, 30), 1, 9, &kept, |_, _| 0), [piece(0, 30, 9, true)]);
    }

    #[test]
    fn what_one_record_opens_is_one_piece_of_the_last_birth() {
        let reserved = |start, end, born| Piece {
            may_be_new: born == 3,
            inaccessible: true,
            ..piece(start, end, born, true)
        };
        let kept = [piece(0, 10, 1, true), reserved(10, 20, 2), reserved(20, 30, 3)];
        let expected = [piece(0, 10, 1, true), piece(10, 30, 3, true)];
        assert_eq!(merge_births(&vma(0, 30), 1, 9, &kept, |_, _| 0), expected);
        // A snapshot does not tell when that was, nor whether it was at one time.
        let line = Vma { source: Source::Snapshot, ..vma(0, 30) };
        let each = [kept[0], piece(10, 20, 2, true), Piece { inaccessible: false, ..kept[2] }];
        assert_eq!(merge_births(&line, 1, 9, &kept, |_, _| 0), each);
        // What was closed before has a history of its own, and so has what lies between.
        let kept = [reserved(0, 10, 2), piece(10, 20, 1, true), reserved(20, 30, 3)];
        let each = [piece(0, 10, 2, true), kept[1], piece(20, 30, 3, true)];
        assert_eq!(merge_births(&vma(0, 30), 1, 9, &kept, |_, _| 0), each);
        // Where it cannot be accessed still, nothing changes.
        let closed = Vma { prot: 0, ..vma(0, 30) };
        assert_eq!(merge_births(&closed, 1, 9, &kept, |_, _| 0), kept);
    }

    #[test]
    fn too_many_births_become_the_oldest_one() {
        let kept: Vec<Piece> =
            (0..100).map(|n| piece(n * 10, n * 10 + 5, n as u32, true)).collect();
        assert_eq!(merge_births(&vma(0, 1000), 1, 900, &kept, |_, _| 0), [piece(0, 1000, 0, true)]);
    }

    #[test]
    fn only_what_differs_changes() {
        let [a, b, c] = [piece(0, 10, 1, true), piece(10, 20, 2, true), piece(20, 30, 3, true)];
        let whole = vma(0, 30);
        assert_eq!(changes(&whole, &[a, b, c], &[a, b, c]), (30..30, &[][..]));
        assert_eq!(changes(&whole, &[a, c], &[a, b, c]), (10..20, &[b][..]));
        assert_eq!(changes(&whole, &[b, c], &[a, b, c]), (0..10, &[a][..]));
        assert_eq!(changes(&whole, &[], &[a, b, c]), (0..30, &[a, b, c][..]));
        // One that sticks out is another one, cut to the mapping.
        let out = Piece { end: 40, ..c };
        assert_eq!(changes(&whole, &[a, b, out], &[a, b, c]), (20..30, &[c][..]));
        let joined = piece(0, 20, 1, true);
        assert_eq!(changes(&whole, &[a, b, c], &[joined, c]), (0..20, &[joined][..]));
    }

    #[test]
    fn what_moved_is_not_joined_with_what_is_kept_elsewhere() {
        let moved =
            |n: u64| Piece { history_offset: n << 30, ..piece(n * 10, n * 10 + 10, 1, true) };
        let two = merge_births(&vma(0, 20), 1, 9, &[moved(0), moved(1)], |_, _| 0);
        assert_eq!(two, [moved(0), moved(1)]);
        let many: Vec<Piece> = (0..100).map(moved).collect();
        let whole = Piece { history_offset: 77, ..piece(0, 1000, 9, false) };
        assert_eq!(merge_births(&vma(0, 1000), 1, 9, &many, |_, _| 77), [whole]);
    }
}
