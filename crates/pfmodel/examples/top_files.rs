//! Prints the files in whose faults threads waited longest: stall, major faults, all faults, path.
//!
//! `cargo run -p pfmodel --example top_files -- run.pft`

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use pfmodel::names::Class;
use pfmodel::table::NONE;
use pfmodel::{Options, Recording, analyse};
use pft::Trace;
use pft::record::Frame;
use pft::text::printable;

/// Lines printed.
const MOST: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: top_files FILE")?;
    print(Path::new(&path), &mut io::stdout().lock())
}

/// What faults in a file cost.
#[derive(Default)]
struct Cost {
    stall_ns: u64,
    major: u64,
    faults: u64,
}

/// Prints the costliest files of a trace.
pub fn print(path: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let trace = Trace::open(path)?;
    let mut recording = Recording::new(trace.header().clone());
    let mut batches = Vec::new();
    for (_, frame) in trace.iter() {
        if let Some(Frame::Faults(batch)) = recording.add(frame?) {
            batches.push(batch);
        }
    }
    let analysis = analyse(recording, batches, &Options::default());

    let faults = &analysis.faults;
    let mut files: BTreeMap<&[u8], Cost> = BTreeMap::new();
    for row in 0..faults.len() {
        if faults.mapping[row] == NONE {
            continue;
        }
        let mapping = &analysis.mappings[faults.mapping[row] as usize];
        if mapping.inode == 0 {
            continue;
        }
        let cost = files.entry(&mapping.path).or_default();
        cost.stall_ns = cost.stall_ns.saturating_add(faults.stall_ns(row).unwrap_or(0));
        cost.major += u64::from(faults.class[row] == Class::Major);
        cost.faults += 1;
    }
    let mut files: Vec<(&[u8], Cost)> = files.into_iter().collect();
    files.sort_by_key(|(_, cost)| Reverse(cost.stall_ns));
    writeln!(out, "    stall ns  major  faults  file")?;
    for (path, Cost { stall_ns, major, faults }) in files.iter().take(MOST) {
        writeln!(out, "{stall_ns:>12} {major:>6} {faults:>7}  {}", printable(path))?;
    }
    Ok(())
}
