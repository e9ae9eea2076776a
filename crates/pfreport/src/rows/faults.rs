//! Table `faults` as a Polars frame.
//!
//! Only the columns that an output needs are built, each as one block of memory. Names become codes
//! of an `Enum`: a name is stored once, however many faults refer to it.

mod code;
mod dictionary;

use std::ops::Range;

use pfmodel::column::Values;
use pfmodel::names::{Access, Cause, Class, MapConfidence, RegionKind};
use pfmodel::table::{Mapping, NONE};
use pft::record::{LATENCY_UNKNOWN, NODE_UNKNOWN};
use polars::prelude::{
    BooleanChunked, Column, DataFrame, Int64Chunked, IntoColumn as _, IntoSeries as _,
    NewChunkedArray as _, PolarsResult, TimeUnit, UInt32Chunked, UInt64Chunked,
};

use crate::error::Error;
use crate::load::Loaded;
use crate::names::code::build_id;
use crate::names::failure;
use crate::print::text::printable;
use crate::rows::field::Field;
use dictionary::{Dictionary, coded};
pub use dictionary::{fixed, renamed};

/// What tables print for a fault at an address that no known mapping holds.
pub const UNKNOWN_REGION: &str = "[unknown]";

/// What tables print as the module of an instruction of the kernel.
pub const KERNEL_MODULE: &str = "[kernel]";

/// What column `function` has where none is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unnamed {
    /// Nothing.
    Null,
    /// The place in its module, `libfoo.so+0x1234`.
    Place,
}

/// Builds one column for a range of rows.
type Builder<'a> = Box<dyn Fn(Range<usize>) -> PolarsResult<Column> + Send + Sync + 'a>;

/// The chosen columns of the fault table of one trace, ready to be built for any range of rows.
pub struct Faults<'a> {
    length: usize,
    builders: Vec<Builder<'a>>,
}

impl<'a> Faults<'a> {
    /// Prepares `fields`: collects the names they need.
    ///
    /// # Errors
    /// [`Error::Table`] when there are more names than Polars can number.
    pub fn new(loaded: &'a Loaded, fields: &[Field]) -> Result<Self, Error> {
        Self::with(loaded, fields, Unnamed::Null)
    }

    /// The same with a choice of what stands for unknown functions.
    ///
    /// # Errors
    /// As [`Faults::new`].
    pub fn with(loaded: &'a Loaded, fields: &[Field], unnamed: Unnamed) -> Result<Self, Error> {
        let builders = fields.iter().map(|&field| builder(loaded, field, unnamed));
        Ok(Self {
            length: loaded.analysis.faults.len(),
            builders: builders.collect::<PolarsResult<_>>()?,
        })
    }

    /// Rows of the table.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether the table has no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The columns for some rows; rows beyond the end are left out.
    ///
    /// # Errors
    /// [`Error::Table`] should Polars refuse a column.
    pub fn frame(&self, rows: Range<usize>) -> Result<DataFrame, Error> {
        let rows = rows.start.min(self.length)..rows.end.min(self.length);
        let columns = self.builders.iter().map(|build| build(rows.clone()));
        Ok(DataFrame::new(rows.len(), columns.collect::<PolarsResult<_>>()?)?)
    }
}

fn builder(loaded: &Loaded, field: Field, unnamed: Unnamed) -> PolarsResult<Builder<'_>> {
    let name = field.name();
    let analysis = &loaded.analysis;
    let faults = &analysis.faults;
    let mappings = &analysis.mappings;
    Ok(match field {
        Field::Trace => {
            let dtype = fixed(loaded.members.iter().map(|member| member.name.as_str()))?;
            Box::new(move |rows| {
                // No trace has the number that stands for none.
                let code = |row| u32::try_from(loaded.member_of(row)).unwrap_or(NONE);
                coded(name, rows.map(code), &dtype)
            })
        }
        Field::Phase => {
            let dictionary = Dictionary::new(loaded.marks.iter().map(|m| Some(m.name.clone())))?;
            Box::new(move |rows| {
                // No mark has the number that stands for none.
                let code = |&ns: &u64| dictionary.code(loaded.mark_at(ns).unwrap_or(NONE));
                coded(name, faults.time_ns[rows].iter().map(code), &dictionary.dtype)
            })
        }
        Field::TimeNs if !loaded.are_several() => u64s(name, &faults.time_ns),
        Field::TimeNs => Box::new(move |rows| {
            let times = rows.map(|row| {
                let member = loaded.members.get(loaded.member_of(row));
                faults.time_ns[row].saturating_sub(member.map_or(0, |member| member.offset_ns))
            });
            Ok(UInt64Chunked::from_vec(name.into(), times.collect()).into_column())
        }),
        Field::WallTime => {
            Box::new(move |rows| {
                // The true one, also before the start.
                let times = rows.map(|row| {
                    let member = loaded.members.get(loaded.member_of(row));
                    let start_ns = member?.wall_start_ns()?;
                    let since_ns = faults.time_ns[row].saturating_sub(member?.offset_ns);
                    let ns = start_ns.saturating_add(since_ns);
                    Some(ns.saturating_sub(faults.before_ns(row)).cast_signed())
                });
                Ok(Int64Chunked::from_iter_options(name.into(), times)
                    .into_datetime(TimeUnit::Nanoseconds, None)
                    .into_series()
                    .into_column())
            })
        }
        Field::LatencyNs => Box::new(move |rows| Ok(latencies(name, &faults.latency_ns[rows]))),
        Field::Class => names(name, Class::ALL, Class::as_str, |c| c as u32, &faults.class)?,
        Field::Cause => names(name, Cause::ALL, Cause::as_str, |c| c as u32, &faults.cause)?,
        Field::Failure => {
            let dtype = fixed(failure::REASONS)?;
            Box::new(move |rows| {
                // No reason has the number that stands for none.
                let code = |row| failure::reason(faults, mappings, row).unwrap_or(NONE);
                coded(name, rows.map(code), &dtype)
            })
        }
        Field::Slow => Box::new(move |rows| {
            let slow = faults.slow.range(rows).copied();
            Ok(BooleanChunked::from_iter_values(name.into(), slow).into_column())
        }),
        Field::Access => names(name, Access::ALL, Access::as_str, |a| a as u32, &faults.access)?,
        Field::Mode => {
            let dtype = fixed(["user", "kernel"])?;
            Box::new(move |rows| {
                coded(name, faults.kernel_mode.range(rows).map(|&k| u32::from(k)), &dtype)
            })
        }
        Field::Proc => u32s(name, &faults.proc),
        Field::Pid => Box::new(move |rows| {
            let pid = |&proc: &u32| analysis.processes.get(proc as usize).map(|p| p.pid);
            let pids = faults.proc.range(rows).map(pid);
            Ok(UInt32Chunked::from_iter_options(name.into(), pids).into_column())
        }),
        Field::Tid => u32s(name, &faults.tid),
        Field::Comm => {
            let comms = analysis.comms.iter().map(|comm| Some(printable(comm)));
            recorded(name, comms, &faults.comm)?
        }
        Field::Cpu => Box::new(move |rows| {
            let cpus = faults.cpu.range(rows);
            let cpus = cpus.map(|&cpu| (cpu != u16::MAX).then_some(u32::from(cpu)));
            Ok(UInt32Chunked::from_iter_options(name.into(), cpus).into_column())
        }),
        Field::Addr => u64s(name, &faults.addr),
        Field::PageSizeBytes => Box::new(move |rows| {
            let sizes = faults.page_size_bytes.range(rows);
            let sizes = sizes.map(|&size| (size != 0).then_some(size));
            Ok(UInt64Chunked::from_iter_options(name.into(), sizes).into_column())
        }),
        Field::Nth => u32s(name, &faults.nth),
        Field::Attempts => u32s(name, &faults.attempts),
        Field::Region => {
            let regions = analysis.regions.iter().map(|region| Some(printable(&region.label)));
            let regions = regions.chain([Some(UNKNOWN_REGION.to_owned())]);
            let dictionary = Dictionary::new(regions)?;
            // Rows that hit no known one take the name behind those of the regions.
            let unknown = dictionary.last();
            let known = |region: u32| (region as usize) < analysis.regions.len();
            Box::new(move |rows| {
                let code = |&region: &u32| {
                    if known(region) { dictionary.code(region) } else { unknown }
                };
                coded(name, faults.region.range(rows).map(code), &dictionary.dtype)
            })
        }
        Field::RegionKind => {
            let dtype = fixed(RegionKind::ALL.iter().map(|kind| kind.as_str()))?;
            Box::new(move |rows| {
                let kind = |&region: &u32| {
                    let region = analysis.regions.get(region as usize);
                    region.map_or(RegionKind::Unknown, |region| region.kind) as u32
                };
                coded(name, faults.region.range(rows).map(kind), &dtype)
            })
        }
        Field::Path => recorded(name, mappings.iter().map(file_path), &faults.mapping)?,
        Field::FileOffset => Box::new(move |rows| {
            let pairs = faults.mapping.range(rows.clone()).zip(&faults.addr[rows]);
            let offsets = pairs.map(|(&m, &addr)| file_offset(mappings.get(m as usize)?, addr));
            Ok(UInt64Chunked::from_iter_options(name.into(), offsets).into_column())
        }),
        Field::Perms => recorded(name, mappings.iter().map(|m| Some(perms(m))), &faults.mapping)?,
        Field::Dev => recorded(name, mappings.iter().map(device), &faults.mapping)?,
        Field::Inode => Box::new(move |rows| {
            let inode = |&m: &u32| {
                let mapping = mappings.get(m as usize)?;
                has_file(mapping).then_some(mapping.inode)
            };
            let inodes = faults.mapping.range(rows).map(inode);
            Ok(UInt64Chunked::from_iter_options(name.into(), inodes).into_column())
        }),
        Field::MapConfidence => {
            let (all, text) = (MapConfidence::ALL, MapConfidence::as_str);
            names(name, all, text, |c| c as u32, &faults.map_confidence)?
        }
        Field::Ip => Box::new(move |rows| {
            let ips = rows.map(|row| (faults.code[row] != NONE).then_some(faults.ip[row]));
            Ok(UInt64Chunked::from_iter_options(name.into(), ips).into_column())
        }),
        Field::Module => code::module(name, analysis)?,
        Field::Function => code::function(name, analysis, unnamed)?,
        Field::Source => code::source(name, analysis)?,
        Field::Object => {
            let objects = analysis.objects.iter().map(|object| Some(printable(&object.name)));
            recorded(name, objects, &faults.object)?
        }
        Field::Callchain => code::call_chain(name, analysis),
        Field::BuildId => {
            let build_id = |mapping: &Mapping| {
                let module = analysis.modules.get(mapping.module as usize)?;
                build_id(&module.build_id)
            };
            recorded(name, mappings.iter().map(build_id), &faults.mapping)?
        }
        Field::Node => Box::new(move |rows| {
            let node = |row: usize| {
                let node = faults.node.get(row).filter(|&&node| node != NODE_UNKNOWN);
                node.map(|&node| u32::from(node))
            };
            Ok(UInt32Chunked::from_iter_options(name.into(), rows.map(node)).into_column())
        }),
        Field::Cgroup => {
            let dictionary = Dictionary::new(analysis.cgroups.iter().map(|p| Some(printable(p))))?;
            Box::new(move |rows| {
                let code = |(&proc, &ns): (&u32, &u64)| {
                    let process = analysis.processes.get(proc as usize);
                    let cgroup = process.and_then(|process| process.cgroup_at(ns));
                    dictionary.code(cgroup.unwrap_or(NONE))
                };
                let pairs = faults.proc.range(rows.clone()).zip(&faults.time_ns[rows]);
                coded(name, pairs.map(code), &dictionary.dtype)
            })
        }
        Field::Mapping => Box::new(move |rows| {
            let known = |&m: &u32| ((m as usize) < mappings.len()).then_some(m);
            let numbers = faults.mapping.range(rows).map(known);
            Ok(UInt32Chunked::from_iter_options(name.into(), numbers).into_column())
        }),
    })
}

fn u32s<'a>(name: &'static str, values: &'a (impl Values<u32> + Sync)) -> Builder<'a> {
    Box::new(move |rows| {
        let values = values.range(rows).copied().collect();
        Ok(UInt32Chunked::from_vec(name.into(), values).into_column())
    })
}

fn u64s<'a>(name: &'static str, values: &'a [u64]) -> Builder<'a> {
    Box::new(move |rows| Ok(UInt64Chunked::from_slice(name.into(), &values[rows]).into_column()))
}

/// A column of one of the model's vocabularies.
fn names<'a, T: Copy + Sync + 'static>(
    name: &'static str,
    all: &[T],
    text: fn(T) -> &'static str,
    code: fn(T) -> u32,
    values: &'a (impl Values<T> + Sync),
) -> PolarsResult<Builder<'a>> {
    let dtype = fixed(all.iter().map(|&value| text(value)))?;
    Ok(Box::new(move |rows| coded(name, values.range(rows).map(|&value| code(value)), &dtype)))
}

/// A column of names from the trace: row `i` bears the name number `refers[i]`, or none.
fn recorded<'a>(
    name: &'static str,
    names: impl Iterator<Item = Option<String>>,
    refers: &'a (impl Values<u32> + Sync),
) -> PolarsResult<Builder<'a>> {
    let dictionary = Dictionary::new(names)?;
    Ok(Box::new(move |rows| {
        coded(name, refers.range(rows).map(|&row| dictionary.code(row)), &dictionary.dtype)
    }))
}

/// Latencies, "unknown" as null.
pub fn latencies(name: &str, latency_ns: &[u64]) -> Column {
    if latency_ns.contains(&LATENCY_UNKNOWN) {
        let known = latency_ns.iter().map(|&ns| (ns != LATENCY_UNKNOWN).then_some(ns));
        UInt64Chunked::from_iter_options(name.into(), known).into_column()
    } else {
        UInt64Chunked::from_slice(name.into(), latency_ns).into_column()
    }
}

/// Whether a file is behind a mapping.
#[must_use]
pub const fn has_file(mapping: &Mapping) -> bool {
    mapping.inode != 0
}

/// Path of the file behind a mapping, fit to print; none for anonymous memory.
#[must_use]
pub fn file_path(mapping: &Mapping) -> Option<String> {
    (has_file(mapping) && !mapping.path.is_empty()).then(|| printable(&mapping.path))
}

/// What stands for a place in lists that show whole paths: the file, with the section of a module
/// (`/usr/lib/libc.so.6 .text`), or the region's name where there is no file.
#[must_use]
pub fn place(path: Option<&str>, region: &str) -> String {
    let Some(path) = path else { return region.to_owned() };
    let base = path.rsplit('/').next().unwrap_or(path);
    let behind = |name| region.strip_prefix(name).filter(|section: &&str| section.starts_with(' '));
    let section = behind(path).or_else(|| behind(base));
    format!("{path}{}", section.unwrap_or_default())
}

/// Offset in the file of an address in a mapping; none for anonymous memory.
#[must_use]
pub fn file_offset(mapping: &Mapping, addr: u64) -> Option<u64> {
    if !has_file(mapping) {
        return None;
    }
    addr.checked_sub(mapping.start)?.checked_add(mapping.file_offset)
}

/// `rwxp` as in `/proc/PID/maps`.
#[must_use]
pub fn perms(mapping: &Mapping) -> String {
    let bit = |bit: u32, letter| if mapping.prot & bit != 0 { letter } else { '-' };
    let sharing = if mapping.shared { 's' } else { 'p' };
    [bit(1, 'r'), bit(2, 'w'), bit(4, 'x'), sharing].into_iter().collect()
}

/// Device of the file behind a mapping, as text; none for anonymous memory.
#[must_use]
pub fn device(mapping: &Mapping) -> Option<String> {
    has_file(mapping).then(|| format!("{:#06x}", device_number(mapping.dev)))
}

/// A device as one number, `st_dev` of stat(2): "8:1" would be taken for a time of day by readers of CSV
/// that guess types.
fn device_number((major, minor): (u32, u32)) -> u64 {
    let (major, minor) = (u64::from(major), u64::from(minor));
    minor & 0xff | (major & 0xfff) << 8 | (minor & !0xff) << 12 | (major & !0xfff) << 32
}
