//! What the report advises on workloads that do one thing wrong, and on others that do not.

use std::process::Command;

use pftestkit::{Cgroup, Workload};

use crate::recording::{Lab, Recording, User, is_root, pfreport};

const RANDOM_READS: &str = "Random reads of a file, a page at a time";
const NO_READAHEAD: &str = "Sequential reads of a file without readahead";
const SWAP: &str = "Waiting for swap";
const AFTER_FORK: &str = "Copying memory after fork";
const HUGE_PAGES: &str = "First touch of large memory without huge pages";
const CACHED_START: &str = "A cached file mapped page by page";
const STACK_GROWTH: &str = "A stack that grows and grows";
const GIVE_BACK: &str = "Memory given back and touched again";
const THRASHING: &str = "Thrashing: the same pages are read again and again";
const BACKWARD: &str = "Reads of a file from its end to its start";
const TRIMMED: &str = "Heap given back and touched again";
const MAPPED_ANEW: &str = "Memory mapped anew and touched again";
const SHARED: &str = "Shared memory touched page by page";
const READ_FIRST: &str = "Memory read before it is first written";

/// All that is about a habit of the program, rather than about how busy disk and machine are.
const HABITS: [&str; 14] = [
    RANDOM_READS,
    NO_READAHEAD,
    SWAP,
    AFTER_FORK,
    HUGE_PAGES,
    CACHED_START,
    STACK_GROWTH,
    GIVE_BACK,
    THRASHING,
    BACKWARD,
    TRIMMED,
    MAPPED_ANEW,
    SHARED,
    READ_FIRST,
];

/// The habits that the report finds, and all it says of them.
fn found(recording: &Recording) -> (Vec<&'static str>, String) {
    let output = pfreport(&recording.lab.trace(), &["--advice"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let titles = text.lines().filter_map(|line| line.split_once(". "));
    let titles: Vec<&str> = titles
        .filter(|(number, _)| number.chars().all(|c| c.is_ascii_digit()))
        .map(|(_, title)| title)
        .collect();
    let mut habits: Vec<&str> = HABITS.to_vec();
    habits.retain(|title| titles.contains(title));
    (habits, text)
}

/// Records what a workload does once it is set up; `None` where it cannot run.
fn attached(mode: &str, args: &[&str]) -> Option<Recording> {
    let lab = Lab::new(User::Own);
    let workload = lab.workload(mode).args(args);
    lab.attach(&workload)
}

/// Records all of a workload: what memory held before is known.
fn launched(mode: &str, args: &[&str]) -> Option<Recording> {
    let lab = Lab::new(User::Own);
    let workload = lab.workload(mode).args(args);
    lab.launch(&workload)
}

/// A row of the patterns by the names of its columns, of the costliest mapping.
fn pattern(recording: &Recording) -> csv::StringRecord {
    let output = pfreport(&recording.lab.trace(), &["--patterns", "--csv"]);
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    let columns = [
        "region_kind",
        "faults",
        "pages",
        "next_page_share",
        "stride_pages",
        "first_touch",
        "refaults",
    ];
    let header = reader.headers().unwrap().clone();
    let row = reader.records().next().unwrap().unwrap();
    let place = |name| header.iter().position(|column| column == name).unwrap();
    columns.iter().map(|name| row.get(place(*name)).unwrap()).collect()
}

#[test]
fn random_cold_reads() {
    let recording = attached("cold-file-random", &["--pages", "4096"]).unwrap();
    let (habits, text) = found(&recording);
    assert_eq!(habits, [RANDOM_READS], "{text}");
    assert!(text.contains("4,096 major faults of "), "{text}");
    assert!(text.contains("look for MADV_RANDOM"), "{text}");
    let pattern = pattern(&recording);
    assert_eq!(
        pattern.iter().collect::<Vec<_>>(),
        ["file", "4096", "4096", &pattern[3], "", "scattered", "0"]
    );
    assert!(recording.summary().contains(RANDOM_READS), "{}", recording.summary());
}

#[test]
fn cold_reads_in_order() {
    let recording = attached("cold-file-sequential", &["--pages", "16384"]).unwrap();
    let (habits, text) = found(&recording);
    assert_eq!(habits, [""; 0], "{text}");
}

/// Reads a cold file from its start to its end, so many times; `advice` is what madvise is called with.
/// Within a group, if there is one.
fn python_reads(advice: &str, rounds: u32, group: Option<&Cgroup>) -> Option<Recording> {
    if Command::new("python3").arg("--version").output().is_err() {
        eprintln!("skipped: python3 is missing");
        return None;
    }
    let lab = Lab::new(User::Own);
    let file = tempfile::Builder::new().tempfile_in("/var/tmp").unwrap();
    let script = format!(
        "import mmap, os\n\
         with open({:?}, 'r+b') as f:\n\
         \x20   for _ in range(64):\n\
         \x20       f.write(os.urandom(1 << 20)); f.flush(); os.fsync(f.fileno())\n\
         \x20   os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)\n\
         \x20   m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\n\
         \x20   m.madvise(mmap.{advice})\n\
         \x20   for _ in range({rounds}):\n\
         \x20       for page in range(0, len(m), 4096): m[page]\n",
        file.path()
    );
    let python = Workload::new("python3", "-c").arg(&script);
    let python = group.map_or(python.clone(), |group| group.enclose(&python));
    let output = lab.pfrecord().arg("--").args(python.argv()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    Some(Recording::of_running(lab, [], said))
}

#[test]
fn reads_in_order_without_readahead() {
    let Some(recording) = python_reads("MADV_RANDOM", 1, None) else { return };
    let (habits, text) = found(&recording);
    assert_eq!(habits, [NO_READAHEAD], "{text}");
    assert!(text.contains("16,384 major faults of "), "{text}");
    let Some(recording) = python_reads("MADV_SEQUENTIAL", 1, None) else { return };
    let (habits, text) = found(&recording);
    assert_eq!(habits, [""; 0], "{text}");
}

#[test]
fn a_file_larger_than_memory_is_read_again() {
    let group = match Cgroup::memory(40) {
        Ok(group) if is_root() => group,
        Ok(_) => return eprintln!("skipped: needs root"),
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let Some(recording) = python_reads("MADV_RANDOM", 3, Some(&group)) else { return };
    let (habits, text) = found(&recording);
    assert!(habits.contains(&THRASHING), "{text}");
    assert!(text.contains("the reads are of 16,384 distinct pages"), "{text}");
    // With enough memory each page is read once.
    let Some(recording) = python_reads("MADV_RANDOM", 3, None) else { return };
    let (habits, text) = found(&recording);
    assert_eq!(habits, [NO_READAHEAD], "{text}");
}

#[test]
fn swap() {
    if !is_root() {
        eprintln!("skipped: needs root, for a swap file");
        return;
    }
    let Some(recording) = attached("swap-in", &["--pages", "1024"]) else { return };
    let (habits, text) = found(&recording);
    assert_eq!(habits, [SWAP], "{text}");
}

#[test]
fn copies_after_fork() {
    let recording = attached("cow", &["--pages", "16384"]).unwrap();
    let (habits, text) = found(&recording);
    assert_eq!(habits, [AFTER_FORK], "{text}");
    assert!(text.contains(" copied after 1 fork, "), "{text}");
}

#[test]
fn large_memory_without_huge_pages() {
    let recording = launched("anon", &["--pages", "32768"]).unwrap();
    let (habits, text) = found(&recording);
    assert_eq!(habits, [HUGE_PAGES], "{text}");
    assert!(text.contains("32,768 first touches of "), "{text}");
    assert!(text.contains("128 MiB were touched 4 KiB at a time; "), "{text}");
    assert_eq!(
        pattern(&recording).iter().collect::<Vec<_>>(),
        ["anon", "32768", "32768", "1.0", "1", "ascending", "0"]
    );
    let Some(recording) = launched("huge", &["--pages", "64"]) else { return };
    let (habits, text) = found(&recording);
    assert_eq!(habits, [""; 0], "{text}");
}

#[test]
fn a_cached_file_page_by_page() {
    let recording = attached("cached-file", &["--pages", "8192"]).unwrap();
    let (habits, text) = found(&recording);
    assert_eq!(habits, [CACHED_START], "{text}");
    assert!(text.contains(" of the 64 KiB windows of the"), "{text}");
}

#[test]
fn a_stack_that_grows() {
    let lab = Lab::new(User::Own);
    let inner = lab.workload("stack").args(["--pages", "16384"]);
    let argv: Vec<_> = inner.argv().map(ToOwned::to_owned).collect();
    let workload = Workload::new("prlimit", "--stack=268435456").args(argv);
    let Some(recording) = lab.launch(&workload) else { return };
    let (habits, text) = found(&recording);
    assert_eq!(habits, [STACK_GROWTH], "{text}");
    assert!(text.contains(" growths of "), "{text}");
    assert_eq!(pattern(&recording).iter().next_back(), Some("0"));
    assert_eq!(&pattern(&recording)[5], "descending");
}

#[test]
fn memory_given_back() {
    let recording = attached("anon", &["--pages", "4096", "--rounds", "9"]).unwrap();
    let (habits, text) = found(&recording);
    assert_eq!(habits, [GIVE_BACK], "{text}");
    assert!(text.contains("32,768 re-faults of "), "{text}");
    assert_eq!(&pattern(&recording)[6], "32768");
}

#[test]
fn little_of_anything_is_worth_no_advice() {
    for mode in ["anon", "cow", "cached-file", "private-file-cow", "stack", "dontneed", "zero"] {
        let recording = attached(mode, &["--pages", "16"]).unwrap();
        let (habits, text) = found(&recording);
        assert_eq!(habits, [""; 0], "{mode}: {text}");
    }
}
