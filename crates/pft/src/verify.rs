//! Whether a file is, byte for byte and rule by rule, what `schemas/pft.md` says.
//!
//! Readers take what does them no harm; here everything is looked at that binds writers. [`Rule`] lists
//! what is checked. One frame is held at a time, and little of what lies before it: memory does not grow
//! with the file, but for its list of frames and numbers of its definitions.

mod across;
mod counts;
mod facts;
mod faults;
mod finding;
mod index;
mod layout;
mod order;
mod rows;
mod rule;
mod structure;

pub use counts::Counts;
pub use finding::{Finding, Findings, FrameName, Place};
pub use rule::Rule;

use across::Across;
use index::Listed;
use order::Order;

use crate::archive::{ArchivedFaultsV1, ArchivedIndexV1, access};
use crate::compression::decompress;
use crate::decoder::decode_archive;
use crate::error::Result;
use crate::frame::{CODEC_ZSTD, FRAME_HEADER_BYTES, FrameHeader, FrameKind};
use crate::layout::Seed;
use crate::reader::{Located, Trace};
use crate::record::Frame;

/// Sentences about what is not wrong but worth telling.
type Notes = Vec<String>;

/// What there is to say about a file.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// What breaks a rule.
    pub findings: Findings,
    /// What is not wrong but worth telling: a newer version, unknown frames, what was not checked.
    pub notes: Vec<String>,
    /// Frames, parts counted one by one, those of unknown kinds and the index among them.
    pub frames: u64,
    /// Those of kinds and versions that this crate does not know.
    pub unknown_frames: u64,
    /// What the frames hold.
    pub counts: Counts,
    /// Whether all frames were there and could be read, so that `counts` tells of all that was written.
    pub is_whole: bool,
}

/// A frame that was looked at apart from all others.
#[derive(Debug)]
pub struct Examined {
    number: usize,
    findings: Findings,
    content: Content,
}

/// What a frame holds.
#[derive(Debug)]
enum Content {
    Records(Box<Frame>),
    /// The payload of an index.
    Index(rkyv::util::AlignedVec),
    /// Of a kind or version of which nothing is known.
    Unknown,
    /// It cannot be read, or not be trusted.
    Nothing,
}

/// Checks a trace frame by frame.
///
/// [`Verifier::examine`] needs nothing of other frames and may run on all cores; [`Verifier::take`] wants
/// its results in order.
pub struct Verifier<'a> {
    trace: &'a Trace,
    seed: Seed,
    /// In the order of the file.
    frames: Vec<Located>,
    /// In the order of their numbers, the first one of each.
    by_sequence: Vec<Located>,
    report: Report,
    across: Across,
    order: Order,
    listed: Listed,
    most: usize,
}

impl<'a> Verifier<'a> {
    /// Walks through the frame headers of a file and checks how they lie. `most` findings of each rule
    /// are kept; the rest is counted.
    ///
    /// # Errors
    /// [`crate::Error::Read`].
    pub fn new(trace: &'a Trace, most: usize) -> Result<Self> {
        let mut findings = Findings::keeping(most);
        let mut notes = Notes::new();
        let (frames, damage) = trace.walk()?;
        structure::header(trace, &mut findings, &mut notes)?;
        let index_at = structure::trailer(trace, &mut findings)?;
        structure::gaps(trace, &frames, &damage, &mut findings)?;
        let mut by_sequence = frames.clone();
        by_sequence.sort_by_key(|frame| frame.header.sequence);
        by_sequence.dedup_by_key(|frame| frame.header.sequence);
        structure::order(&frames, &by_sequence, &mut findings, &mut notes);
        structure::index_place(&frames, index_at, &mut findings);
        // These cost no frame.
        let is_harmless = |rule| matches!(rule, Rule::FileHeader | Rule::Reserved);
        let is_whole = findings.counts().all(|(rule, _)| is_harmless(rule));
        let report = Report {
            is_whole,
            unknown_frames: 0,
            findings,
            notes,
            frames: frames.len() as u64,
            counts: Counts::default(),
        };
        let mut across = Across::default();
        if !report.is_whole {
            across.doubt();
        }
        let seed = Seed::new(&trace.header().uuid);
        let listed = Listed::default();
        let order = Order::keeping(most);
        Ok(Self { trace, seed, frames, by_sequence, report, across, order, listed, most })
    }

    /// How many frames there are to be examined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Looks at the bytes of one frame.
    ///
    /// # Errors
    /// [`crate::Error::Read`].
    pub fn examine(&self, number: usize) -> Result<Examined> {
        let mut findings = Findings::keeping(self.most);
        let content = match self.frames.get(number) {
            Some(frame) => self.content(frame, &mut findings)?,
            None => Content::Nothing,
        };
        Ok(Examined { number, findings, content })
    }

    fn content(&self, frame: &Located, findings: &mut Findings) -> Result<Content> {
        let header = &frame.header;
        let place = Place::frame(frame);
        let bytes = self.trace.read_bytes(frame.offset, header.frame_bytes())?;
        let is_newer = structure::is_newer(self.trace);
        if !is_newer && bytes.get(18..20).is_some_and(|field| field != [0; 2]) {
            let what = || "the reserved field at 18 of its header is not 0".to_owned();
            findings.add(Rule::Reserved, place, what);
        }
        let stored = bytes.get(FRAME_HEADER_BYTES..).unwrap_or_default();
        if self.seed.checksum(stored) != header.payload_crc {
            let what = || "the checksum of the payload is wrong".to_owned();
            findings.add(Rule::Checksum, place, what);
            return Ok(Content::Nothing);
        }
        let Some(kind) = structure::known(frame) else {
            return Ok(Content::Unknown);
        };
        check_header(kind, header, place, findings);
        let content = open(self.trace, kind, header, stored);
        let (archive, content) = match content {
            Ok(content) => content,
            Err(what) => {
                findings.add(Rule::of_refusal(what), place, || what.to_owned());
                return Ok(Content::Nothing);
            }
        };
        layout::check(kind, &archive, place, findings);
        if kind == FrameKind::Faults
            && let Ok(faults) = access::<ArchivedFaultsV1>(&archive)
        {
            faults::check_columns(faults, place, findings);
        }
        Ok(match content {
            Some(records) => {
                rows::check(&records, place, findings);
                Content::Records(Box::new(records))
            }
            None => Content::Index(archive),
        })
    }

    /// Takes a frame that was examined, each after the one before it.
    pub fn take(&mut self, examined: Examined) {
        let Examined { number, findings, content } = examined;
        self.report.findings.append(findings);
        let Some(frame) = self.frames.get(number) else { return };
        let place = Place::frame(frame);
        match content {
            Content::Records(records) => {
                if matches!(&*records, Frame::Gaps(gaps) if !gaps.is_empty()) {
                    // What is missing is written down, and was not there to be checked.
                    self.across.doubt();
                    self.report.is_whole = false;
                }
                let findings = &mut self.report.findings;
                self.across.check(&frame.header, &records, place, findings);
                self.order.check(&records, place, findings);
                self.report.counts.add(*records, frame.header.part == 0);
            }
            Content::Index(archive) => {
                if let Ok(index) = access::<ArchivedIndexV1>(&archive) {
                    let findings = &mut self.report.findings;
                    self.listed.check(index, &frame.header, &self.by_sequence, place, findings);
                }
            }
            Content::Unknown => {
                self.report.unknown_frames += 1;
                self.across.doubt();
            }
            Content::Nothing => {
                self.across.doubt();
                self.report.is_whole = false;
            }
        }
    }

    /// The report, when all frames were taken.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.across.tell(&mut self.report.notes);
        let Report { findings, notes, .. } = &mut self.report;
        self.order.tell(self.across.is_doubtful(), findings, notes);
        let (chains, cut_chains) = self.across.chains();
        self.report.counts.chains = chains;
        self.report.counts.cut_chains = cut_chains;
        self.report
    }
}

/// Checks a trace, one frame after the other.
///
/// # Errors
/// [`crate::Error::Read`].
pub fn verify(trace: &Trace, most: usize) -> Result<Report> {
    let mut verifier = Verifier::new(trace, most)?;
    for number in 0..verifier.len() {
        let examined = verifier.examine(number)?;
        verifier.take(examined);
    }
    Ok(verifier.finish())
}

/// The payload of a frame, and its records; `None` of an index.
fn open(
    trace: &Trace,
    kind: FrameKind,
    header: &FrameHeader,
    stored: &[u8],
) -> std::result::Result<(rkyv::util::AlignedVec, Option<Frame>), &'static str> {
    if header.codec != CODEC_ZSTD {
        return Err("the codec is unknown");
    }
    let archive = decompress(stored, header.raw_bytes)?;
    if kind != FrameKind::Index {
        let records = decode_archive(trace.header(), kind, header, &archive)?;
        return Ok((archive, Some(records)));
    }
    let rows = access::<ArchivedIndexV1>(&archive)?.rows.len();
    if rows != header.rows as usize {
        return Err("the number of rows differs from the frame header");
    }
    Ok((archive, None))
}

/// What the header of a frame may say by its kind.
fn check_header(kind: FrameKind, header: &FrameHeader, place: Place, findings: &mut Findings) {
    use FrameKind::{CallChains, Checkpoint, Host, Index, Modules, Snapshot, Symbols};
    if header.parts != 1 && !matches!(kind, Snapshot | Index) {
        let what = || format!("{kind} frames have no parts, and it is one of {}", header.parts);
        findings.add(Rule::Parts, place, what);
    }
    let has_times = match kind {
        Host | CallChains | Modules | Symbols | Index => false,
        Snapshot | Checkpoint => true,
        _ => header.rows > 0,
    };
    let (first, last) = (header.first_ns, header.last_ns);
    if !has_times && (first, last) != (0, 0) {
        let what = || format!("its header says {first} to {last}");
        findings.add(Rule::TimesNone, place, what);
    }
}
