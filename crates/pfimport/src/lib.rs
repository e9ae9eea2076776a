//! Page faults that `perf record` captured become a `.pft` trace.
//!
//! [`PerfData`] is a `perf.data` file, or what `perf record -o -` writes; [`import`] makes a trace of it. The
//! records of all CPUs are brought in order of time as far as perf's rounds ask for it, and everything else goes
//! through in a stream: memory does not grow with the faults. Entries and completions are paired as the
//! recorder pairs them ([`pfpairing`]).
//!
//! Input may be damaged or hostile. What is cut or broken ends the import there, and [`Imported::cut`] says so; what
//! no fault can be made of is an [`Error`] that names a command which records properly. `docs/import.md` says
//! what is known of an imported trace and what is not.

mod command_line;
mod convert;
mod counts;
mod error;
mod events;
mod facts;
mod import;
mod initial;
mod modules;
mod perf;

pub use error::{Error, RECORD};
pub use import::{Imported, Options, import};
pub use perf::{PerfData, is_perf_data};
