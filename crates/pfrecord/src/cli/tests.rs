use super::*;

#[test]
fn an_error_repeats_nothing_that_a_terminal_obeys() {
    for wrong in ["--pid=1ev\nil", "-p1ev\nil", "--no\nil", "--level=\u{202e}", "mark\u{1b}c"] {
        let words = ["pfrecord", wrong].map(OsString::from);
        let error = Arguments::try_parse_from(&words).unwrap_err();
        let said = printed(error, words.into_iter()).to_string();
        let first = said.lines().next().unwrap();
        assert!(
            first.contains("\\x0ail") || first.contains("\\u{202e}") || first.contains("\\x1bc"),
            "{said}"
        );
        assert!(!said.contains(['\u{202e}', '\u{1b}']), "{said}");
    }
}

#[test]
fn the_definition_is_sound() {
    Arguments::command().debug_assert();
}

#[test]
fn counting_takes_an_interval_and_no_file() {
    let parse = |words: &[&str]| Arguments::try_parse_from(words);
    let counted = parse(&["pfrecord", "--stat", "--interval", "1s", "-p", "1"]).unwrap();
    assert!(counted.stat);
    assert_eq!(counted.interval, Some(Duration::from_secs(1)));
    for wrong in [
        &["--interval", "1s"][..],
        &["--stat", "--interval", "0s"],
        &["--stat", "-o", "x"],
        &["--stat", "--level", "3"],
    ] {
        assert!(parse(&[&["pfrecord", "-p", "1"], wrong].concat()).is_err(), "{wrong:?}");
    }
}

#[test]
fn call_chains_come_in_two_ways() {
    let config = |words: &[&str]| {
        let words = [&["pfrecord", "-p", "1"], words].concat();
        Arguments::try_parse_from(words).and_then(|arguments| arguments.config())
    };
    let chosen = |words: &[&str]| config(words).unwrap().selection.call_graph;
    let stacks = |bytes, share| Some(CallGraph::Stacks { bytes, share });
    assert_eq!(chosen(&[]), None);
    assert_eq!(chosen(&["-g"]), Some(CallGraph::FramePointers));
    assert_eq!(chosen(&["--call-graph", "fp"]), Some(CallGraph::FramePointers));
    assert_eq!(chosen(&["--call-graph", "dwarf"]), stacks(16384, 128));
    assert_eq!(chosen(&["--call-graph=dwarf,8192", "--stack-share", "0"]), stacks(8192, 0));
    for wrong in [
        &["-g", "--call-graph", "fp"][..],
        &["--stack-share", "5"],
        &["-g", "--stack-share", "5"],
        &["--call-graph", "fp", "--stack-share", "5"],
        &["--call-graph", "dwarf,0"],
        &["--stat", "-g"],
        &["--stat", "--phys"],
    ] {
        assert!(config(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_command_may_have_the_name_of_a_subcommand() {
    let parse = |words: &[&str]| Arguments::try_parse_from(words);
    let marks = |words: &[&str]| match parse(words).unwrap().action {
        Some(Action::Mark { name, to }) => Some((name, to)),
        _ => None,
    };
    assert_eq!(marks(&["pfrecord", "mark", "a b"]), Some(("a b".into(), None)));
    assert_eq!(marks(&["pfrecord", "mark", "x", "--to", "7"]), Some(("x".into(), Some(7))));
    assert_eq!(marks(&["pfrecord", "--", "mark", "x"]), None);
    let launched = parse(&["pfrecord", "--", "mark", "x"]).unwrap().config().unwrap();
    assert_eq!(launched.command, ["mark", "x"]);
    for name in ["completions", "man"] {
        let launched = parse(&["pfrecord", "--", name, "bash"]).unwrap();
        assert!(launched.action.is_none());
        assert_eq!(launched.config().unwrap().command, [name, "bash"]);
    }
    assert!(parse(&["pfrecord", "mark"]).is_err());
    assert!(parse(&["pfrecord", "-p", "1", "mark", "x"]).is_err());
    assert!(parse(&["pfrecord", "--check", "--", "true"]).is_err());
    assert!(parse(&["pfrecord", "--check"]).unwrap().check);
}

#[test]
fn a_target_is_needed_and_only_one() {
    let config = |words: &[&str]| Arguments::try_parse_from(words).and_then(|a| a.config());
    assert!(config(&["pfrecord"]).is_err());
    assert!(config(&["pfrecord", "-p", "1", "--", "true"]).is_err());
    assert!(config(&["pfrecord", "-p", "x"]).is_err());
    assert!(config(&["pfrecord", "-p", "1", "-a"]).is_err());
    let system = config(&["pfrecord", "-a", "--", "sleep", "1"]).unwrap();
    assert_eq!((system.target, system.command.len()), (Target::System, 2));
    let threads = config(&["pfrecord", "-t", "5,6"]).unwrap().target;
    assert_eq!(threads, Target::Threads(vec![5, 6]));
    let pids = config(&["pfrecord", "-p", "1,2"]).unwrap().target;
    assert!(matches!(pids, Target::Processes(pids) if pids == [1, 2]));
    let launched = config(&["pfrecord", "--", "ls", "-l"]).unwrap();
    assert_eq!(launched.target, Target::Command);
    assert_eq!(launched.command, ["ls", "-l"]);
}
