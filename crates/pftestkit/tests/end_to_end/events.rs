//! A line a fault, from the recorder while it records and from the report afterwards.

use crate::recording::{Lab, User, pfreport};

/// The lines of both of one run.
fn lines_of_both(lab: &Lab, mode: &str, args: &[&str]) -> [String; 2] {
    let lines = lab.dir.path().join("lines");
    let mut command = lab.pfrecord();
    command.args(["-q", "-f", "--no-aslr", "--live", "--fixed-ts", "--live-out"]).arg(&lines);
    command.arg("--").args(lab.workload(mode).args(args).argv());
    let output = command.output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
    let report = pfreport(&lab.trace(), &["--events", "--fixed-ts"]);
    let report = String::from_utf8(report.stdout).unwrap();
    [std::fs::read_to_string(lines).unwrap(), report]
}

/// Class, address and region of a line.
fn parts(line: &str) -> Option<(&str, &str, &str)> {
    let (class, rest) = line.split_once("] ")?.1.split_once(' ')?;
    let (addr, rest) = rest.trim_start().split_once(' ')?;
    Some((class, addr, rest.strip_suffix('-')?.trim_end()))
}

/// Whether the report tells the same of a fault as the recorder, or what the recorder could not know
/// yet: how memory is called that the kernel did not name at first and that no file tells of, and how far
/// down a stack will grow, from where addresses in it count.
fn is_same(live: &str, report: &str) -> bool {
    if live == report {
        return true;
    }
    let (Some((class, addr, region)), Some(told)) = (parts(live), parts(report)) else {
        return false;
    };
    let stack = region == "[stack]" && (told.0, told.2) == (class, region);
    let unnamed = region == "[anon]" || region.ends_with(" bss");
    stack || unnamed && (told.0, told.1) == (class, addr)
}

#[test]
fn the_report_has_the_lines_of_the_recorder() {
    for (mode, args) in [
        ("anon", &["--pages", "300"][..]),
        ("cow", &[]),
        ("private-file-cow", &[]),
        ("zero", &["--pages", "64"]),
    ] {
        // Where records came late or were lost, the recorder could not know what the report knows.
        let lab = Lab::new(User::Own);
        let differing = (0..5).map(|_| {
            let [live, report] = lines_of_both(&lab, mode, args);
            assert!(live.lines().count() > 50 && live.contains("Summary: "), "{live}");
            let pairs = live.lines().zip(report.lines());
            let differing: Vec<String> = pairs
                .filter(|(live, report)| !is_same(live, report))
                .map(|(live, report)| format!("{live}\n{report}"))
                .collect();
            (live.lines().count() != report.lines().count() || !differing.is_empty())
                .then(|| format!("{mode}:\n{}", differing.join("\n")))
        });
        let differing: Vec<Option<String>> = differing.take_while(Option::is_some).collect();
        assert!(differing.len() < 5, "{}", differing[0].as_deref().unwrap_or_default());
    }
}

#[test]
fn two_traces_of_a_fixed_workload_have_the_same_lines_to_the_byte() {
    // Other tests drop the page cache.
    let lab = Lab::alone();
    let run = || {
        let mut command = lab.pfrecord();
        command.args(["-q", "-f", "--no-aslr", "--"]);
        command.args(lab.workload("anon").args(["--pages", "300"]).argv());
        assert!(command.output().unwrap().status.success());
        let report = pfreport(&lab.trace(), &["--events", "--fixed-ts"]);
        assert_eq!(report.status.code(), Some(0));
        String::from_utf8(report.stdout).unwrap()
    };
    // The cache is warm when nothing was read and mapped anew since the run before.
    let mut before = run();
    assert!(before.lines().count() > 300);
    for _ in 0..8 {
        let now = run();
        if now == before {
            return;
        }
        before = now;
    }
    assert_eq!(before, run());
}
