//! Prints what a trace lacks, its frames, and its faults as they were recorded.
//!
//! `cargo run -p pft --example print_frames -- run.pft`

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

use pft::Trace;
use pft::record::{Frame, LATENCY_UNKNOWN};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: print_frames FILE")?;
    print(Path::new(&path), &mut io::stdout().lock())
}

/// Prints a trace.
pub fn print(path: &Path, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let trace = Trace::open(path)?;
    let header = trace.header();
    writeln!(out, "pages of {} bytes, start {}", header.page_size_bytes, header.start_ns)?;
    for damage in trace.damage() {
        writeln!(out, "damage: {damage}")?;
    }
    for (info, frame) in trace.iter() {
        writeln!(out, "{} at byte {}, rows: {}", info.kind, info.offset, info.rows)?;
        let batch = match frame {
            Ok(Frame::Faults(batch)) => batch,
            Ok(_) => continue,
            Err(error) => {
                writeln!(out, "  {error}")?;
                continue;
            }
        };
        let columns = &batch.columns;
        for row in 0..columns.len() {
            // Faults that were under way when the recording began are older than it.
            let since_start_ns = i128::from(columns.time_ns[row]) - i128::from(header.start_ns);
            let latency = match columns.latency_ns[row] {
                LATENCY_UNKNOWN => "-".to_owned(),
                ns => ns.to_string(),
            };
            writeln!(
                out,
                "  {since_start_ns:>9} ns  cpu {}  thread {}/{}  addr {:#x}  ip {:#x}  latency {latency}  flags {:#x}",
                batch.cpu,
                columns.pid[row],
                columns.tid[row],
                columns.addr[row],
                columns.ip[row],
                columns.flags[row],
            )?;
        }
    }
    Ok(())
}
