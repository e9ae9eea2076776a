//! The closing check: whether anything that had to go is in the output.
//!
//! It knows the words from the first reading and goes by the bytes of the output, not by what the writer
//! meant to do: every text of every frame, and every other byte of every payload, decompressed.

use std::fmt;

use pft::{FrameKind, Trace};
use rustc_hash::FxHashMap;

use crate::error::{Error, Result};
use crate::fields::{each_text, text_vector};
use crate::plan::{Plan, each_frame};
use crate::pseudonyms::{BYTES, Pseudonyms};
use crate::words::{Finder, Sought};

/// Shorter words occur in columns of numbers by chance, so bytes that are no text are searched for words from
/// this length on.
const RAW_BYTES: usize = 8;

/// What was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Distinct words and texts.
    pub strings: u64,
    /// Bytes of payloads, decompressed.
    pub bytes: u64,
}

/// A text that should have gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// What was looked for.
    pub word: Vec<u8>,
    /// The text in which it is, or nothing if it is in bytes that are no text.
    pub text: Vec<u8>,
    /// Where that is.
    pub place: String,
    /// Whether the user asked for it with `--hide`.
    pub asked: bool,
}

impl fmt::Display for Remains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printable = pft::text::printable;
        write!(f, "`{}` would still be in the output ({}", printable(&self.word), self.place)?;
        if !self.text.is_empty() {
            write!(f, " `{}`", printable(&self.text))?;
        }
        f.write_str(")")?;
        if self.asked {
            f.write_str(", where reports go by it")?;
        }
        Ok(())
    }
}

impl Plan {
    /// Looks for everything that had to go in a trace that was written.
    ///
    /// # Errors
    /// [`Error::Remains`] for the first that is there; [`Error::Damaged`] if the output is no sound trace.
    pub fn check(&self, output: &Trace) -> Result<Checked> {
        if let Some(damage) = output.damage().first() {
            return Err(Error::Damaged { what: damage.to_string() });
        }
        each_frame(
            output,
            |_| true,
            |info, mut frame| {
                let mut found = None;
                each_text(&mut frame, &mut |field, text| {
                    for finder in &self.forbidden {
                        let hit = first_hit(finder, text, &self.pseudonyms);
                        if let Some((word, sought)) = hit.filter(|_| found.is_none()) {
                            let place = format!(
                                "{} in {} frame {}",
                                field.name(),
                                info.kind,
                                info.sequence
                            );
                            let (word, text) = (word.to_vec(), text.clone());
                            found = Some(Remains { word, text, place, asked: sought.always });
                        }
                    }
                });
                found.map_or(Ok(()), |remains| Err(Error::Remains(remains)))
            },
        )?;
        let strings = self.forbidden.iter().map(|finder| finder.words.len() as u64).sum();
        Ok(Checked { strings, bytes: self.check_bytes(output)? })
    }

    /// Looks through all payloads; returns how many bytes there are. Texts have been searched one by one: where
    /// they lie side by side, the end of one and the beginning of the next may read like a word.
    fn check_bytes(&self, output: &Trace) -> Result<u64> {
        let raw = RawFinder::new(&self.forbidden);
        let mut bytes = 0;
        let (frames, _) = output.scan()?;
        for frame in &frames {
            let payload = output.payload(frame)?;
            bytes += payload.len() as u64;
            let kind = FrameKind::known(frame.kind, frame.version);
            let texts = text_vector(kind, &payload);
            let before = payload.get(..texts.start).unwrap_or_default();
            let behind = payload.get(texts.end..).unwrap_or_default();
            let hit = raw.first_hit(before).or_else(|| raw.first_hit(behind));
            if let Some((word, sought)) = hit {
                let place = format!("bytes of frame {}", frame.sequence);
                let (word, text) = (word.to_vec(), Vec::new());
                return Err(Error::Remains(Remains { word, text, place, asked: sought.always }));
            }
        }
        Ok(bytes)
    }
}

/// The first hit in a text that is not inside a pseudonym.
fn first_hit<'a>(
    finder: &'a Finder,
    text: &[u8],
    pseudonyms: &Pseudonyms,
) -> Option<(&'a [u8], Sought)> {
    let is_in_pseudonym = |(start, end): (usize, usize)| {
        (end.saturating_sub(BYTES)..=start)
            .any(|at| text.get(at..at + BYTES).is_some_and(|token| pseudonyms.has(token)))
    };
    let mut hits = finder.hits(text).filter(|&(_, at)| !is_in_pseudonym(at));
    let word = hits.next().map(|(word, _)| word)?;
    finder.words.get(word).map(|(word, sought)| (word.as_slice(), *sought))
}

/// Finds words in megabytes of numbers: by their first eight bytes, in whatever case.
struct RawFinder<'a> {
    /// Which hashes of eight bytes occur at all.
    filter: Vec<u64>,
    words: FxHashMap<u64, Vec<&'a (Vec<u8>, Sought)>>,
}

/// Bits of a hash in the filter.
const FILTER_BITS: u32 = 20;

fn folded(bytes: [u8; RAW_BYTES]) -> u64 {
    u64::from_le_bytes(bytes.map(|byte| byte.to_ascii_lowercase()))
}

/// The bit of the filter that stands for eight bytes.
const fn bit(key: u64) -> (usize, u64) {
    let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FILTER_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

impl<'a> RawFinder<'a> {
    fn new(finders: &'a [Finder]) -> Self {
        let mut filter = vec![0; 1 << (FILTER_BITS - 6)];
        let mut words: FxHashMap<u64, Vec<&'a (Vec<u8>, Sought)>> = FxHashMap::default();
        for word in finders.iter().flat_map(|finder| &finder.words) {
            let Some(&first) = word.0.first_chunk() else { continue };
            let key = folded(first);
            let (at, bit) = bit(key);
            if let Some(slot) = filter.get_mut(at) {
                *slot |= bit;
            }
            words.entry(key).or_default().push(word);
        }
        Self { filter, words }
    }

    fn first_hit(&self, bytes: &[u8]) -> Option<(&'a [u8], Sought)> {
        if self.words.is_empty() {
            return None;
        }
        let mut next = 0_u64;
        for (n, &byte) in bytes.iter().enumerate() {
            next = next >> 8 | u64::from(byte.to_ascii_lowercase()) << 56;
            let (at, bit) = bit(next);
            if self.filter.get(at).is_none_or(|slot| slot & bit == 0) {
                continue;
            }
            let Some(start) = (n + 1).checked_sub(RAW_BYTES) else { continue };
            let rest = bytes.get(start..).unwrap_or_default();
            let words = self.words.get(&next).into_iter().flatten();
            let hit = words.into_iter().find(|(word, sought)| {
                rest.get(..word.len()).is_some_and(|found| {
                    found == word.as_slice() || sought.any_case && found.eq_ignore_ascii_case(word)
                })
            });
            if let Some((word, sought)) = hit {
                return Some((word, *sought));
            }
        }
        None
    }
}
