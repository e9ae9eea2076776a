//! Prints each fault of a trace: when, class, cause, where, and how long it took.
//!
//! `cargo run -p pfmodel --example print_faults -- run.pft`

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use pfmodel::table::{Analysis, NONE};
use pfmodel::{Options, Recording, analyse};
use pft::Trace;
use pft::record::{Frame, GapReason, LATENCY_UNKNOWN};
use pft::text::printable;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: print_faults FILE")?;
    print(Path::new(&path), &mut io::stdout().lock())
}

/// Prints the faults of a trace in order of time.
pub fn print(path: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let analysis = read(path)?;
    let faults = &analysis.faults;
    for row in 0..faults.len() {
        let latency = match faults.latency_ns[row] {
            LATENCY_UNKNOWN => "-".to_owned(),
            ns => ns.to_string(),
        };
        writeln!(
            out,
            "{:>12} {:<6} {:<18} {} {latency}",
            faults.time_ns[row],
            faults.class[row].as_str(),
            faults.cause[row].as_str(),
            place(&analysis, row),
        )?;
    }
    Ok(())
}

/// A trace and what it means. Frames that are damaged are left out, and the analysis is told so.
fn read(path: &Path) -> Result<Analysis, Box<dyn Error>> {
    let trace = Trace::open(path)?;
    let mut recording = Recording::new(trace.header().clone());
    let (mut faults, mut unusable) = (Vec::new(), Vec::new());
    for (info, frame) in trace.iter() {
        match frame.map(|frame| recording.add(frame)) {
            Ok(Some(Frame::Faults(batch))) => faults.push(batch),
            Ok(_) => {}
            Err(error) => unusable.push((*info, GapReason::of(&error))),
        }
    }
    recording.gaps.extend(trace.gaps(&unusable));
    Ok(analyse(recording, faults, &Options::default()))
}

/// The file and the offset in it, or the region and the address.
fn place(analysis: &Analysis, row: usize) -> String {
    let addr = analysis.faults.addr[row];
    let mapping = analysis.faults.mapping[row];
    if mapping == NONE {
        return format!("[unknown] {addr:#x}");
    }
    let mapping = &analysis.mappings[mapping as usize];
    if mapping.inode == 0 {
        return format!("{} {addr:#x}", printable(&mapping.region));
    }
    let offset = mapping.file_offset.saturating_add(addr - mapping.start);
    format!("{}+{offset:#x}", printable(&mapping.path))
}
