//! Selections, tables and queries.

use std::path::Path;
use std::process::Output;

use crate::scene::{Scene, assert_harmless, program, text};

fn ok(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    assert_harmless(&output.stdout);
    text(&output.stdout)
}

/// The one line of an error in usage.
fn refused(output: &Output) -> &str {
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
    assert_harmless(&output.stderr);
    text(&output.stderr)
}

#[test]
fn every_view_is_about_the_selection() {
    let scene = Scene::new(50);
    let summary = scene.run(&["run.pft", "--class", "major", "--where", "latency_ns = 1e5"]);
    let summary = ok(&summary);
    let selected = "  selected   2 of 52 faults: class major, where latency_ns = 1e5\n";
    assert!(summary.contains(selected), "{summary}");
    // What is said about completeness goes on to be about all of it.
    assert!(summary.contains("  captured   52 faults, none lost\n"), "{summary}");
    assert!(summary.contains("minor 50 = the kernel's; major 2 = the kernel's\n"), "{summary}");
    assert_eq!(summary.lines().last(), Some("Summary: major=2 minor=0 cow=0"));

    let groups = scene.run(&["run.pft", "--by", "class", "--from", "1s", "--csv"]);
    let expected = "class,faults,major,pages,touched_bytes,stall_ns,p50_ns,p90_ns,p99_ns,max_ns\n\
                    major,2,2,2,8192,200000,100000,100000,100000,100000\n";
    assert_eq!(ok(&groups), expected);
    let rows = |words: &[&str]| {
        ok(&scene.run(&[&["run.pft", "--csv"], words].concat())).lines().count() - 1
    };
    assert_eq!(rows(&[]), 52);
    assert_eq!(rows(&["--to", "11us"]), 10);
    assert_eq!(rows(&["--from", "50%"]), 2);
    assert_eq!(rows(&["--pid", "4242", "--class", "minor,cow"]), 50);
    assert_eq!(rows(&["--where", "addr >= 0x555500000000 AND addr < 0x555500003000"]), 3);
    assert_eq!(rows(&["--where", "region = '[nowhere]'"]), 0);
    let folded = scene.run(&["run.pft", "--folded", "--weight=faults", "--class=major"]);
    assert!(ok(&folded).trim_end().ends_with(" 2"), "{}", ok(&folded));
    let nothing = scene.run(&["run.pft", "--from", "5s"]);
    assert!(ok(&nothing).contains("  selected   0 of 52 faults: from 5 s\n"), "{}", ok(&nothing));
}

/// Its last fault completes behind everything else in the file, which only who reads it knows.
#[test]
fn windows_that_meet_have_each_fault_once() {
    let faults = |words: &[&str]| {
        let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
        let rows = ["v1.0-code.pft", "--csv", "-q"].iter().chain(words);
        let output = program().current_dir(testdata).args(rows).output().unwrap();
        ok(&output).lines().count() - 1
    };
    let cuts = ["10%", "20%", "25%", "30%", "50%"];
    let parts = |cut: &&str| [faults(&["--to", cut]), faults(&["--from", cut])];
    assert_eq!(
        cuts.iter().map(parts).collect::<Vec<_>>(),
        [[0, 3], [1, 2], [2, 1], [2, 1], [3, 0]]
    );
    assert_eq!(faults(&["--from", "10%", "--to", "20%"]), 1);
}

#[test]
fn so_many_faults_are_written_as_are_asked_for() {
    let scene = Scene::new(50);
    let lines =
        |words: &[&str]| ok(&scene.run(words)).lines().map(str::to_owned).collect::<Vec<_>>();
    let all = lines(&["run.pft", "--csv"]);
    assert_eq!(all.len(), 53);
    assert_eq!(lines(&["run.pft", "--csv", "-n", "2"]), all[..3]);
    assert_eq!(lines(&["run.pft", "--csv", "-n", "0"]), all[..1]);
    assert_eq!(lines(&["run.pft", "--csv", "-n", "60"]), all);
    assert_eq!(lines(&["run.pft", "--by", "class, pid", "--csv"]).len(), 3);
}

#[test]
fn tables_that_faults_do_not_narrow_say_so() {
    let scene = Scene::new(50);
    let note = "note: processes are those of the whole trace, whichever faults are chosen; to narrow \
                it: --sql \"SELECT * FROM processes WHERE …\"\n";
    let of = |words: &[&str]| {
        let output = scene.run(&[&["run.pft", "--csv"], words].concat());
        assert_eq!(output.status.code(), Some(0));
        (text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
    };
    let (all, quiet) = of(&["--table=processes"]);
    assert_eq!(quiet, "");
    assert_eq!(of(&["--table=processes", "--class=major"]), (all.clone(), note.to_owned()));
    assert_eq!(of(&["--table=processes", "--class=major", "-q"]), (all, String::new()));
    assert_eq!(of(&["--table=faults", "--class=major"]).1, "");
}

#[test]
fn names_that_are_no_traces_lead_to_what_was_meant() {
    let scene = Scene::new(1);
    let output = scene.run(&["run.pft", "--csv", "out.csv"]);
    assert!(refused(&output).ends_with("; an output has an equals sign: --csv=out.csv\n"));
    let output = scene.run(&["help"]);
    assert!(refused(&output).ends_with("; options and examples: pfreport --help\n"));
}

#[test]
fn rates_and_shares_refer_to_the_window() {
    let scene = Scene::new(50);
    let summary = scene.run(&["run.pft", "--from", "1s", "--to", "1.1s"]);
    let summary = ok(&summary);
    // 200 µs of 100 ms rather than of 2 s.
    assert!(summary.contains("wall: share of the 100 ms in which"), "{summary}");
    assert!(summary.contains("(0.2 % by any fault)"), "{summary}");
    assert!(summary.contains(" UTC for 2 s"), "{summary}");
}

#[test]
fn wrong_selections_are_2() {
    let scene = Scene::new(3);
    let class = scene.run(&["run.pft", "--class", "majro"]);
    assert!(refused(&class).contains("the classes are minor, major, cow, failed"));
    let pid = scene.run(&["run.pft", "--pid", "7"]);
    assert_eq!(refused(&pid), "error: no process 7 in the trace; there are 4242\n");
    let time = scene.run(&["run.pft", "--from", "soon"]);
    assert!(refused(&time).contains("a time since the start, as 2s, 150ms, 1.5s or 10%"));
    let window = scene.run(&["run.pft", "--from", "2s", "--to", "1s"]);
    assert_eq!(refused(&window), "error: no time is from 2 s to 1 s\n");
    for (condition, begin) in [
        (
            "regoin = 'x'",
            "error: no column `regoin`, perhaps `region`; the columns are trace, phase, ",
        ),
        ("class = 'major' AND", "error: wrong condition: "),
        ("latency_ns + 1", "error: wrong condition: it is neither true nor false"),
    ] {
        let output = scene.run(&["run.pft", "--where", condition]);
        let message = refused(&output);
        assert!(message.starts_with(begin), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    // Before the trace is read: there is none.
    assert_eq!(scene.run(&["none.pft", "--where", "1"]).status.code(), Some(2));
}

#[test]
fn tables_are_for_people_and_for_programs() {
    let scene = Scene::new(3);
    let table = scene.run(&["run.pft", "--table", "mappings", "--sort", "region", "-n1"]);
    let lines: Vec<&str> = ok(&table).lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(
        lines[1].contains("  0x555500000000  0x555540000000        1GiB  rw-p   [heap] "),
        "{lines:?}"
    );
    assert_eq!(lines[2], "  and 1 more row (-n N shows more)");
    let csv = scene.run(&["run.pft", "--table=threads", "--csv"]);
    let expected = "trace,proc,pid,tid,from_ns,to_ns\nrun.pft,0,4242,4242,0,2000000000\n";
    assert_eq!(ok(&csv), expected);
    let faults = scene.run(&["run.pft", "--table=faults", "--csv"]);
    assert_eq!(ok(&faults), ok(&scene.run(&["run.pft", "--csv"])));
    let first = scene.run(&["run.pft", "--table=faults", "--csv", "-n2"]);
    assert_eq!(
        ok(&first).lines().collect::<Vec<_>>(),
        ok(&faults).lines().take(3).collect::<Vec<_>>()
    );
    let longest = scene.run(&["run.pft", "--table=faults", "--sort=addr", "--class=major", "-n1"]);
    assert!(ok(&longest).contains("  0x7f0000000000  ") && ok(&longest).contains("and 1 more row"));

    assert!(
        refused(&scene.run(&["run.pft", "--table", "x"]))
            .contains("the tables are faults, processes")
    );
    let sort = scene.run(&["run.pft", "--table", "facts", "--sort", "pid"]);
    assert_eq!(refused(&sort), "error: no column `pid`; the columns are trace, key, value\n");
}

#[test]
fn queries_answer_with_plain_numbers() {
    let scene = Scene::new(1_500);
    let sql = "SELECT class, COUNT(*) AS n, SUM(latency_ns) AS stall_ns, MIN(addr) AS addr FROM faults GROUP BY class";
    let answer = scene.run(&["run.pft", "--sql", sql]);
    let expected = "  class     n  stall_ns            addr\n  \
                      major     2    200000  0x7f0000000000\n  \
                      minor  1500   1050000  0x555500000000\n";
    assert_eq!(ok(&answer), expected);
    let first = scene.run(&["run.pft", "--sql", sql, "-n", "1", "--csv"]);
    assert_eq!(ok(&first), "class,n,stall_ns,addr\nmajor,2,200000,0x7f0000000000\n");
    let selected =
        scene.run(&["run.pft", "--sql", "SELECT COUNT(*) AS n FROM faults", "--class=major"]);
    assert_eq!(ok(&selected), "  n\n  2\n");
    let hostile = scene.run(&[
        "run.pft",
        "--sql",
        "SELECT comm AS \"\u{1b}[2J\", '\u{202e}' AS b FROM faults LIMIT 1",
    ]);
    assert!(ok(&hostile).starts_with("  \\x1b[2J "), "{}", ok(&hostile));

    for sql in
        ["SELECT GREATEST() FROM faults", "SELECT nope FROM faults", "SELECT", "DELETE FROM faults"]
    {
        let output = scene.run(&["run.pft", "--sql", sql]);
        let message = refused(&output);
        assert!(message.starts_with("error: wrong query: "), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    for words in [
        ["--sql=SELECT 1", "--by=pid"],
        ["--sql=SELECT 1", "--table=oom"],
        ["--table=oom", "--patterns"],
    ] {
        assert_eq!(scene.run(&[&["run.pft"], &words[..]].concat()).status.code(), Some(2));
    }
}

/// What the program says of the released traces.
#[test]
fn released_traces_answer_as_ever() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut said = String::new();
    for words in [
        &["v1.0-zero-page.pft", "--table=processes"][..],
        &["v1.0-zero-page.pft", "--table=mappings", "--sort=size_bytes", "-n5"],
        &["v1.0-code.pft", "--table=modules"],
        &["v1.0-code.pft", "--table=callchains"],
        &[
            "v1.0-code.pft",
            "--sql=SELECT c.function, COUNT(*) AS n, MAX(f.latency_ns) AS longest_ns \
           FROM faults f JOIN callchains c ON f.callchain = c.callchain GROUP BY c.function",
        ],
        &["v1.0-moments.pft", "--table=marks"],
        &["v1.0-moments.pft", "--table=oom"],
        &["v1.0-moments.pft", "--table=ledger"],
        &["v1.0-moments.pft", "--table=facts"],
        &[
            "v1.0-moments.pft",
            "--sql=SELECT m.phase, m.to_ns - m.from_ns AS length_ns, COUNT(*) AS n FROM faults f \
           JOIN marks m ON f.phase = m.phase GROUP BY m.phase, length_ns",
        ],
        &[
            "v1.0-zero-page.pft",
            "--by=class,cause",
            "--where=addr >= 0x1000000000 AND addr < 0x1000040000",
        ],
        &["v1.0-zero-page.pft", "--where", "class = 'major' OR region LIKE '% .bss'", "--from=10%"],
    ] {
        let output =
            program().current_dir(folder.join("../../testdata")).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {}", text(&output.stderr));
        assert_harmless(&output.stdout);
        said.push_str(&format!("$ pfreport {}\n{}\n", words.join(" "), text(&output.stdout)));
    }
    let golden = folder.join("tests/golden/query.txt");
    if std::env::var_os("PFT_BLESS").is_some() {
        std::fs::write(&golden, &said).unwrap();
    }
    assert_eq!(said, std::fs::read_to_string(&golden).unwrap(), "PFT_BLESS=1 rewrites it");
}
