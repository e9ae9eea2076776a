//! What storage and transport do to a file.

use std::borrow::Cow;
use std::ops::Range;

use pft::Trace;

/// A damaged copy of a file.
#[derive(Debug, Clone)]
pub struct Damaged<'a> {
    /// What was done to it: enough to do it again.
    pub what: String,
    /// What is left.
    pub bytes: Cow<'a, [u8]>,
}

/// Sizes of blocks that are swapped, doubled and removed: sectors and pages.
const BLOCKS: [usize; 2] = [512, 4_096];

/// Each prefix of a file.
pub fn every_cut(whole: &[u8]) -> impl Iterator<Item = Damaged<'_>> {
    (0..whole.len()).map(|length| cut(whole, length))
}

/// Each single bit of a file flipped.
pub fn every_flip(whole: &[u8]) -> impl Iterator<Item = Damaged<'_>> {
    (0..whole.len() * 8).map(|bit| flip(whole, bit))
}

/// Prefixes of a file: around all frame borders, and `count` others by chance.
pub fn cuts(whole: &[u8], seed: u64, count: usize) -> impl Iterator<Item = Damaged<'_>> {
    let mut random = fastrand::Rng::with_seed(seed);
    let chance = (0..count).map(move |_| random.usize(0..whole.len()));
    let around = borders(whole).into_iter().flat_map(|at| at.saturating_sub(1)..=at + 1);
    around.filter(|&at| at < whole.len()).chain(chance).map(|length| cut(whole, length))
}

/// `count` single bits of a file flipped, by chance.
pub fn flips(whole: &[u8], seed: u64, count: usize) -> impl Iterator<Item = Damaged<'_>> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count).map(move |_| flip(whole, random.usize(0..whole.len() * 8)))
}

/// Bytes set, ranges zeroed, taken out and put in, blocks swapped, doubled and removed, and something appended:
/// `count` files of all that, by chance.
pub fn others(whole: &[u8], seed: u64, count: usize) -> impl Iterator<Item = Damaged<'_>> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count).map(move |n| other(whole, n % KINDS, &mut random))
}

/// All of these: around the borders of frames and `count` files of each sort by chance.
pub fn damaged(whole: &[u8], seed: u64, count: usize) -> impl Iterator<Item = Damaged<'_>> {
    cuts(whole, seed, count).chain(flips(whole, seed, count)).chain(others(whole, seed, count))
}

/// Where frames of an intact file begin and end.
#[must_use]
pub fn borders(whole: &[u8]) -> Vec<usize> {
    let trace = Trace::from_bytes(whole.to_vec()).unwrap();
    let frames = trace.scan().unwrap().0;
    let offsets = frames.iter().map(|frame| frame.offset).chain([trace.body().end]);
    offsets.map(|offset| offset as usize).chain([whole.len()]).collect()
}

fn cut(whole: &[u8], length: usize) -> Damaged<'_> {
    Damaged { what: format!("cut at {length}"), bytes: Cow::Borrowed(&whole[..length]) }
}

fn flip(whole: &[u8], bit: usize) -> Damaged<'_> {
    let mut bytes = whole.to_vec();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Damaged { what: format!("bit {} of byte {} flipped", bit % 8, bit / 8), bytes: bytes.into() }
}

/// Kinds of [`other`].
const KINDS: usize = 10;

fn other<'a>(whole: &[u8], kind: usize, random: &mut fastrand::Rng) -> Damaged<'a> {
    let at = random.usize(0..whole.len());
    let most = 1 << random.u32(0..14);
    let length = 1 + random.usize(0..most.min(whole.len() - at));
    let range = at..at + length;
    let block = BLOCKS[random.usize(0..2)].min(whole.len() / 2);
    let blocks = whole.len() / block;
    let nth = |n: usize| n * block..(n + 1) * block;
    let (one, two) = (random.usize(0..blocks), random.usize(0..blocks));
    let mut bytes = whole.to_vec();
    let what = match kind {
        0 | 1 => {
            let value = if kind == 0 { 0 } else { 0xff };
            bytes[at] = value;
            format!("byte {at} set to {value:#04x}")
        }
        2 | 3 => {
            let value = if kind == 2 { 0 } else { 0xff };
            bytes[range.clone()].fill(value);
            format!("bytes {range:?} set to {value:#04x}")
        }
        4 => {
            bytes.drain(range.clone());
            format!("bytes {range:?} removed")
        }
        5 => {
            bytes.splice(at..at, garbage(length, random));
            format!("{length} bytes put in at {at}")
        }
        6 => {
            bytes.extend(garbage(length, random));
            format!("{length} bytes appended")
        }
        7 => {
            swap(&mut bytes, nth(one), nth(two));
            format!("blocks {one} and {two} of {block} bytes swapped")
        }
        8 => {
            bytes.splice(nth(one).start..nth(one).start, whole[nth(two)].iter().copied());
            format!("block {two} of {block} bytes once more before block {one}")
        }
        _ => {
            bytes.drain(nth(one));
            format!("block {one} of {block} bytes removed")
        }
    };
    Damaged { what, bytes: bytes.into() }
}

fn garbage(length: usize, random: &mut fastrand::Rng) -> Vec<u8> {
    (0..length).map(|_| random.u8(..)).collect()
}

fn swap(bytes: &mut [u8], one: Range<usize>, two: Range<usize>) {
    let first = bytes[one.clone()].to_vec();
    bytes.copy_within(two.clone(), one.start);
    bytes[two].copy_from_slice(&first);
}
