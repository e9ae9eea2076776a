//! Names that only some traces have.

use pft::Trace;
use pft::record::{Frame, ModuleKind};

use super::trace::{at, fact, frames, holds, payloads, redacted, texts, written};
use crate::{Level, Options};

/// The trace with other facts, paths of the first mappings, and symbols of the kernel.
fn with(facts: &[(&str, &str)], paths: &[&str], symbols: &[&str]) -> Trace {
    let mut all = frames();
    for frame in &mut all {
        match frame {
            Frame::Host(host) => host.extend(facts.iter().map(|(key, value)| fact(key, value))),
            Frame::Snapshot(snapshot) => {
                for (vma, path) in snapshot.vmas.iter_mut().zip(paths) {
                    vma.path = path.as_bytes().to_vec();
                }
            }
            Frame::Modules(modules) => {
                assert_eq!(modules[2].kind, ModuleKind::Kernel);
            }
            Frame::Symbols(records) => {
                let first = records.iter().find(|symbol| symbol.module == 3).unwrap().clone();
                records.extend(symbols.iter().zip(1..).map(|(name, n)| {
                    let mut symbol = first.clone();
                    symbol.name = name.as_bytes().to_vec();
                    symbol.address += n;
                    symbol
                }));
            }
            _ => {}
        }
    }
    Trace::from_bytes(written(&all)).unwrap()
}

/// Which of the words are in the trace redacted at a level.
fn left<'a>(trace: &Trace, options: &Options, words: &[&'a str]) -> Vec<&'a str> {
    let before = payloads(trace);
    let (output, checked) = redacted(trace, options);
    checked.unwrap();
    let after = payloads(&output);
    assert!(words.iter().all(|word| holds(&before, word.as_bytes())));
    words.iter().copied().filter(|word| holds(&after, word.as_bytes())).collect()
}

#[test]
fn symbols_of_kernel_modules_and_bpf_programs_are_not_the_systems() {
    let trace = with(
        &[],
        &[],
        &[
            "acmefs_read_page\t[acmefs]",
            "bpf_prog_6deef7357e7b4530_acmeguard\t[bpf]",
            "ftrace_trampoline\t[__builtin__ftrace]",
        ],
    );
    let words = ["acmefs_read_page", "acmeguard", "6deef7357e7b4530", "ftrace_trampoline"];
    assert_eq!(left(&trace, &at(Level::Arguments), &words), words);
    assert_eq!(left(&trace, &at(Level::Symbols), &words), ["ftrace_trampoline"]);
    let (output, _) = redacted(&trace, &at(Level::Symbols));
    assert!(texts(&output).iter().any(|text| text.ends_with(b"\t[bpf]")));
}

#[test]
fn numbers_of_control_groups_labels_and_arguments_go() {
    let facts = [
        ("target.cgroup", "/user.slice/user-501.slice/net-10.11.12.13.scope"),
        ("label.server", "10.21.22.23 rack-731"),
    ];
    let trace = with(&facts, &["/srv/shards/shard-007.db"], &[]);
    // As the mapping of a file, a number tells which of several it is.
    let words = ["501", "10.11.12.13", "10.21.22.23", ".23", "-731", "-007.db"];
    assert_eq!(left(&trace, &at(Level::Arguments), &words), ["-007.db"]);
}

#[test]
fn whatever_lies_behind_a_home_is_a_user() {
    let paths = [
        "/home/ACMEDOM/beatrix/tool",
        "/nfs/home/cassandra/tool",
        "/var/lib/docker/overlay2/merged/home/dorothea/tool",
        "/proc/1/root/home/esmeralda/tool",
        "/home/acmedot.example/florentina/tool",
        "/home/gwendolyn/tool",
        "/usr/share/home/hildegard/tool",
    ];
    let trace = with(&[], &paths, &[]);
    let words = [
        "acmedom",
        "beatrix",
        "cassandra",
        "dorothea",
        "esmeralda",
        "acmedot.example",
        "florentina",
        "gwendolyn",
        "hildegard",
        "/nfs/",
    ];
    assert_eq!(left(&trace, &at(Level::Names), &words), ["hildegard", "/nfs/"]);
    let keep = Options { keep: vec!["/home".to_owned()], ..at(Level::Symbols) };
    assert_eq!(left(&trace, &keep, &words), ["hildegard"]);
}

#[test]
fn paths_in_other_texts_are_paths() {
    let paths = ["/memfd:pool /home/isabella/pooldir/q", "[anon:arena /home/josephine/arenadir/z]"];
    let facts = [("label.x", "see 'relsecret/confdir/settings.yml'")];
    let mut all: Vec<Frame> =
        with(&facts, &paths, &[]).iter().map(|(_, frame)| frame.unwrap()).collect();
    let jit = all.iter_mut().find_map(|frame| match frame {
        Frame::Symbols(symbols) => symbols.iter_mut().find(|symbol| symbol.module == 4),
        _ => None,
    });
    jit.unwrap().name = b"LazyCompile:*pay /home/katharina/jsdir/app.js:12".to_vec();
    let trace = Trace::from_bytes(written(&all)).unwrap();
    let users = ["isabella", "josephine", "katharina"];
    let folders = ["pooldir", "arenadir", "jsdir", "relsecret", "confdir", "settings.yml"];
    assert_eq!(left(&trace, &at(Level::Names), &users), [""; 0]);
    assert_eq!(left(&trace, &at(Level::Names), &folders), folders);
    assert_eq!(left(&trace, &at(Level::Paths), &folders), [""; 0]);
}

#[test]
fn names_that_the_kernel_cut_go_too() {
    let mut all: Vec<Frame> = with(&[], &["/srv/supersecretprogram"], &[])
        .iter()
        .map(|(_, frame)| frame.unwrap())
        .collect();
    let Frame::Tasks(tasks) = &mut all[1] else { panic!() };
    tasks[0].comm = b"supersecretprog".to_vec();
    let trace = Trace::from_bytes(written(&all)).unwrap();
    assert_eq!(left(&trace, &at(Level::Paths), &["supersecretprog"]), [""; 0]);
}
