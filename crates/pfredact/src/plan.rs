//! The first reading of a trace: what is in it, and what will become of it.

use std::collections::{BTreeMap, BTreeSet};

use pft::keys::{fact, ledger};
use pft::record::{Frame, TraceHeader};
use pft::{Damage, FrameInfo, FrameKind, Trace};
use rustc_hash::FxHashSet;

use crate::classify::Classifier;
use crate::error::{Error, Result};
use crate::fields::{Field, each_text};
use crate::identities::{Collected, Replaced};
use crate::level::{Level, Options};
use crate::numbers::each_number;
use crate::paths::Paths;
use crate::pieces::{Class, Fate, Pieces};
use crate::pseudonyms::{Key, Pseudonyms, random};
use crate::words::{Finder, Search, Words};

/// Stands for a part that goes, in what is left of a text.
pub const GONE: char = '…';

/// What will become of a trace.
pub struct Plan {
    /// What the output says of itself: the trace may have been redacted before.
    pub(crate) level: Level,
    pub(crate) classifier: Classifier,
    pub(crate) search: Search,
    /// What must not be in the output.
    pub(crate) forbidden: [Finder; 2],
    pub(crate) pseudonyms: Pseudonyms,
    pub(crate) numbers: Replaced,
    pub(crate) header: TraceHeader,
    pub(crate) start_realtime_ns: u64,
    pub(crate) compression_level: i32,
    summary: Summary,
}

/// What a redaction does, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Distinct words that get a pseudonym: names of users and hosts, of files and folders, of what was
    /// typed or chosen by programs, of code, and of the system.
    pub words: [u64; 5],
    /// Islands of addresses, and how many of them stay where they were.
    pub islands: (u64, u64),
    /// What the output does not have, and why.
    pub left_out: Vec<String>,
    /// Names that are replaced where they name a user or the host and nowhere else: too short, numbers, or
    /// what everybody's accounts are called.
    pub common: Vec<Vec<u8>>,
    /// Words that go where they are somebody's and that are words of public names too.
    pub public_too: Vec<Vec<u8>>,
}

/// A text that stays, or what is left of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// As it is in the trace, with [`GONE`] for each part that goes; a build id as digits. Nothing that a
    /// terminal should get as it is.
    pub text: Vec<u8>,
    /// Where it comes from.
    pub from: &'static str,
    /// How often.
    pub count: u64,
}

impl Plan {
    /// Reads a trace.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a trace that is not whole, [`Error::Random`], [`Error::Search`].
    pub fn new(trace: &Trace, options: &Options) -> Result<Self> {
        let flaw = trace.damage().iter().find(|d| !matches!(d, Damage::UnknownFrames { .. }));
        if let Some(flaw) = flaw {
            return Err(Error::Damaged { what: flaw.to_string() });
        }
        let header = trace.header();
        let mut classifier = Classifier::new(Paths::new(options.level, &options.keep));
        let mut collected = Collected::new(header);
        each_frame(trace, decides_on_others, |_, frame| {
            classifier.learn(&frame);
            Ok(())
        })?;
        collected.absolute = classifier.absolute();

        let mut words = Words::default();
        let mut left_out = LeftOut::default();
        left_out.unknown(trace);
        let mut compression_level = 1;
        each_frame(
            trace,
            |_| true,
            |info, mut frame| {
                prune(&mut frame, &classifier, &mut left_out);
                let mut learn = |field: Field<'_>, text: &mut Vec<u8>| {
                    learn_fact(field, text, &mut collected, &mut compression_level);
                    words.learn(text, &classifier.cut(field, text));
                };
                if !each_text(&mut frame, &mut learn) {
                    left_out.kind(info.kind);
                    return Ok(());
                }
                if let Frame::Faults(batch) = &frame {
                    collected.page_bytes =
                        collected.page_bytes.max(largest_page(&batch.columns.flags));
                }
                each_number(&mut frame, &mut collected);
                Ok(())
            },
        )?;

        let level = classifier.before.map_or(options.level, |before| before.max(options.level));
        // What the output will say of itself.
        for text in [fact::REDACTED_LEVEL, level.name()] {
            words.public.insert(text.into());
            words.structure.insert(text.into());
        }
        let search = words.sought(&options.hide)?;
        let (forbidden, public_too) = forbidden(&words, &search)?;
        let mut pseudonyms = Pseudonyms::new(Key::new(options.seed.as_deref())?);
        words.public.iter().for_each(|text| pseudonyms.reserve(text));
        words.hidden.keys().for_each(|word| pseudonyms.reserve(word));
        let mut in_order: Vec<&Vec<u8>> = words.hidden.keys().collect();
        in_order.sort_unstable();
        in_order.into_iter().for_each(|word| {
            pseudonyms.of(word);
        });
        let numbers = collected.replace(options.level);
        let (islands, stay) = numbers.islands.counts();
        let summary = Summary {
            words: count(&words),
            islands: (islands as u64, stay as u64),
            left_out: left_out.lines(),
            common: search.skipped.clone(),
            public_too,
        };
        let header = TraceHeader {
            uuid: random()?,
            start_ns: header.start_ns.saturating_sub(numbers.earlier_ns),
            start_realtime_ns: 0,
            ..header.clone()
        };
        Ok(Self {
            level,
            classifier,
            search,
            forbidden,
            pseudonyms,
            numbers,
            header,
            start_realtime_ns: trace.header().start_realtime_ns,
            compression_level,
            summary,
        })
    }

    /// What it does, in numbers.
    #[must_use]
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Every distinct text that stays, in order, and what is left of those of which a part goes, unless that
    /// is punctuation alone.
    ///
    /// # Errors
    /// [`Error::Trace`].
    pub fn stays(&self, trace: &Trace) -> Result<Vec<Stay>> {
        let mut counts: BTreeMap<(Vec<u8>, &'static str), u64> = BTreeMap::new();
        each_frame(
            trace,
            |_| true,
            |_, mut frame| {
                prune(&mut frame, &self.classifier, &mut LeftOut::default());
                each_text(&mut frame, &mut |field, text| {
                    let Some(left) = left(text, &self.pieces(field, text)) else { return };
                    let left = if matches!(field, Field::BuildId(_)) { hex(&left) } else { left };
                    *counts.entry((left, field.name())).or_default() += 1;
                });
                Ok(())
            },
        )?;
        Ok(counts.into_iter().map(|((text, from), count)| Stay { text, from, count }).collect())
    }

    /// What becomes of each piece of a text.
    pub(crate) fn pieces(&self, field: Field<'_>, text: &[u8]) -> Pieces {
        self.search.split(text, self.classifier.cut(field, text))
    }
}

/// Hands the frames of the wanted kinds to `each`, decoded, one at a time.
pub(crate) fn each_frame(
    trace: &Trace,
    wanted: impl Fn(FrameKind) -> bool,
    mut each: impl FnMut(&FrameInfo, Frame) -> Result<()>,
) -> Result<()> {
    for info in trace.frames().iter().filter(|info| wanted(info.kind)) {
        let frame = trace.read(info).map_err(|error| match error {
            error @ pft::Error::Read { .. } => Error::Trace(error),
            error => Error::Damaged { what: error.to_string() },
        })?;
        each(info, frame)?;
    }
    Ok(())
}

/// What the output does not have.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    facts: BTreeSet<String>,
    ledger: BTreeSet<String>,
    symbols: u64,
    kinds: BTreeMap<String, u64>,
}

impl LeftOut {
    fn unknown(&mut self, trace: &Trace) {
        for damage in trace.damage() {
            if let Damage::UnknownFrames { kind, version, count } = damage {
                let name = format!("frames of unknown kind {kind} version {version}");
                *self.kinds.entry(name).or_default() += count;
            }
        }
    }

    fn kind(&mut self, kind: FrameKind) {
        *self.kinds.entry(format!("{kind} frames")).or_default() += 1;
    }

    fn lines(&self) -> Vec<String> {
        let list = |names: &BTreeSet<String>, what: &str| {
            let shown: Vec<String> =
                names.iter().map(|name| pft::text::printable(name.as_bytes())).collect();
            (!names.is_empty()).then(|| format!("{what} {}", shown.join(", ")))
        };
        let kinds = self.kinds.iter().map(|(kind, count)| format!("{count} {kind}"));
        let symbols = (self.symbols > 0)
            .then(|| format!("{} symbols of modules that are not in the trace", self.symbols));
        let facts = list(&self.facts, "facts of unknown meaning:");
        let ledger = list(&self.ledger, "counts of unknown meaning:");
        kinds.chain(facts).chain(ledger).chain(symbols).collect()
    }
}

/// Takes out of a frame what cannot be judged: facts and counts of unknown meaning, and symbols of modules
/// that nobody knows.
pub(crate) fn prune(frame: &mut Frame, classifier: &Classifier, left_out: &mut LeftOut) {
    match frame {
        Frame::Host(facts) => facts.retain(|entry| {
            // The one is written anew; the other is the uuid of the trace, which goes from the header too.
            let goes = [fact::REDACTED_LEVEL, fact::RECOVERED_FROM].contains(&entry.key.as_str());
            let is_known = Classifier::is_known_fact(&entry.key);
            if !is_known && !goes {
                left_out.facts.insert(entry.key.clone());
            }
            is_known
        }),
        Frame::Checkpoint(checkpoint) => checkpoint.ledger.retain(|entry| {
            let is_known = ledger::ALL.iter().any(|(key, _)| *key == entry.key);
            if !is_known {
                left_out.ledger.insert(entry.key.clone());
            }
            is_known
        }),
        Frame::Symbols(symbols) => symbols.retain(|symbol| {
            let is_known = classifier.module(symbol.module).is_some();
            left_out.symbols += u64::from(!is_known);
            is_known
        }),
        _ => {}
    }
}

/// Takes in what facts say as numbers.
fn learn_fact(field: Field<'_>, text: &[u8], collected: &mut Collected, compression: &mut i32) {
    let text = || String::from_utf8_lossy(text);
    match field {
        Field::Fact(fact::TARGET_PIDS | fact::TARGET_TIDS) => {
            let text = text();
            text.split(',').filter_map(|id| id.parse().ok()).for_each(|id| collected.listed(id));
        }
        Field::Fact(fact::TRACE_COMPRESSION_LEVEL) => {
            let level = text().parse().ok().filter(|level| (1..=22).contains(level));
            *compression = level.unwrap_or(*compression);
        }
        _ => {}
    }
}

/// Largest page that faults installed, bytes; 0 if that is not known.
fn largest_page(flags: &[u32]) -> u64 {
    use pft::record::flags::{PAGE_SHIFT_MASK, PAGE_SHIFT_SHIFT};
    let shift = flags.iter().map(|flags| flags >> PAGE_SHIFT_SHIFT & PAGE_SHIFT_MASK).max();
    shift.filter(|&shift| shift > 0).map_or(0, |shift| 1 << shift.min(34))
}

/// What is left of a text, with [`GONE`] for each part that goes; nothing where that is punctuation alone.
fn left(text: &[u8], pieces: &Pieces) -> Option<Vec<u8>> {
    if !pieces.iter().any(|(_, fate)| matches!(fate, Fate::Hidden(_))) {
        return (!text.is_empty()).then(|| text.to_vec());
    }
    let says_something = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii();
    let (mut left, mut says, mut from) = (Vec::new(), false, 0);
    for &(end, fate) in pieces {
        if matches!(fate, Fate::Hidden(_)) {
            left.extend_from_slice(GONE.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            let part = text.get(from..end).unwrap_or_default();
            says |= part.iter().any(says_something);
            left.extend_from_slice(part);
        }
        from = end;
    }
    says.then_some(left)
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
}

fn count(words: &Words) -> [u64; 5] {
    let of = |wanted: Class| words.hidden.values().filter(|&&class| class == wanted).count() as u64;
    [Class::Names, Class::Paths, Class::Arguments, Class::Symbols, Class::System].map(of)
}

/// What the output must not have: what is looked for, except words that public names have too.
fn forbidden(words: &Words, search: &Search) -> Result<([Finder; 2], Vec<Vec<u8>>)> {
    let mut public_too = BTreeSet::new();
    let mut without = |finder: &Finder, texts: &FxHashSet<Vec<u8>>| {
        let hits = texts.iter().flat_map(|text| finder.hits(text).map(|(word, _)| word));
        let found: BTreeSet<usize> = hits.collect();
        let mut kept = Vec::new();
        for (n, (word, sought)) in finder.words.iter().enumerate() {
            // What the user wants hidden is hidden, or there is no output.
            if found.contains(&n) && !sought.always {
                public_too.insert(word.clone());
            } else {
                kept.push((word.clone(), *sought));
            }
        }
        Finder::new(kept)
    };
    // Names are replaced in public texts too.
    let names = without(&search.names, &words.structure)?;
    let others = without(&search.others, &words.public)?;
    Ok(([names, others], public_too.into_iter().collect()))
}

/// Frames that tell which texts of other frames are public.
const fn decides_on_others(kind: FrameKind) -> bool {
    matches!(kind, FrameKind::Host | FrameKind::Modules | FrameKind::Maps | FrameKind::Snapshot)
}
