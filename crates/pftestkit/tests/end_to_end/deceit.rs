//! A process that gives itself, its memory and its files names that are made to deceive, recorded for real.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::recording::{Lab, Recorder, User, pfreport};

/// What the process calls its threads: as many bytes as the kernel keeps.
const COMMS: [&[u8]; 6] = [
    b"\x1b[2Jred\x07",
    b"\xff\x9b31m",
    b"two\nlines",
    b"\xe2\x80\xaegpj.exe",
    b" a  b ",
    b"=1+1;@x\\",
];

/// What it calls its files. All but the last look like something else.
const FILES: [&[u8]; 9] = [
    b"two\nlines\x1b]0;title\x07",
    b"\xe2\x80\xaetxt.exe\xe2\x80\x8b",
    b"\xff\xfe\x80",
    b"[heap]",
    b"[stack]",
    b"memfd:x",
    b"a  b   12.5 ms",
    b"$(id);'\"`",
    b"<script>alert(1)<script>",
];

/// Touches a file under each name, and a piece of memory, while it is called something else.
const SCRIPT: &str = "\
import ctypes, mmap, os, sys
libc = ctypes.CDLL(None)
comms, files = (bytes.fromhex(words).split(b'/') for words in sys.argv[1:3])
for n, name in enumerate(files):
    with open('/proc/self/comm', 'wb') as comm:
        comm.write(comms[n % len(comms)])
    fd = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
    os.ftruncate(fd, 1 << 16)
    shared = mmap.mmap(fd, 1 << 16)
    shared[0] = 1
    memory = mmap.mmap(-1, 1 << 16, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    libc.prctl(0x53564d41, 0, ctypes.c_ulong(start), ctypes.c_ulong(1 << 16), b'stack;=1 <b> \"' + str(n).encode())
    memory[0] = 1
    globals()['kept%d' % n] = shared, memory
";

/// The lines of an output of ASCII, but for what the programs themselves print, and what stands for bytes that are no
/// text in the command line, which is stored as text.
fn lines(bytes: &[u8], what: &str) -> Vec<String> {
    let text = str::from_utf8(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let ours = |c: char| matches!(c, ' '..='~' | 'µ' | '…' | '×' | '–' | '─'..='╿' | '▀'..='▟' | '\u{fffd}');
    let strange = text.chars().find(|&c| c != '\n' && !ours(c));
    assert_eq!(strange, None, "{what}: {}", text.escape_debug());
    text.lines().map(str::to_owned).collect()
}

/// The bytes that a printed name stands for.
fn original(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c != '\\' {
            bytes.extend(c.to_string().bytes());
        } else if let Some(after) = rest.strip_prefix('\\') {
            bytes.push(b'\\');
            rest = after;
        } else if let Some(after) = rest.strip_prefix('x') {
            bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
            rest = &after[2..];
        } else {
            let (code, after) = rest.strip_prefix("u{").expect(text).split_once('}').unwrap();
            let c = char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap();
            bytes.extend(c.to_string().bytes());
            rest = after;
        }
    }
    bytes
}

/// Records the process with live lines; says what the recorder said and what it showed.
fn record(lab: &Lab, format: &str) -> (Vec<String>, Vec<String>) {
    let hex = |names: &[&[u8]]| -> String {
        names.join(&b'/').iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let mut command: Command = lab.pfrecord();
    command.args(["-f", format, "--live-out", "lines\u{1b}[2J", "--label", "a=\u{1b}]0;t\u{7}"]);
    command.args(["--", "python3", "-c", SCRIPT, &hex(&COMMS), &hex(&FILES)]);
    command.arg(OsStr::from_bytes(b"\x1b[2J\xff\n"));
    let output = command.output().unwrap();
    let said = lines(&output.stderr, "closing lines");
    assert!(matches!(output.status.code(), Some(0 | 3)), "{said:?}");
    let shown = std::fs::read(lab.dir.path().join("lines\u{1b}[2J")).unwrap();
    (said, lines(&shown, format))
}

fn has_python() -> bool {
    let found = Command::new("python3").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: python3 is missing");
    }
    found
}

#[test]
fn a_process_cannot_deceive_through_its_names() {
    if !has_python() {
        return;
    }
    let lab = Lab::new(User::Own);
    let folder = lab.dir.path().as_os_str().as_bytes();
    let paths: BTreeSet<Vec<u8>> = FILES.iter().map(|name| [folder, b"/", name].concat()).collect();
    let comms: BTreeSet<Vec<u8>> = COMMS.iter().map(|name| name.to_vec()).collect();

    let (_, shown) = record(&lab, "--live=text");
    let (last, faults) = shown.split_last().unwrap();
    assert!(last.starts_with("Summary: major="), "{last}");
    assert!(faults.iter().all(|line| line.starts_with('[')), "{faults:?}");

    let (said, shown) = record(&lab, "--live=json");
    assert!(said.iter().any(|line| line.contains("wrote ")), "{said:?}");
    let faults: Vec<Value> = shown
        .iter()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect();
    let column = |name: &str| -> BTreeSet<Vec<u8>> {
        faults.iter().filter_map(|fault| fault[name].as_str()).map(original).collect()
    };
    assert!(column("path").is_superset(&paths), "{:?}", column("path"));
    assert!(column("comm").is_superset(&comms), "{:?}", column("comm"));

    let csv = pfreport(&lab.trace(), &["--csv"]).stdout;
    lines(&csv, "--csv");
    let mut found = (BTreeSet::new(), BTreeSet::new());
    for row in csv::Reader::from_reader(&*csv).deserialize() {
        let row: std::collections::BTreeMap<String, String> = row.unwrap();
        let path = original(&row["path"]);
        if paths.contains(&path) {
            assert_eq!(row["region_kind"], "file", "{row:?}");
            let region = original(&row["region"]);
            let looks_so =
                [&b"[heap]"[..], b"[stack]", b"memfd:x"].iter().any(|name| path.ends_with(name));
            assert_eq!(region == path, looks_so, "{row:?}");
        }
        found.0.insert(path);
        found.1.insert(original(&row["comm"]));
    }
    assert!(found.0.is_superset(&paths) && found.1.is_superset(&comms), "{found:?}");

    for words in [
        &[][..],
        &["--by", "comm,path,region"],
        &["--table", "mappings"],
        &["--table", "facts"],
        &["--patterns"],
        &["--advice"],
        &["--events"],
        &["--histogram"],
        &["--heatmap"],
        &["--json"],
        &["--jsonl"],
        &["--folded"],
    ] {
        let output = pfreport(&lab.trace(), words);
        assert!(!lines(&output.stdout, &format!("{words:?}")).is_empty(), "{words:?}");
        lines(&output.stderr, &format!("errors of {words:?}"));
    }
}

#[test]
fn words_of_the_command_line_are_shown_and_not_sent() {
    let lab = Lab::new(User::Own);
    let strange = OsStr::from_bytes(b"no\x1b[2J\xe2\x80\xaefile\xff\\");
    for words in [
        &["-p"][..],
        &["--cgroup"],
        &["-m"],
        &["--stat", "--"],
        &["--"],
        &["--bo\u{1b}"],
        &["mark", "--to"],
    ] {
        let output = lab.pfrecord_bare().args(words).arg(strange).output().unwrap();
        assert!(!lines(&output.stderr, &format!("{words:?}")).is_empty(), "{words:?}");
        assert_ne!(output.status.code(), Some(0), "{words:?}");
    }
}

/// Calls itself by bytes that are no text, says so, and touches a page for each line it is given.
const NAMELESS: &str = "\
import mmap, sys
with open('/proc/self/comm', 'wb') as comm:
    comm.write(b'\\xff\\xfe')
kept = []
print('named', flush=True)
for line in sys.stdin:
    kept.append(mmap.mmap(-1, 1 << 14, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    kept[-1][0] = 1
    print('touched', flush=True)
";

/// `/proc` then has files that are no text.
#[test]
fn a_process_whose_name_is_no_text_is_attached_to() {
    if !has_python() {
        return;
    }
    let lab = Lab::new(User::Own);
    let mut target = Command::new("python3")
        .args(["-c", NAMELESS])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut says = BufReader::new(target.stdout.take().unwrap()).lines();
    assert_eq!(says.next().unwrap().unwrap(), "named");
    let pid = target.id().to_string();
    for whom in [["-f", "-p"], ["-f", "-t"]] {
        let mut recorder = Recorder::start(lab.pfrecord().args(whom).arg(&pid));
        target.stdin.as_mut().unwrap().write_all(b"x\n").unwrap();
        assert_eq!(says.next().unwrap().unwrap(), "touched");
        recorder.signal("INT");
        let (status, said) = recorder.finish();
        assert_eq!(status.code(), Some(0), "{said}");
        let csv = pfreport(&lab.trace(), &["--csv", "--where", "cause='anon-first-touch'"]).stdout;
        let csv = String::from_utf8(csv).unwrap();
        assert!(csv.contains(",\\xff\\xfe,"), "{csv}");
    }
    let counted = lab.pfrecord_bare().args(["--stat", "-d", "100ms", "-p", &pid]).output().unwrap();
    let counted = lines(&[counted.stdout, counted.stderr].concat(), "counts");
    assert!(counted.iter().any(|line| line.contains(&pid)), "{counted:?}");
    drop(target.stdin.take());
    assert!(target.wait().unwrap().success());
}
