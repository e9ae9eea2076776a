//! What is asked for when a trace is read.

use std::fmt;
use std::ops::Range;

use pfmodel::Options;

use crate::rows::field::Field;

/// How far the faults are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Reach {
    /// Those of the window only. Columns `cause`, `slow` and `nth`, and the numbers in `proc`, `callchain` and
    /// `mapping`, mean nothing then: they depend on earlier faults. Counts of the whole trace are not known.
    Window,
    /// Those of the window and all before it. Counts of the whole trace are not known.
    Start,
    /// All of them.
    #[default]
    Whole,
}

impl Reach {
    /// What a report that shows these columns, and no counts of the whole trace, needs.
    #[must_use]
    pub fn of(fields: &[Field]) -> Self {
        let needs_history = |field: &Field| {
            let judged = [Field::Cause, Field::Slow, Field::Nth];
            // Mappings that a child has from its parent are numbered as they are touched.
            let numbered = [Field::Proc, Field::Callchain, Field::Mapping];
            judged.contains(field) || numbered.contains(field)
        };
        if fields.iter().any(needs_history) { Self::Start } else { Self::Window }
    }
}

/// The window for a trace of so many nanoseconds, since its start; none for all of it.
type WindowOf<'a> = Box<dyn Fn(u64) -> Option<Range<u64>> + 'a>;

/// Takes note of how far reading is.
type Listener<'a> = Box<dyn Fn(Progress) + Sync + 'a>;

/// How far reading is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Faults that have been read and judged; those that are judged twice count twice.
    pub faults: u64,
    /// Of so many.
    pub total: u64,
}

/// What is asked for when a trace is read.
#[derive(Default)]
pub struct Request<'a> {
    /// Choices of the analysis.
    pub options: Options,
    /// How far the faults are read.
    pub reach: Reach,
    /// Memory that a trace may take, bytes; without it any amount.
    pub memory_bytes: Option<u64>,
    window: Option<WindowOf<'a>>,
    listener: Option<Listener<'a>>,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("options", &self.options)
            .field("reach", &self.reach)
            .field("memory_bytes", &self.memory_bytes)
            .field("window", &self.window.is_some())
            .finish_non_exhaustive()
    }
}

impl From<Options> for Request<'_> {
    /// All of a trace.
    fn from(options: Options) -> Self {
        Self { options, ..Self::default() }
    }
}

impl<'a> Request<'a> {
    /// The same for the faults that begin inside a window: `window` gets the length of a trace, nanoseconds,
    /// and gives times since its start, the end excluded; or none for all of it. Faults outside get no row.
    #[must_use]
    pub fn within(self, window: impl Fn(u64) -> Option<Range<u64>> + 'a) -> Self {
        Self { window: Some(Box::new(window)), ..self }
    }

    /// The same with somebody who is told how far reading is, from time to time.
    #[must_use]
    pub fn telling(self, listener: impl Fn(Progress) + Sync + 'a) -> Self {
        Self { listener: Some(Box::new(listener)), ..self }
    }

    /// The window of a trace of so many nanoseconds.
    pub(super) fn window_ns(&self, length_ns: u64) -> Option<Range<u64>> {
        self.window.as_ref()?(length_ns)
    }

    /// Says how far reading is.
    pub(super) fn tell(&self, progress: Progress) {
        if let Some(listener) = &self.listener {
            listener(progress);
        }
    }
}

/// How much of a file was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadStats {
    /// Frames with faults in the file.
    pub fault_frames: u64,
    /// How many of them were read; those that were read twice count twice.
    pub fault_frames_read: u64,
    /// Length in the file of all frames that were read, bytes; those that were read twice count twice.
    pub bytes_read: u64,
    /// The window that rows are from, since the start of the trace, nanoseconds.
    pub window_ns: Option<Range<u64>>,
    /// All faults were read, so that counts of the trace are those of all of it.
    pub is_whole: bool,
}
