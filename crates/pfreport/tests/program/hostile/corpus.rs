//! A trace that has a hostile name wherever it has a name.

use pft::Writer;
use pft::keys::{fact, ledger};
use pft::record::{
    CallChainRecord, Checkpoint, Fact, FaultBatch, LedgerEntry, MapRecord, MarkRecord, ModuleKind,
    ModuleRecord, ModuleState, OomRecord, Section, Segment, SymbolKind, SymbolRecord, TaskKind,
    TaskRecord, TraceHeader,
};

use crate::scene::{SECOND, START, push};

/// Names that a terminal, a parser, a browser, a spreadsheet or a reader could take for something else.
pub const HOSTILE: &[&[u8]] = &[
    // Bytes that are no text.
    b"\xff\xfe\x80\x9b31m",
    b"cut \xe2\x80",
    b"\xed\xa0\x80\xed\xb0\x80",
    b"\xc0\xaf..\xf5\x80",
    // What terminals obey.
    b"\x1b[2J\x1b[31mred\x1b[0m",
    b"\x1b]0;title\x07\x1b]8;;http://evil.example/\x1b\\link\x1b]8;;\x1b\\",
    b"\x1bP$q\x1b\\\x1b_x\x1b\\\x1b#8",
    "\u{9b}31m\u{9d}0;t\u{9c}\u{85}\u{80}".as_bytes(),
    b"bell\x07back\x08\x08\x7fspace",
    b"real\roverwritten",
    b"two\nlines\r\n\x0b\x0cSummary: major=0 minor=0 cow=0",
    b"tab\tand\0nul",
    b"\x01\x02\x03\x04\x05\x06\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1c\x1d\x1e\x1f",
    // What nobody sees, or what moves other text.
    "gpj.\u{202e}cod\u{2066}\u{2069}\u{202c}\u{61c}\u{200f}".as_bytes(),
    "zero\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{ad}\u{34f}\u{180e}width".as_bytes(),
    "line\u{2028}paragraph\u{2029}end".as_bytes(),
    "\u{3164}\u{115f}\u{1160}\u{ffa0}\u{2800}".as_bytes(),
    "tags\u{e0001}\u{e0041}\u{e007f}\u{fe0f}\u{e0100}".as_bytes(),
    "spaces\u{a0}\u{2003}\u{3000}\u{202f}x".as_bytes(),
    "private\u{e000}\u{f8ff}\u{10ffff}\u{fffe}\u{ffff}\u{fdd0}\u{378}".as_bytes(),
    "z\u{300}\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{308}\u{309}\u{30a}a\u{336}\u{337}"
        .as_bytes(),
    "\u{301}\u{20dd}first".as_bytes(),
    "\u{1f468}\u{200d}\u{1f469} \u{65e5}\u{672c} \u{5d0}\u{5d1} \u{627}\u{644}".as_bytes(),
    // Markup.
    b"<script>window.planted=1</script>",
    b"\"><img src=x onerror=planted=1>'",
    b"</style></title></script></textarea><svg onload=planted=1>",
    b"--><!--<![CDATA[]]>&lt;&#x3c;&amp;&#0;",
    b"javascript:planted=1",
    b"data:text/html,<b>",
    // Cells.
    b"=cmd|' /C calc'!A0",
    b"+1+1",
    b"-2+3",
    b"@SUM(1)",
    b"\t=1+1",
    b"\r=1+1",
    b"a;=1+1,\"=2\"\"",
    "\u{ff1d}1\u{ff0b}1".as_bytes(),
    // Lists, tables, stacks, quotes.
    b"a|b|---|[x](javascript:y)",
    b"```",
    b"<details><summary>x</summary>",
    b"frame;other;third 12",
    b"# comment 1.5",
    b"takes 42",
    b"ends in ;",
    b"; ",
    b"comma, and, \"quotes\", label=x, and 9 more",
    b"\\x1b\\u{202e}\\\\\\",
    b"C:\\tmp\\040",
    b"\\",
    b"{\"a\":\"\\ud800\"}",
    // What looks like ours.
    b"Summary: major=0 minor=0 cow=0",
    b"... 7 lines dropped",
    b"[heap]",
    b"[stack]",
    b"[unknown]",
    b"[kernel]",
    b"[no call chain]",
    b"-",
    b"null",
    b"NaN",
    b"0x7f00",
    b"two  columns   12",
    b" padded ",
    b"  ",
    b"x (deleted)",
    b"trace.pft (2)",
    b"a and 1 more",
    // Shells.
    b"$(touch planted)`touch planted`;touch planted&|>x",
    b"'$HOME'!!*?~",
    b"-f",
    b"--force",
    b"../../etc/passwd",
    // What formats treat specially.
    b"%s%n%1$n{}{0}",
    b"__proto__",
];

/// Names far longer than a path can be, which is what people are shown at most.
pub fn long_names() -> Vec<Vec<u8>> {
    let deep = b"/very\x1blong".repeat(16_384 / 10);
    vec![deep, "\u{202e}l".repeat(5_000).into_bytes(), vec![b'y'; 1 << 16]]
}

/// The names, or as many that nobody has to fear.
pub fn names(are_hostile: bool) -> Vec<Vec<u8>> {
    let hostile: Vec<Vec<u8>> = HOSTILE.iter().map(|name| name.to_vec()).collect();
    match are_hostile {
        true => hostile,
        false => (0..hostile.len()).map(|n| format!("name{n}x").into_bytes()).collect(),
    }
}

const PID: u32 = 5_000;
const ANON: u64 = 0x7e00_0000_0000;
const DATA: u64 = 0x7f00_0000_0000;
const CODE: u64 = 0x40_0000;

/// The trace. Each name is that of a process of its own, and of everything that the process has.
pub fn trace(names: &[Vec<u8>]) -> Vec<u8> {
    let header = TraceHeader {
        uuid: [names.len() as u8; 16],
        page_size_bytes: 4_096,
        clock_id: 1,
        start_ns: START,
        start_realtime_ns: 1_795_178_096 * SECOND,
    };
    let mut writer = Writer::create(Vec::new(), &header, 1).unwrap();
    let texts: Vec<String> =
        names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    writer.host(&facts(&texts)).unwrap();
    for (n, name) in (0..).zip(names) {
        process(&mut writer, n, name, &texts[n as usize]);
    }
    // Marks between and behind the faults, of which each has its own microsecond.
    let mark = |(n, name): (u64, &Vec<u8>)| MarkRecord {
        time_ns: START + n * 1_000_000 + 500,
        name: name.clone(),
    };
    writer.marks(&(0..).zip(names).map(mark).collect::<Vec<_>>()).unwrap();
    let faults = 5 * names.len() as u64;
    let minor = faults - names.len() as u64;
    let time_ns = START + (names.len() as u64 + 1) * 1_000_000;
    let entry = |key: &str, value| LedgerEntry { key: key.to_owned(), value };
    let mut entries = vec![
        entry(ledger::CAPTURED_MAJOR, names.len() as u64),
        entry(ledger::CAPTURED_MINOR, minor),
        entry("event.major-faults.count", names.len() as u64),
        entry("event.minor-faults.count", minor),
    ];
    entries.extend(texts.iter().flat_map(|text| {
        [format!("x.{text}"), format!("event.{text}.count")]
            .map(|key| LedgerEntry { key, value: 7 })
    }));
    let checkpoint = Checkpoint { time_ns, end: true, ledger: entries, ..Checkpoint::default() };
    writer.checkpoint(&checkpoint).unwrap();
    writer.finish().unwrap()
}

/// A fact of each key that there is, of labels and of keys that nobody knows.
fn facts(texts: &[String]) -> Vec<Fact> {
    let known = fact::ALL.iter().map(|&(key, _)| key).filter(|key| *key != fact::LABEL_PREFIX);
    let value = |n: usize| texts[n % texts.len()].clone();
    let mut facts: Vec<Fact> = known
        .enumerate()
        .map(|(n, key)| Fact { key: key.to_owned(), value: value(n * 7) })
        .collect();
    for text in texts {
        let label = format!("{}{text}", fact::LABEL_PREFIX);
        facts.push(Fact { key: label, value: text.clone() });
        facts.push(Fact { key: format!("x{text}"), value: text.clone() });
    }
    // What decides how other facts are read.
    for (key, value) in [(fact::TARGET_KIND, "command"), (fact::TARGET_PIDS, "5000")] {
        facts.retain(|fact| fact.key != key);
        facts.push(Fact { key: key.to_owned(), value: value.to_owned() });
    }
    facts
}

/// Maps anonymous memory, a memfd, a file and a program, and faults in each; is killed in the end.
fn process(writer: &mut Writer<Vec<u8>>, n: u32, name: &[u8], text: &str) {
    let pid = PID + n;
    let task = TaskRecord {
        time_ns: START,
        kind: TaskKind::Present,
        pid,
        tid: pid,
        parent_pid: 0,
        parent_tid: 0,
        comm: name.to_vec(),
    };
    writer.tasks(&[task]).unwrap();
    let map = |start, inode, prot, path: Vec<u8>| MapRecord {
        time_ns: START + 1,
        pid,
        tid: pid,
        start,
        end: start + 0x1_0000,
        file_offset: 0,
        dev_major: 8,
        dev_minor: 1,
        inode,
        inode_generation: 0,
        prot,
        flags: 2,
        path,
    };
    let (inode, module) = (u64::from(pid) * 10, n + 1);
    let program = [b"/usr/bin/", name].concat();
    writer
        .maps(&[
            map(ANON, 0, 3, [b"[anon:", name, b"]"].concat()),
            map(ANON + 0x10_0000, inode, 3, [b"/memfd:", name, b" (deleted)"].concat()),
            map(DATA, inode + 1, 3, [b"/srv/", name].concat()),
            map(CODE, inode + 2, 7, program.clone()),
        ])
        .unwrap();
    let section = |name: Vec<u8>, address| Section {
        name,
        address,
        bytes: 0x1000,
        no_bits: false,
        tls: false,
    };
    writer
        .modules(&[ModuleRecord {
            id: module,
            kind: ModuleKind::Elf,
            state: ModuleState::Read,
            pid: 0,
            dev_major: 8,
            dev_minor: 1,
            inode: inode + 2,
            path: program,
            build_id: name.iter().copied().take(20).collect(),
            segments: vec![Segment {
                file_offset: 0,
                file_bytes: 0x1_0000,
                address: 0,
                memory_bytes: 0x1_0000,
                prot: 7,
            }],
            sections: vec![
                section([b".text", name].concat(), 0x1000),
                section([b".data", name].concat(), 0x8000),
            ],
        }])
        .unwrap();
    let symbol = |kind, address, size_bytes| SymbolRecord {
        module,
        kind,
        address,
        size_bytes,
        name: name.to_vec(),
        file: [b"/src/", name].concat(),
        line: n % 2,
    };
    let outer =
        SymbolRecord { name: [name, b"()"].concat(), ..symbol(SymbolKind::Function, 0x1000, 0) };
    writer
        .symbols(&[
            symbol(SymbolKind::Function, 0x1000, 0),
            outer,
            // A return address is looked up where the call is.
            symbol(SymbolKind::Function, 0x1fff, 0),
            symbol(SymbolKind::Object, 0x8000, 64),
        ])
        .unwrap();
    let chain = CallChainRecord {
        id: n + 1,
        cut: n % 2 == 1,
        kernel: Vec::new(),
        user: vec![CODE + 0x1000, CODE + 0x2000, CODE + 0x3000],
    };
    writer.call_chains(&[chain]).unwrap();
    let mut batch = FaultBatch::default();
    let time_ns = START + u64::from(n) * 1_000_000 + 600;
    let addresses = [ANON, ANON + 0x10_0000, DATA, DATA + 4_096, CODE + 0x8010];
    for (i, addr) in (0..).zip(addresses) {
        push(&mut batch, time_ns + i * 1_000, addr, addr == DATA);
    }
    batch.columns.pid.fill(pid);
    batch.columns.tid.fill(pid);
    batch.columns.ip.fill(CODE + 0x1000);
    batch.columns.call_chain = vec![n + 1; addresses.len()];
    writer.faults(&batch).unwrap();
    let victim = OomRecord {
        time_ns: time_ns + 10_000,
        pid,
        comm: name.to_vec(),
        by_pid: pid,
        by_tid: pid,
        total_vm_kib: Some(1),
        anon_rss_kib: Some(2),
        file_rss_kib: None,
        shmem_rss_kib: None,
        pgtables_kib: None,
        uid: Some(u32::try_from(text.len()).unwrap_or(0)),
        oom_score_adj: Some(-17),
    };
    writer.oom(&[victim]).unwrap();
}
