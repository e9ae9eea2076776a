//! `pfreport redact` of a real recording with secrets in its command line, its files and its code.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::{Command, Output};

use pft::Trace;
use pft::record::{Frame, Snapshot};
use pftestkit::Workload;

use crate::programs::{FRAME_POINTERS, compile};
use crate::recording::{Lab, Record, User, program, records};

/// Where secrets are: the folder of the program and its name, the folder of its file, a label, its code.
const SECRETS: [&str; 6] = [
    "hangarsecret",
    "airshipsecret",
    "zeppelinsecret",
    "ticketsecret",
    "valuesecret",
    "ask_kernel_often",
];

/// Columns that are names, addresses and numbers of files. All others stay as they are.
const RENAMED: [&str; 15] = [
    "trace",
    "wall_time",
    "comm",
    "addr",
    "region",
    "path",
    "dev",
    "inode",
    "ip",
    "module",
    "function",
    "source",
    "object",
    "build_id",
    "cgroup",
];

fn redact(words: &[&str], trace: &Path, output: &Path) -> Output {
    let mut command = Command::new(program("pfreport"));
    command.arg("redact").args(words).arg(trace).arg("-o").arg(output).output().unwrap()
}

/// Every byte of the frames, decompressed.
fn payloads(trace: &Trace) -> Vec<u8> {
    let (frames, damage) = trace.scan().unwrap();
    assert!(damage.is_empty(), "{damage:?}");
    frames.iter().flat_map(|frame| trace.payload(frame).unwrap()).collect()
}

fn holds(haystack: &[u8], word: &str) -> bool {
    haystack.windows(word.len()).any(|window| window == word.as_bytes())
}

/// First addresses of all mappings that the kernel placed.
fn placed(trace: &Trace) -> BTreeSet<u64> {
    let starts = trace.iter().flat_map(|(_, frame)| match frame.unwrap() {
        Frame::Snapshot(Snapshot { vmas, .. }) => vmas.iter().map(|vma| vma.start).collect(),
        Frame::Maps(maps) => maps.iter().map(|map| map.start).collect(),
        _ => Vec::new(),
    });
    // Below is nothing random, and at the end the page that is at the same place everywhere.
    starts.filter(|start| (1 << 32..1 << 63).contains(start)).collect()
}

fn assert_one_to_one(column: &str, before: &[Record], after: &[Record]) {
    let (mut there, mut back) = (HashMap::new(), HashMap::new());
    for (old, new) in before.iter().zip(after) {
        let (old, new) = (&old[column], &new[column]);
        assert_eq!(there.entry(old).or_insert(new), &new, "{column}: {old} has two");
        assert_eq!(back.entry(new).or_insert(old), &old, "{column}: {new} stands for two");
    }
}

#[test]
fn a_recording_without_its_secrets_says_the_same() {
    let lab = Lab::new(User::Own);
    let folder = lab.dir.path().join(SECRETS[0]);
    std::fs::create_dir(&folder).unwrap();
    let Some(known) = compile(&folder, FRAME_POINTERS) else { return };
    let airship = folder.join(SECRETS[1]);
    std::fs::rename(known, &airship).unwrap();
    // Not in the folder of the test, which may be kept in memory only.
    let files = tempfile::Builder::new().prefix(SECRETS[2]).tempdir_in("/var/tmp").unwrap();
    let workload = Workload::new(&airship, files.path().to_str().unwrap());
    let label = format!("{}={}", SECRETS[3], SECRETS[4]);
    let recording = lab.launch_with(&["-g", "--label", &label], &workload).unwrap();

    let input = recording.lab.trace();
    let original = Trace::open(&input).unwrap();
    let before = payloads(&original);
    for secret in SECRETS {
        assert!(holds(&before, secret), "{secret}");
    }
    let output = recording.lab.dir.path().join("share.pft");
    // Which common names are in it depends on the machine.
    let done = redact(&["-q"], &input, &output);
    let said = String::from_utf8_lossy(&done.stdout);
    let errors = String::from_utf8_lossy(&done.stderr);
    assert_eq!((done.status.code(), &*errors), (Some(0), ""), "{said}");
    assert!(said.ends_with("none remains\n"), "{said}");
    println!("{said}");

    let redacted = Trace::open(&output).unwrap();
    assert!(redacted.damage().is_empty());
    let after = payloads(&redacted);
    for secret in SECRETS {
        assert!(!holds(&after, secret), "{secret}");
    }
    assert!(holds(&after, "/libc.so.6"));
    let common: Vec<u64> = placed(&original).intersection(&placed(&redacted)).copied().collect();
    assert_eq!(common, [0; 0]);

    for table in [&[][..], &["--by", "region_kind,class,cause,map_confidence"]] {
        let (old, new) = (records(&input, table), records(&output, table));
        assert_eq!(old.len(), new.len());
        for (old, new) in old.iter().zip(&new) {
            for (column, value) in old {
                if !RENAMED.contains(&column.as_str()) {
                    assert_eq!(value, &new[column], "{column}");
                }
            }
        }
        if table.is_empty() {
            assert!(old.len() > 200, "{}", old.len());
            RENAMED.iter().for_each(|column| assert_one_to_one(column, &old, &new));
        }
    }
    let chains = |trace: &Path| {
        let chains = records(trace, &["--by", "callchain"]).into_iter();
        chains.map(|chain| chain["chain"].split(';').count()).collect::<Vec<_>>()
    };
    assert_eq!(chains(&input), chains(&output));
}
