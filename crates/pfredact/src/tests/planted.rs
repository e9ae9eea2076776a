//! Which secrets are gone at which level.

use pft::record::Frame;

use super::trace::{
    BUILD_ID, REALTIME, START, at, decoded, holds, payloads, redacted, texts, trace,
};
use crate::{Level, Options, Plan};

/// What is planted, and the level that promises its removal.
const SECRETS: &[(&[u8], Level)] = &[
    (b"alicia", Level::Names),
    (b"build7", Level::Names),
    (b"acmecorp", Level::Names),
    (b"unknownfactvalue", Level::Names),
    (b"uuidofanothertrace", Level::Names),
    (b"unknown.ledger.key", Level::Names),
    (b"ofmissingmodule", Level::Names),
    (b"zeppelin", Level::Paths),
    // The program is a file: its name goes wherever it is.
    (b"airship", Level::Paths),
    (b"shmqueue", Level::Paths),
    (b"payloads", Level::Paths),
    (b"cargolist", Level::Paths),
    (b"hangar", Level::Paths),
    (b"manifest", Level::Paths),
    (b"0000002a", Level::Paths),
    (b"hunter2secret", Level::Arguments),
    (b"token", Level::Arguments),
    (b"acmekernel", Level::Arguments),
    (b"ticketkey", Level::Arguments),
    (b"jira-4711", Level::Arguments),
    (b"customerbase", Level::Arguments),
    (b"cargoworker", Level::Arguments),
    (b"oomedprocess", Level::Arguments),
    (b"secretpool", Level::Arguments),
    (b"wirebuffer", Level::Arguments),
    (b"deadbeefcafe0042", Level::Paths),
    (b"balloonpod", Level::Paths),
    (b"lift_ballast", Level::Symbols),
    (b"airshipsection", Level::Paths),
    (b"linterpretedflight", Level::Symbols),
    (b"cruise", Level::Symbols),
    (&BUILD_ID, Level::Symbols),
    (b"x86_64-linux-gnu", Level::All),
    (b"rep_movs_alternative", Level::All),
    (b"__libc_start_main", Level::All),
    (b"PREEMPT_DYNAMIC", Level::All),
    (b"6.18.44", Level::All),
];

#[test]
fn each_level_removes_what_it_promises_and_no_more() {
    let input = trace();
    let before = payloads(&input);
    for (secret, _) in SECRETS {
        assert!(holds(&before, secret), "{}", secret.escape_ascii());
    }
    for level in Level::ALL {
        let (output, checked) = redacted(&input, &at(level));
        let checked = checked.unwrap();
        let after = payloads(&output);
        assert_eq!(checked.bytes, after.len() as u64);
        for (secret, from) in SECRETS {
            let gone = !holds(&after, secret);
            assert_eq!(gone, level >= *from, "{} at {level}", secret.escape_ascii());
        }
        assert_ne!(output.header().uuid, input.header().uuid);
        assert_eq!(output.header().start_realtime_ns, 0);
        assert!(!holds(&after, &REALTIME.to_le_bytes()));
        assert!(!holds(&after, &input.header().start_ns.to_le_bytes()));
    }
}

#[test]
fn what_reports_go_by_stays() {
    let (output, _) = redacted(&trace(), &at(Level::Symbols));
    let texts = texts(&output);
    for kept in [
        "[heap]",
        "[stack]",
        "[vsyscall]",
        "[anon: glibc: malloc arena]",
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        "[kernel]",
        ".text",
        "__libc_start_main",
        "./csu/libc-start.c",
        "rep_movs_alternative",
        "#1 SMP PREEMPT_DYNAMIC Debian 6.18.44-1",
        "madvise",
        "4242,4300",
        "symbols",
        "/tmp/perf-4242.map",
    ] {
        assert!(texts.contains(kept.as_bytes()), "{kept}");
    }
    let form = |text: &[u8]| {
        let text = String::from_utf8(text.to_vec()).unwrap();
        let words = text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).map(|part| {
            let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            match word.len().checked_sub(8).and_then(|at| word.get(at..)) {
                Some(made) if made.starts_with('x') => part.replace(made, "?"),
                _ => part.to_owned(),
            }
        });
        words.collect::<String>()
    };
    let forms: Vec<String> =
        texts.iter().map(|text| if text.is_ascii() { form(text) } else { String::new() }).collect();
    for expected in [
        "/home/?/?/?/?",
        "/home/?/?/?/?.cc",
        "/home/?/?/?/? --?=? ?/?.db",
        "/memfd:? (deleted)",
        "/dev/shm/?-7",
        "/?/?/?.db (deleted)",
        "/SYSV? (deleted)",
        "[anon:?]",
        "/opt/?/?.idx",
        "/usr/lib/x86_64-linux-gnu/lib?.so.1",
        "?-12",
        "?::?(int)",
        ".?",
        "6.18.44-?-amd64",
        "/user.slice/?.scope",
        "/system.slice/docker-?.scope/?",
        "label.?",
    ] {
        assert!(forms.iter().any(|form| form == expected), "{expected}: {forms:#?}");
    }
}

#[test]
fn one_name_has_one_pseudonym_everywhere() {
    let (output, _) = redacted(&trace(), &at(Level::Symbols));
    let frames = decoded(&output);
    let mut program = Vec::new();
    for frame in &frames {
        match frame {
            Frame::Snapshot(snapshot) => program.push(snapshot.vmas[0].path.clone()),
            Frame::Modules(modules) => program.push(modules[0].path.clone()),
            Frame::Host(facts) => {
                let command = facts.iter().find(|fact| fact.key == "target.command").unwrap();
                program.push(command.value.split(' ').next().unwrap().as_bytes().to_vec());
            }
            _ => {}
        }
    }
    assert_eq!(program.len(), 3);
    assert!(program.iter().all(|path| *path == program[0]), "{program:?}");
    let name = program[0].rsplit(|&byte| byte == b'/').next().unwrap();
    let Frame::Tasks(tasks) = &frames[1] else { panic!() };
    assert_eq!(tasks[0].comm, name);
    let Some(Frame::Symbols(symbols)) = frames.iter().find(|f| matches!(f, Frame::Symbols(_)))
    else {
        panic!()
    };
    assert!(symbols[0].name.starts_with(name));
    assert_eq!(symbols.len(), 4);
}

#[test]
fn a_control_group_is_called_alike_in_facts_and_of_processes() {
    for level in Level::ALL {
        let (output, checked) = redacted(&trace(), &at(level));
        checked.unwrap();
        let frames = decoded(&output);
        let cgroups = frames.iter().find_map(|frame| match frame {
            Frame::Cgroups(cgroups) => Some(cgroups.clone()),
            _ => None,
        });
        let [first, second] = <[_; 2]>::try_from(cgroups.unwrap()).unwrap();
        let Frame::Host(facts) = &frames[0] else { panic!() };
        let fact = facts.iter().find(|fact| fact.key == "target.cgroup").unwrap();
        assert_eq!(first.path, fact.value.as_bytes());
        assert_eq!(first.path == b"/user.slice/airshipgroup.scope", level < Level::Paths);
        let Frame::Tasks(tasks) = &frames[1] else { panic!() };
        assert_eq!([first.pid, second.pid], [tasks[0].tid, tasks[1].tid]);
        assert_eq!((first.pid, second.pid) == (4242, 4300), level < Level::All);
        // The task records are of the same moment, on a clock of which one second is the earliest.
        assert_eq!(second.time_ns - first.time_ns, 1);
        assert!(first.time_ns < START);
    }
}

#[test]
fn a_seed_makes_the_same_pseudonyms_and_none_others_each_time() {
    let input = trace();
    let paths = |options: &Options| texts(&redacted(&input, options).0);
    assert_eq!(paths(&at(Level::Symbols)), paths(&at(Level::Symbols)));
    let random = Options::default();
    assert_ne!(paths(&random), paths(&random));
    let other = Options { seed: Some("another".to_owned()), ..Options::default() };
    assert_ne!(paths(&other), paths(&at(Level::Symbols)));
}

#[test]
fn words_to_hide_occur_nowhere_and_folders_to_keep_stay() {
    let input = trace();
    let hide =
        Options { hide: vec!["LIBC_start".to_owned(), "csu".to_owned()], ..at(Level::Names) };
    let (output, checked) = redacted(&input, &hide);
    checked.unwrap();
    let after = payloads(&output);
    assert!(!holds(&after, b"libc_start") && !holds(&after, b"csu/"));
    assert!(holds(&after, b"zeppelin"));

    let keep = Options { keep: vec!["/opt/hangar/".to_owned()], ..at(Level::Symbols) };
    let (output, checked) = redacted(&input, &keep);
    checked.unwrap();
    assert!(texts(&output).contains(&b"/opt/hangar/manifest.idx"[..]));
}

#[test]
fn what_would_stay_is_listed() {
    let input = trace();
    let plan = Plan::new(&input, &at(Level::Symbols)).unwrap();
    let stays = plan.stays(&input).unwrap();
    for stay in &stays {
        for (secret, _) in SECRETS.iter().filter(|(_, from)| *from <= Level::Symbols) {
            assert!(!holds(&stay.text, secret), "{}", stay.text.escape_ascii());
        }
    }
    let of = |text: &[u8], from: &str| {
        stays.iter().find(|stay| stay.text == text && stay.from == from).map(|stay| stay.count)
    };
    assert_eq!(of(b"/usr/lib/x86_64-linux-gnu/libc.so.6", "mapping or module"), Some(2));
    assert_eq!(of(b"__libc_start_main", "symbol"), Some(1));
    // Of a path of which a part goes, what is left, its ending too.
    assert_eq!(of("/home/…/…/…/…".as_bytes(), "mapping or module"), Some(3));
    assert_eq!(of("/…/…/….db (deleted)".as_bytes(), "mapping or module"), Some(1));
    assert_eq!(of("/home/…/…/…/… --…=… …/….db".as_bytes(), "fact"), Some(1));
    assert_eq!(of("…-12".as_bytes(), "thread"), Some(1));
    let summary = plan.summary();
    assert_eq!(
        summary.left_out,
        [
            "facts of unknown meaning: unknown.fact",
            "counts of unknown meaning: unknown.ledger.key",
            "1 symbols of modules that are not in the trace",
        ]
    );
}

#[test]
fn a_redacted_trace_can_be_redacted_again() {
    let (once, _) = redacted(&trace(), &at(Level::All));
    let (twice, checked) = redacted(&once, &at(Level::Names));
    checked.unwrap();
    let Frame::Host(facts) = &decoded(&twice)[0] else { panic!() };
    let levels: Vec<_> = facts.iter().filter(|fact| fact.key == "redacted.level").collect();
    assert_eq!(levels.len(), 1);
    assert_eq!(levels[0].value, "all");
}
