//! The words that go, where else they are, and what stays.

use aho_corasick::{AhoCorasick, MatchKind};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::classify::COMM_BYTES;
use crate::error::Result;
use crate::pieces::{Class, Fate, Pieces};
use crate::vocabulary::{GENERIC_NAMES, has};

/// Shorter words are part of too many others to be looked for at all.
pub(crate) const SHORTEST_BYTES: usize = 3;
/// Shorter ones are looked for where they stand alone, between anything but letters and digits.
const ALONE_BELOW_BYTES: usize = 5;

/// How a word is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sought {
    /// In whatever case.
    pub any_case: bool,
    /// Only where it stands alone.
    alone: bool,
    /// Whatever it may be part of.
    pub always: bool,
}

impl Sought {
    /// Whether a hit counts.
    pub(crate) fn accepts(self, text: &[u8], (start, end): (usize, usize)) -> bool {
        let is_part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let before = start.checked_sub(1).and_then(|at| text.get(at));
        !self.alone || !is_part(before) && !is_part(text.get(end))
    }
}

/// What was found in a trace.
#[derive(Debug, Default)]
pub(crate) struct Words {
    /// Words that go, and the lowest level at which they do.
    pub hidden: FxHashMap<Vec<u8>, Class>,
    /// Whole texts of which a part goes.
    pub wholes: FxHashSet<Vec<u8>>,
    /// Stretches of texts that stay because they are public.
    pub public: FxHashSet<Vec<u8>>,
    /// Pieces that stay because reports go by them.
    pub structure: FxHashSet<Vec<u8>>,
}

impl Words {
    /// Takes in a text.
    pub(crate) fn learn(&mut self, text: &[u8], pieces: &Pieces) {
        let (mut from, mut kept_from) = (0, 0);
        let (mut hides, mut is_whole) = (false, false);
        for &(end, fate) in pieces {
            let piece = text.get(from..end).unwrap_or_default();
            if let Fate::Hidden(class) = fate {
                (hides, is_whole) = (true, piece.len() == text.len());
                let least = self.hidden.entry(piece.to_vec()).or_insert(class);
                *least = class.min(*least);
            }
            if fate == Fate::Structure && says_something(piece) && !self.structure.contains(piece) {
                self.structure.insert(piece.to_vec());
            }
            if !matches!(fate, Fate::Structure | Fate::Public) {
                self.stays(text.get(kept_from..from));
                kept_from = end;
            }
            from = end;
        }
        self.stays(text.get(kept_from..from));
        if hides && !is_whole && text.len() >= SHORTEST_BYTES && !self.wholes.contains(text) {
            self.wholes.insert(text.to_vec());
        }
    }

    fn stays(&mut self, stretch: Option<&[u8]>) {
        let stretch = stretch.unwrap_or_default();
        if says_something(stretch) && !self.public.contains(stretch) {
            self.public.insert(stretch.to_vec());
        }
    }

    /// What is to be looked for, in an order that is the same for the same trace.
    pub(crate) fn sought(&self, hide: &[String]) -> Result<Search> {
        let mut names: Vec<(Vec<u8>, Sought)> = Vec::new();
        for word in hide {
            names.push((
                word.as_bytes().to_vec(),
                Sought { any_case: true, alone: false, always: true },
            ));
        }
        let mut others: Vec<(Vec<u8>, Sought)> = Vec::new();
        let mut skipped = Vec::new();
        for (word, &class) in &self.hidden {
            let is_generic =
                class == Class::Names && has(GENERIC_NAMES, &word.to_ascii_lowercase());
            if word.len() < SHORTEST_BYTES || word.iter().all(u8::is_ascii_digit) || is_generic {
                if class == Class::Names {
                    skipped.push(word.clone());
                }
                continue;
            }
            let alone = word.len() < ALONE_BELOW_BYTES;
            let list = if class == Class::Names { &mut names } else { &mut others };
            let sought = Sought { any_case: class == Class::Names, alone, always: false };
            // A thread may be called so, and the kernel cuts its name.
            let is_cut = word.len() > COMM_BYTES && class < Class::Symbols;
            if let Some(cut) = word.get(..COMM_BYTES).filter(|_| is_cut) {
                list.push((cut.to_vec(), sought));
            }
            list.push((word.clone(), sought));
        }
        for whole in &self.wholes {
            let alone = whole.len() < ALONE_BELOW_BYTES;
            others.push((whole.clone(), Sought { any_case: false, alone, always: false }));
        }
        names.sort_by(|a, b| a.0.cmp(&b.0));
        // Stable: what the user wants hidden comes first.
        names.dedup_by(|a, b| a.0 == b.0);
        others.sort_by(|a, b| a.0.cmp(&b.0));
        others.dedup_by(|a, b| a.0 == b.0);
        skipped.sort();
        Ok(Search { names: Finder::new(names)?, others: Finder::new(others)?, skipped })
    }
}

/// Whether a word that is looked for may be in a piece.
fn says_something(piece: &[u8]) -> bool {
    piece.len() >= SHORTEST_BYTES && piece.iter().any(u8::is_ascii_alphanumeric)
}

/// What is looked for.
#[derive(Debug)]
pub(crate) struct Search {
    /// Names of users and hosts, and words that the user wants hidden: replaced in public texts too.
    pub names: Finder,
    /// Everything else that goes.
    pub others: Finder,
    /// Names that are only replaced where they name somebody.
    pub skipped: Vec<Vec<u8>>,
}

impl Search {
    /// Splits pieces that would stay where they hold what goes.
    pub(crate) fn split(&self, text: &[u8], pieces: Pieces) -> Pieces {
        let mut split = Pieces::with_capacity(pieces.len());
        let mut from = 0;
        for (end, fate) in pieces {
            match fate {
                Fate::Public => self.names.split(text, (from, end), fate, &mut split),
                Fate::Own => {
                    let mut named = Pieces::new();
                    self.names.split(text, (from, end), fate, &mut named);
                    for (part_end, fate) in named {
                        if fate == Fate::Own {
                            self.others.split(text, (from, part_end), fate, &mut split);
                        } else {
                            split.push((part_end, fate));
                        }
                        from = part_end;
                    }
                }
                Fate::Structure | Fate::Hidden(_) => split.push((end, fate)),
            }
            from = end;
        }
        split
    }
}

/// What the automaton looks for of a word: with words without end it would take too long to make.
fn beginning(word: &[u8]) -> &[u8] {
    word.get(..LONGEST).unwrap_or(word)
}

/// Bytes of a word that the automaton knows, at most; what is behind is compared.
const LONGEST: usize = 256;

/// Finds words in texts.
#[derive(Debug)]
pub(crate) struct Finder {
    pub words: Vec<(Vec<u8>, Sought)>,
    automaton: Option<AhoCorasick>,
}

impl Finder {
    pub(crate) fn new(words: Vec<(Vec<u8>, Sought)>) -> Result<Self> {
        let patterns = words.iter().map(|(word, _)| beginning(word));
        let automaton = if words.is_empty() {
            None
        } else {
            let any_case = words.iter().any(|(_, sought)| sought.any_case);
            Some(
                AhoCorasick::builder()
                    .match_kind(MatchKind::Standard)
                    .ascii_case_insensitive(any_case)
                    .build(patterns)?,
            )
        };
        Ok(Self { words, automaton })
    }

    /// All hits in a text: which word, from where to where.
    pub(crate) fn hits<'a>(
        &'a self,
        text: &'a [u8],
    ) -> impl Iterator<Item = (usize, (usize, usize))> + 'a {
        let hits = self.automaton.iter().flat_map(move |finder| finder.find_overlapping_iter(text));
        hits.filter_map(move |hit| {
            let word = hit.pattern().as_usize();
            let (bytes, sought) = self.words.get(word)?;
            let at = (hit.start(), hit.start() + bytes.len());
            let rest = text.get(hit.end()..at.1)?;
            let wanted = bytes.get(beginning(bytes).len()..)?;
            let is_it =
                if sought.any_case { rest.eq_ignore_ascii_case(wanted) } else { rest == wanted };
            (is_it && sought.accepts(text, at)).then_some((word, at))
        })
    }

    /// Splits a part of a text at the hits in it.
    fn split(&self, text: &[u8], (from, end): (usize, usize), fate: Fate, out: &mut Pieces) {
        let part = text.get(from..end).unwrap_or_default();
        let mut hits: Vec<(usize, usize)> = self.hits(part).map(|(_, at)| at).collect();
        hits.sort_by_key(|&(start, end)| (start, usize::MAX - end));
        let mut done = 0;
        for (hit_start, hit_end) in hits {
            if hit_start < done {
                continue;
            }
            if hit_start > done {
                out.push((from + hit_start, fate));
            }
            out.push((from + hit_end, Fate::Hidden(Class::Names)));
            done = hit_end;
        }
        if done < part.len() {
            out.push((end, fate));
        }
    }
}
