//! No change of a file goes unseen: every bit, every cut, every frame taken out, repeated or exchanged.

use pft::Trace;
use pft::verify::verify;

use super::sound::with;

/// Whether a file is sound; `None` if it is no trace.
fn is_sound(bytes: Vec<u8>) -> Option<bool> {
    let trace = Trace::from_bytes(bytes).ok()?;
    Some(verify(&trace, 0).unwrap().findings.is_empty())
}

/// The frames, the index last, and the trailer.
fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let trace = Trace::from_bytes(bytes.to_vec()).unwrap();
    let (frames, _) = trace.scan().unwrap();
    let mut pieces: Vec<&[u8]> = frames
        .iter()
        .map(|frame| &bytes[frame.offset as usize..][..64 + frame.stored_bytes as usize])
        .collect();
    pieces.push(&bytes[bytes.len() - 32..]);
    pieces
}

#[test]
fn every_flipped_bit_is_found() {
    let whole = with(|_| ());
    assert_eq!(is_sound(whole.clone()), Some(true));
    let mut refused = 0;
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        match is_sound(bytes) {
            Some(sound) => assert!(!sound, "bit {bit}"),
            None => {
                refused += 1;
                assert!(bit < 64 * 8, "bit {bit}");
            }
        }
    }
    println!("{} bits flipped, all found, {refused} of them as no trace", whole.len() * 8);
    // All of the file header.
    assert_eq!(refused, 64 * 8);
}

#[test]
fn every_cut_is_found() {
    let whole = with(|_| ());
    for length in 0..whole.len() {
        let sound = is_sound(whole[..length].to_vec());
        assert_eq!(sound, (length >= 64).then_some(false), "cut at {length}");
    }
    println!("{} cuts, all found", whole.len());
}

#[test]
fn every_piece_out_of_place_is_found() {
    let whole = with(|_| ());
    let pieces = pieces(&whole);
    let sound = |pieces: &[&[u8]]| is_sound([&whole[..64], &pieces.concat()].concat());
    assert_eq!(sound(&pieces), Some(true));
    let mut changes = 0;
    let mut assert_found = |changed: &[&[u8]], what: String| {
        assert_eq!(sound(changed), Some(false), "{what}");
        changes += 1;
    };
    for n in 0..pieces.len() {
        let mut without = pieces.clone();
        without.remove(n);
        assert_found(&without, format!("without {n}"));
        for at in 0..=pieces.len() {
            let mut again = pieces.clone();
            again.insert(at, pieces[n]);
            assert_found(&again, format!("{n} again at {at}"));
        }
        for other in n + 1..pieces.len() {
            let mut exchanged = pieces.clone();
            exchanged.swap(n, other);
            assert_found(&exchanged, format!("{n} and {other} exchanged"));
        }
    }
    println!("{changes} frames taken out, repeated or exchanged, all found");
}
