//! What the events of a file tell about page faults.

use pfpairing::tracepoint::{PageFaultTracepoint, parse_format};

use crate::error::Error;
use crate::perf::attr::{Attr, flags, sample};
use crate::perf::features::NamedEvent;
use crate::perf::tracing::{self, Tracing};

/// `PERF_TYPE_…` and `PERF_COUNT_SW_…`.
const SOFTWARE: u32 = 1;
const TRACEPOINT: u32 = 2;
const PAGE_FAULTS: u64 = 2;
const MINOR_FAULTS: u64 = 5;
const MAJOR_FAULTS: u64 = 6;
const DUMMY: u64 = 9;

/// What samples of an event tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The entry of a fault (`page-faults`).
    Entry,
    /// The entry of one in user mode (`exceptions:page_fault_user`).
    EntryUser(PageFaultTracepoint),
    /// An exception in kernel mode, which may become a fault (`exceptions:page_fault_kernel`).
    EntryKernel(PageFaultTracepoint),
    /// The completion of a minor fault.
    Minor,
    /// The completion of a major fault.
    Major,
    /// Something else.
    Other,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it tells.
    pub kind: Kind,
    /// What perf calls it.
    pub name: String,
    /// It sees user mode, and kernel mode.
    pub modes: (bool, bool),
}

/// Which completions were recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completions {
    /// All.
    All,
    /// Those of minor faults.
    Minor,
    /// Those of major faults.
    Major,
    /// None.
    None,
}

impl Completions {
    /// As the fact has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::None => "none",
        }
    }
}

/// The events of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// In the order of the file.
    pub list: Vec<Event>,
    /// Which completions there are.
    pub completions: Completions,
    /// Entries in user mode come from the tracepoint.
    pub user_tracepoint: bool,
    /// The tracepoint in kernel mode is there.
    pub kernel_tracepoint: bool,
    /// Entries in kernel mode come from the software event, which proves them.
    pub kernel_entries: bool,
    /// Entries come from the software event.
    pub software_entries: bool,
    /// Faults in kernel mode were recorded.
    pub kernel_mode: bool,
}

impl Events {
    /// Judges the events of a file.
    ///
    /// # Errors
    /// Those of what no trace can be made of.
    pub fn judge(
        attrs: &[Attr],
        named: &[NamedEvent],
        tracing: &Tracing,
        is_cut: bool,
    ) -> Result<Self, Error> {
        let list: Vec<Event> = attrs
            .iter()
            .enumerate()
            .map(|(number, attr)| {
                let named = named.get(number).filter(|named| named.attr.config == attr.config);
                event(attr, named.map(|named| named.name.as_str()), tracing)
            })
            .collect();
        let is = |wanted: fn(&Kind) -> bool| list.iter().any(|event| wanted(&event.kind));
        if !is(|kind| *kind != Kind::Other) {
            let name = |(event, attr): (&Event, &Attr)| {
                (attr.kind != SOFTWARE || attr.config != DUMMY).then(|| event.name.clone())
            };
            return Err(match unread(&list, attrs) {
                Some(event) => Error::NoFormat { event, is_cut },
                None => Error::NoFaultEvent {
                    events: list.iter().zip(attrs).filter_map(name).collect(),
                },
            });
        }
        for (event, attr) in list.iter().zip(attrs) {
            check(event, attr)?;
        }
        let minor = is(|kind| *kind == Kind::Minor);
        let major = is(|kind| *kind == Kind::Major);
        let completions = match (minor, major) {
            (true, true) => Completions::All,
            (true, false) => Completions::Minor,
            (false, true) => Completions::Major,
            (false, false) => Completions::None,
        };
        let in_kernel = |event: &&Event| event.modes.1;
        let of = |wanted: fn(&Kind) -> bool| list.iter().filter(move |event| wanted(&event.kind));
        let kernel_entries = of(|kind| *kind == Kind::Entry).any(|event| in_kernel(&event));
        let kernel_tracepoint = is(|kind| matches!(kind, Kind::EntryKernel(_)));
        let kernel_completions =
            of(|kind| matches!(kind, Kind::Minor | Kind::Major)).any(|event| in_kernel(&event));
        Ok(Self {
            completions,
            user_tracepoint: is(|kind| matches!(kind, Kind::EntryUser(_))),
            kernel_tracepoint,
            kernel_entries,
            software_entries: is(|kind| *kind == Kind::Entry),
            kernel_mode: kernel_entries || kernel_completions || kernel_tracepoint,
            list,
        })
    }

    /// Whether entries were recorded.
    pub const fn has_entries(&self) -> bool {
        self.software_entries || self.has_tracepoints()
    }

    /// Whether entries, or some of them, come from tracepoints.
    pub const fn has_tracepoints(&self) -> bool {
        self.user_tracepoint || self.kernel_tracepoint
    }

    /// Events of which there are several that see the same faults, by their name.
    pub fn repeated(&self) -> Option<&str> {
        let same = |a: &Event, b: &Event| {
            let both = a.modes.0 && b.modes.0 || a.modes.1 && b.modes.1;
            a.kind == b.kind && a.kind != Kind::Other && both
        };
        let found = self.list.iter().enumerate().find(|(number, event)| {
            self.list.iter().take(*number).any(|earlier| same(event, earlier))
        });
        found.map(|(_, event)| event.name.as_str())
    }
}

/// A page-fault tracepoint of which the file does not say where its fields are.
fn unread(list: &[Event], attrs: &[Attr]) -> Option<String> {
    let mut both = list.iter().zip(attrs);
    let found = both.find(|(event, attr)| {
        attr.kind == TRACEPOINT && (event.name.is_empty() || is_page_fault(&event.name))
    });
    found.map(|(event, _)| match event.name.as_str() {
        "" => "a tracepoint".to_owned(),
        name => name.to_owned(),
    })
}

fn is_page_fault(name: &str) -> bool {
    name.contains("page_fault_user") || name.contains("page_fault_kernel")
}

fn event(attr: &Attr, name: Option<&str>, tracing: &Tracing) -> Event {
    let (kind, known) = match (attr.kind, attr.config) {
        (SOFTWARE, PAGE_FAULTS) => (Kind::Entry, "page-faults"),
        (SOFTWARE, MINOR_FAULTS) => (Kind::Minor, "minor-faults"),
        (SOFTWARE, MAJOR_FAULTS) => (Kind::Major, "major-faults"),
        (SOFTWARE, DUMMY) => (Kind::Other, "dummy"),
        (TRACEPOINT, id) => tracepoint(id, tracing).unwrap_or((Kind::Other, "")),
        _ => (Kind::Other, ""),
    };
    let name = match (name, known) {
        (Some(name), _) if !name.is_empty() => name.to_owned(),
        (_, "") if attr.kind != TRACEPOINT => format!("an event of type {}", attr.kind),
        (_, known) => known.to_owned(),
    };
    let modes = (!attr.has(flags::EXCLUDE_USER), !attr.has(flags::EXCLUDE_KERNEL));
    Event { kind, name, modes }
}

fn tracepoint(id: u64, tracing: &Tracing) -> Option<(Kind, &'static str)> {
    tracing.formats.iter().filter(|(system, _)| system == "exceptions").find_map(|(_, text)| {
        let fields = parse_format(text).filter(|fields| fields.id == id)?;
        match tracing::name(text)? {
            "page_fault_user" => Some((Kind::EntryUser(fields), "exceptions:page_fault_user")),
            "page_fault_kernel" => {
                Some((Kind::EntryKernel(fields), "exceptions:page_fault_kernel"))
            }
            _ => None,
        }
    })
}

/// Whether the samples of an event are all that there were, and have what faults are made of.
fn check(event: &Event, attr: &Attr) -> Result<(), Error> {
    let name = || event.name.clone();
    let lacks = |what| Err(Error::Lacks { event: name(), what });
    let is_tracepoint = matches!(event.kind, Kind::EntryUser(_) | Kind::EntryKernel(_));
    match event.kind {
        Kind::Other => Ok(()),
        _ if attr.has(flags::FREQUENCY) => {
            Err(Error::Sampled { event: name(), how: format!("{} a second", attr.period) })
        }
        _ if attr.period != 1 => {
            Err(Error::Sampled { event: name(), how: format!("one in {}", attr.period) })
        }
        _ if !attr.samples(sample::TID) => lacks("processes and threads"),
        _ if !attr.samples(sample::TIME) => lacks("times (option -T)"),
        _ if is_tracepoint && !attr.samples(sample::RAW) => lacks("its fields (option -R)"),
        _ if !is_tracepoint && !attr.samples(sample::ADDR) => lacks("addresses (option -d)"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: u64 = sample::IP | sample::TID | sample::TIME | sample::ADDR;

    fn attr(config: u64) -> Attr {
        Attr { kind: SOFTWARE, config, period: 1, sample_type: NEEDED, ..Attr::default() }
    }

    fn judge(attrs: &[Attr]) -> Result<Events, Error> {
        Events::judge(attrs, &[], &Tracing::default(), false)
    }

    #[test]
    fn what_was_recorded_follows_from_the_events() {
        let all = judge(&[attr(2), attr(5), attr(6)]).unwrap();
        assert_eq!((all.completions, all.has_entries()), (Completions::All, true));
        assert!(all.kernel_mode && all.kernel_entries && !all.has_tracepoints());
        let user = Attr { flags: flags::EXCLUDE_KERNEL, ..attr(6) };
        let majors = judge(&[user]).unwrap();
        assert_eq!((majors.completions, majors.has_entries()), (Completions::Major, false));
        assert!(!majors.kernel_mode);
        assert_eq!(judge(&[attr(2), attr(5), attr(2)]).unwrap().repeated(), Some("page-faults"));
        let kernel = Attr { flags: flags::EXCLUDE_USER, ..attr(6) };
        assert_eq!(judge(&[user, kernel]).unwrap().repeated(), None);
    }

    #[test]
    fn tracepoints_are_known_by_their_description() {
        let format = "name: page_fault_user\nID: 77\nformat:\n\
            \tfield:unsigned long address;\toffset:8;\tsize:8;\tsigned:0;\n\
            \tfield:unsigned long ip;\toffset:16;\tsize:8;\tsigned:0;\n\
            \tfield:unsigned long error_code;\toffset:24;\tsize:8;\tsigned:0;\n";
        let formats = vec![("exceptions".to_owned(), format.to_owned())];
        let tracing = Tracing { page_size_bytes: 4096, formats };
        let sample_type = NEEDED | sample::RAW;
        let user = Attr { kind: TRACEPOINT, sample_type, ..attr(77) };
        let found = Events::judge(&[user], &[], &tracing, false).unwrap();
        assert!(matches!(found.list[0].kind, Kind::EntryUser(fields) if fields.ip == 16));
        assert_eq!((found.completions, found.kernel_mode), (Completions::None, false));
        assert!(matches!(judge(&[user]), Err(Error::NoFormat { .. })));
        let bare = Attr { sample_type: NEEDED, ..user };
        let error = Events::judge(&[bare], &[], &tracing, false).unwrap_err();
        assert!(error.to_string().contains("option -R"), "{error}");
    }

    #[test]
    fn what_no_trace_can_be_made_of_is_refused() {
        let refused = |attr| judge(&[attr]).unwrap_err().to_string();
        assert!(refused(Attr { kind: 0, ..attr(0) }).contains("no page faults were recorded"));
        assert!(refused(Attr { period: 1000, ..attr(5) }).contains("one in 1000"));
        let frequency = Attr { period: 4000, flags: flags::FREQUENCY, ..attr(2) };
        assert!(refused(frequency).contains("4000 a second"));
        assert!(refused(Attr { sample_type: 7, ..attr(2) }).contains("option -d"));
        assert!(refused(Attr { sample_type: NEEDED & !4, ..attr(2) }).contains("option -T"));
    }
}
