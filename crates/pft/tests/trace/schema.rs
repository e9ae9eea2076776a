//! The specification and the code say the same.

use std::fmt::Write as _;
use std::process::Command;

use pft::record::{Frame, LATENCY_UNKNOWN};
use pft::{Trace, Writer, keys};

use crate::code_samples::{call_chains, faults_with_chains, modules, stack_pointers, symbols};
use crate::samples::{calls, cgroups, faults, gaps, header, marks, oom};
use crate::tables::{TABLES, table};

const SCHEMA: &str = include_str!("../../../../schemas/pft.md");

/// The hexadecimal dumps of the example: the file and the decompressed payload.
fn dumps() -> Vec<Vec<u8>> {
    let (_, example) = SCHEMA.split_once("## 10. Example").unwrap();
    let blocks = example.split("```").skip(1).step_by(2);
    let line = |line: &str| -> Vec<u8> {
        let (_, bytes) = line.split_once("  ").unwrap();
        bytes.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect()
    };
    blocks.map(|block| block.trim().lines().flat_map(line).collect()).collect()
}

#[test]
fn all_keys_are_documented() {
    for (key, meaning) in keys::fact::ALL.iter().chain(keys::ledger::ALL) {
        let line = format!("| `{key}` | {meaning} |");
        assert!(SCHEMA.contains(&line), "missing in schemas/pft.md:\n{line}");
    }
}

#[test]
fn the_example_decodes_to_what_it_says() {
    let [file, payload] = dumps().try_into().unwrap();
    let trace = Trace::from_bytes(file.clone()).unwrap();
    assert!(trace.is_complete());
    assert_eq!(&trace.header().uuid, b"example of uuid!");
    let [info] = trace.frames() else {
        panic!("not one frame");
    };
    let stored = &file[128..(info.offset + info.stored_bytes) as usize];
    assert_eq!(zstd::bulk::decompress(stored, 252).unwrap(), payload);
    let Ok(Frame::Faults(batch)) = trace.read(info) else {
        panic!("not a Faults frame");
    };
    assert_eq!(batch.cpu, 2);
    let columns = batch.columns;
    let mut table = String::new();
    for row in 0..columns.len() {
        let latency = match columns.latency_ns[row] {
            LATENCY_UNKNOWN => "unknown".to_owned(),
            latency_ns => latency_ns.to_string(),
        };
        writeln!(
            table,
            "| {} | {latency} | `{:x}` | `{:x}` | {} | {} | `{:x}` | {} |",
            columns.time_ns[row],
            columns.addr[row],
            columns.ip[row],
            columns.pid[row],
            columns.tid[row],
            columns.flags[row],
            columns.attempts[row],
        )
        .unwrap();
    }
    assert!(SCHEMA.ends_with(&table), "{table}");
}

#[test]
fn the_python_reader_reads_the_same() {
    let available = |program: &str, args: &[&str]| {
        Command::new(program).args(args).output().is_ok_and(|done| done.status.success())
    };
    if !available("python3", &["--version"]) {
        println!("skipped: python3 is not installed");
        return;
    }
    if !available("zstd", &["--version"]) && !available("python3", &["-c", "import zstandard"]) {
        println!("skipped: neither the zstandard package nor the zstd program is installed");
        return;
    }
    let mut writer = Writer::create(Vec::new(), &header(), 1).unwrap();
    writer.host(&crate::samples::host()).unwrap();
    writer.call_chains(&call_chains()).unwrap();
    writer.faults(&faults(2000)).unwrap();
    writer.faults(&faults_with_chains(1000)).unwrap();
    writer.oom(&oom()).unwrap();
    writer.marks(&marks()).unwrap();
    writer.calls(&calls()).unwrap();
    writer.stack_pointers(&stack_pointers()).unwrap();
    writer.modules(&modules()).unwrap();
    writer.symbols(&symbols()).unwrap();
    writer.gaps(&gaps()).unwrap();
    writer.cgroups(&cgroups()).unwrap();
    let whole = writer.finish().unwrap();
    let trace = Trace::from_bytes(whole.clone()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/read_pft.py");
    let file = tempfile::NamedTempFile::new().unwrap();
    for (bytes, status) in [(&whole[..], 0), (&whole[..whole.len() - 1], 1)] {
        std::fs::write(file.path(), bytes).unwrap();
        for ((name, _), rows) in TABLES.into_iter().zip([3000, 2, 3, 3, 3, 3, 5, 3, 5, 4, 2, 3]) {
            let done =
                Command::new("python3").arg(script).arg(file.path()).arg(name).output().unwrap();
            let printed = String::from_utf8(done.stdout).unwrap();
            assert_eq!(printed, table(&trace, name));
            assert_eq!(printed.lines().count(), 1 + rows);
            assert_eq!(done.status.code(), Some(status));
        }
    }
}
