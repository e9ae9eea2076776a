//! `pfrecord --stat` against the kernel's accounts of processes in `/proc`, which count the same faults
//! by another way.

mod machine;
mod threads;

use std::process::{Command, Stdio};

use pftestkit::{Phase, Report, Running, Workload};

use crate::recording::{Lab, Recorder, User, is_root};

/// Minor and major faults.
type Faults = (u64, u64);

/// What `pfrecord --stat` printed.
struct Said {
    text: String,
}

impl Said {
    /// The number before some words at the start of a line.
    fn number(&self, words: &str) -> Option<u64> {
        self.text.lines().find_map(|line| {
            let (number, rest) = line.trim_start().split_once("  ")?;
            rest.starts_with(words).then(|| parse(number))
        })
    }

    fn faults(&self) -> Faults {
        let faults = (self.number("minor faults").unwrap(), self.number("major faults").unwrap());
        assert_eq!(self.number("faults "), Some(faults.0 + faults.1), "{}", self.text);
        faults
    }

    /// The lines of the table under a header that ends with `what`: id, minor, major, rest.
    fn table(&self, what: &str) -> Vec<(String, i64, i64, String)> {
        let lines = self.text.lines().skip_while(|line| {
            !(line.trim_start().starts_with(['p', 't']) && line.ends_with(what))
        });
        let rows = lines.skip(1).take_while(|line| !line.is_empty());
        rows.map(|line| {
            let column = |range: std::ops::Range<usize>| line[range].trim();
            let number = |text: &str| text.replace(',', "").parse().expect(line);
            let (minor, major) = (number(column(11..26)), number(column(27..42)));
            (column(0..10).to_owned(), minor, major, line[59..].to_owned())
        })
        .collect()
    }

    /// The lines of `--interval`.
    fn intervals(&self) -> Vec<Faults> {
        let lines = self.text.lines().skip_while(|line| !line.ends_with("major/s"));
        let rows = lines.skip(1).take_while(|line| line.starts_with(' '));
        rows.map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            assert_eq!(words.len(), 5, "{line}");
            (parse(words[1]), parse(words[3]))
        })
        .collect()
    }
}

fn parse(number: &str) -> u64 {
    number.replace(',', "").parse().expect(number)
}

/// `pfrecord --stat`, to be completed.
fn counter(lab: &Lab) -> Command {
    let mut command = lab.pfrecord_bare();
    command.arg("--stat");
    command
}

/// Counts a command; the workload's report comes from its standard output.
fn count(command: &mut Command) -> (Said, Report) {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    (Said { text }, Report::parse(&String::from_utf8_lossy(&output.stdout)).unwrap())
}

/// Starts a workload and waits until it rests.
fn start(workload: &Workload) -> Running {
    let running = workload.start().unwrap().unwrap();
    rest(running.pid());
    running
}

/// Waits until every thread of a process sleeps: it waits for a line.
fn rest(pid: u32) {
    let sleeps = |task: std::io::Result<std::fs::DirEntry>| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" S"))
    };
    while !std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().all(sleeps) {
        std::thread::yield_now();
    }
}

/// Faults of a process or thread itself, and of the children that it waited for.
fn account(stat: &str) -> (Faults, Faults) {
    let stat = std::fs::read_to_string(stat).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let number = |index: usize| fields[index].parse::<u64>().unwrap();
    ((number(7), number(9)), (number(8), number(10)))
}

fn own_account(pid: u32) -> Faults {
    account(&format!("/proc/{pid}/stat")).0
}

fn less(after: Faults, before: Faults) -> Faults {
    (after.0 - before.0, after.1 - before.1)
}

/// Attaches while the workload waits, lets it make its faults, and stops when it waits again.
fn count_attached(counter: &mut Command, running: &mut Running) -> Said {
    let mut recorder = Recorder::start(counter);
    running.go().unwrap();
    rest(running.pid());
    recorder.signal("INT");
    let (status, text) = recorder.finish();
    assert!(status.success() && text.contains("stopped by a signal"), "{text}");
    Said { text }
}

#[test]
fn every_fault_of_a_process_is_counted_once() {
    if !is_root() {
        eprintln!("skipped: needs root, to count faults in kernel mode");
        return;
    }
    let lab = Lab::new(User::Own);
    for mode in ["anon", "kernel-anon", "zero", "threads", "cold-file-random"] {
        let mut running = start(&lab.workload(mode).args(["--pages", "700"]));
        let pid = running.pid();
        let before = own_account(pid);
        let said = count_attached(counter(&lab).args(["-p", &pid.to_string()]), &mut running);
        assert_eq!(said.faults(), less(own_account(pid), before), "{mode}: {}", said.text);
        assert_eq!(said.number("entries without"), None, "{mode}: {}", said.text);
        running.finish().unwrap();
    }
}

#[test]
fn a_command_is_counted_from_its_first_instruction() {
    if !is_root() {
        eprintln!("skipped: needs root, to count faults in kernel mode");
        return;
    }
    let lab = Lab::new(User::Own);
    let workload = lab.workload("cold-file-random").args(["--pages", "500"]);
    let (said, report) = count(counter(&lab).arg("--").args(workload.argv()));
    let (minor, major) = said.faults();
    let total = report.total.unwrap();
    assert_eq!(major, total.majflt, "{}", said.text);
    // What the kernel does to prepare the new address space is in rusage only; and a few faults
    // follow the workload's last look at its counters.
    assert!(total.minflt.abs_diff(minor) < 60, "{} and {}", total.minflt, said.text);
    assert!(said.text.contains("the command ended (exit status: 0)"), "{}", said.text);
}

#[test]
fn intervals_add_up_to_the_total() {
    let lab = Lab::new(User::Own);
    let workload = lab.workload("threads").args(["--seconds", "0.5"]);
    let mut command = counter(&lab);
    let (said, report) = count(command.args(["--interval", "20ms", "--"]).args(workload.argv()));
    let intervals = said.intervals();
    let sum = intervals.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert_eq!(sum, said.faults(), "{}", said.text);
    assert!(intervals.len() > 5, "{}", said.text);
    let made: u64 = report.of_phase(Phase::Run).map(|e| e.count).sum();
    assert!(sum.0 >= made, "{made}: {}", said.text);
}

#[test]
fn accesses_that_fail_are_entries_without_completion() {
    if !is_root() {
        eprintln!("skipped: needs root, to count faults in kernel mode");
        return;
    }
    let lab = Lab::new(User::Own);
    let mut running = start(&lab.workload("efault").args(["--pages", "321"]));
    let pid = running.pid().to_string();
    let said = count_attached(counter(&lab).args(["-p", &pid]), &mut running);
    assert_eq!(said.number("entries without completion"), Some(321), "{}", said.text);
    running.finish().unwrap();
}

#[test]
fn each_of_several_processes_has_its_line() {
    let lab = Lab::new(User::Own);
    let mut workloads =
        ["300", "900"].map(|pages| start(&lab.workload("anon").args(["--pages", pages])));
    let pids = workloads.each_ref().map(Running::pid);
    let before = pids.map(own_account);
    let list = format!("{},{},{}", pids[0], pids[1], pids[0]);
    let mut recorder = Recorder::start(counter(&lab).args(["-p", &list]));
    for running in &mut workloads {
        running.go().unwrap();
        rest(running.pid());
    }
    let after = pids.map(own_account);
    recorder.signal("TERM");
    let (status, text) = recorder.finish();
    assert!(status.success(), "{text}");
    let said = Said { text };
    let rows = said.table("process");
    let mut sum = (0, 0);
    for (((pid, before), after), row) in pids.iter().zip(before).zip(after).zip(&rows) {
        assert_eq!((row.0.as_str(), row.3.as_str()), (pid.to_string().as_str(), "pf-workload"));
        if is_root() {
            let (minor, major) = less(after, before);
            assert_eq!((row.1.cast_unsigned(), row.2.cast_unsigned()), (minor, major));
        }
        sum = (sum.0 + row.1.cast_unsigned(), sum.1 + row.2.cast_unsigned());
    }
    assert_eq!((rows.len(), sum), (2, said.faults()), "{}", said.text);
    for running in workloads {
        running.finish().unwrap();
    }
}

#[test]
fn children_count_with_their_creator_or_not_at_all() {
    if !is_root() {
        eprintln!("skipped: needs root, to count faults in kernel mode");
        return;
    }
    let lab = Lab::new(User::Own);
    for follow in [true, false] {
        let workload = lab.workload("fork-storm").args(["--count", "20", "--pages", "50"]);
        let mut running = start(&workload);
        let stat = format!("/proc/{}/stat", running.pid());
        let before = account(&stat);
        let mut command = counter(&lab);
        command.args(["-p", &running.pid().to_string()]);
        let said = count_attached(command.args((!follow).then_some("--no-follow")), &mut running);
        let after = account(&stat);
        let (own, children) = (less(after.0, before.0), less(after.1, before.1));
        assert!(children.0 >= 1000, "{children:?}");
        let expected = if follow { (own.0 + children.0, own.1 + children.1) } else { own };
        assert_eq!(said.faults(), expected, "follow {follow}: {}", said.text);
        running.finish().unwrap();
    }
}

#[test]
fn an_ordinary_user_counts_what_happens_in_user_mode() {
    if !is_root() {
        eprintln!("skipped: needs root, to become nobody");
        return;
    }
    let lab = Lab::new(User::Nobody);
    for (mode, seen) in [("anon", true), ("kernel-anon", false)] {
        let workload = lab.workload(mode).args(["--pages", "3000"]);
        let (said, report) = count(counter(&lab).arg("--").args(workload.argv()));
        let (minor, _) = said.faults();
        let total = report.total.unwrap().minflt;
        assert!(total > 3000 && minor < total, "{total}: {}", said.text);
        assert_eq!(minor >= 3000, seen, "{mode}: {}", said.text);
        let line = "not privileged: faults in kernel mode are not counted";
        assert!(said.text.contains(line), "{}", said.text);
    }
    let output = counter(&lab).args(["-a", "--", "true"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("not permitted to record all tasks of a CPU"), "{said}");
}

#[test]
fn a_commands_output_and_exit_status_stay_its_own() {
    let lab = Lab::new(User::Own);
    let run = |args: &[&str]| counter(&lab).args(args).stdin(Stdio::null()).output().unwrap();
    let plain = run(&["-q", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    assert_eq!(plain.status.code(), Some(0));
    assert_eq!(plain.stdout, b"out\n");
    let said = String::from_utf8(plain.stderr).unwrap();
    assert!(said.starts_with("err\npfrecord: the command ended (exit status: 7)"), "{said}");
    let passed = run(&["--exit-status", "--", "sh", "-c", "kill -9 $$"]);
    assert_eq!(passed.status.code(), Some(137));
    assert_eq!(run(&["--", "/no/such/program"]).status.code(), Some(127));
    assert_eq!(run(&["-t", "4194305"]).status.code(), Some(2));
    assert!(std::fs::read_dir(lab.dir.path()).unwrap().next().is_none(), "no file is written");
}

#[test]
fn the_duration_ends_the_command_too() {
    let lab = Lab::new(User::Own);
    let output = counter(&lab).args(["-d", "200ms", "--", "sleep", "60"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("the duration is over"), "{said}");
}

#[test]
fn what_comes_before_the_delay_does_not_count() {
    let lab = Lab::new(User::Own);
    let (said, _) = count(counter(&lab).args(["-D", "1h", "--", "true"]));
    assert_eq!(said.faults(), (0, 0), "{}", said.text);
    assert!(said.text.contains("the command ended"), "{}", said.text);
    assert!(said.text.contains("it ended before the delay was over"), "{}", said.text);
}

#[test]
fn getrusage_is_not_set_against_counts_of_something_else() {
    let lab = Lab::new(User::Own);
    let script = ["--", "sh", "-c", "/bin/true; /bin/true"];
    for (option, compared) in [(&[][..], true), (&["--no-follow"], false), (&["-D", "1h"], false)] {
        let output = counter(&lab).args(option).args(script).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        assert_eq!(said.contains("getrusage of the command: "), compared, "{option:?}: {said}");
        assert_eq!(said.contains("\n  (with "), !compared, "{option:?}: {said}");
    }
}
