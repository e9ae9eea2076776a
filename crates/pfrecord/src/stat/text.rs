//! The words of `--stat`.

use std::time::Duration;

use pfcapture::{Counting, End, Faults, Interval, Processes, Tally, Target};

use crate::summary::{plural, plural_only, thousands, why};

/// Processes in the table of the whole machine.
const PROCESSES: usize = 20;

/// Lines when counting has begun.
pub fn started(counting: &Counting) -> Vec<String> {
    let ids: Vec<String> = counting.ids.iter().map(ToString::to_string).collect();
    let (count, ids) = (ids.len(), ids.join(", "));
    let cpus = plural(counting.cpus as u64, "CPU", "CPUs");
    let mut lines = vec![match &counting.target {
        Target::Command | Target::Processes(_) => format!(
            "counting {} {ids} ({})",
            plural_only(count, "process", "processes"),
            plural(counting.threads as u64, "thread", "threads")
        ),
        Target::Threads(_) => format!("counting {} {ids}", plural_only(count, "thread", "threads")),
        Target::System => format!("counting the whole machine ({cpus}), pfrecord itself left out"),
        Target::Cgroup(path) => format!("counting control group {} ({cpus})", path.display()),
    }];
    if !counting.kernel_mode {
        let why = if counting.kernel_mode_allowed { "as asked" } else { "not privileged" };
        lines.push(format!("{why}: faults in kernel mode are not counted"));
    }
    if counting.unsure_threads > 0 {
        lines.push(format!(
            "threads came faster than they could be attached to: {} that came last may not be \
             counted, nor what they create",
            thousands(counting.unsure_threads as u64)
        ));
    }
    lines
}

/// The columns of [`interval`].
pub fn interval_header() -> String {
    format!("{:>12} {:>15} {:>14} {:>15} {:>14}", "time s", "minor", "minor/s", "major", "major/s")
}

/// One line of `--interval`.
pub fn interval(interval: &Interval) -> String {
    let Interval { end, length, faults } = interval;
    format!(
        "{:>12.3} {:>15} {:>14} {:>15} {:>14}",
        end.as_secs_f64(),
        thousands(faults.minor),
        rate(faults.minor, *length),
        thousands(faults.major),
        rate(faults.major, *length),
    )
}

/// The lines at the end.
pub fn tally(tally: &Tally) -> Vec<String> {
    let Tally { faults, duration, .. } = tally;
    let status = tally.command.map(|command| command.status);
    let seconds = duration.as_secs_f64();
    let count = |count: u64, what: &str| {
        let rate = rate(count, *duration);
        format!("{:>15}  {what:<14}{rate:>14} per second", thousands(count))
    };
    let mut lines = vec![
        format!("pfrecord: {} after {seconds:.3} s", why(tally.end, status)),
        String::new(),
        count(faults.minor, "minor faults"),
        format!("{}{}", count(faults.major, "major faults"), share(*faults)),
        count(faults.completed(), "faults"),
    ];
    lines.extend(without_completion(tally));
    lines.push(String::new());
    if let Some(command) = &tally.command {
        let time = |time: Duration, mode: &str| {
            format!("{:>15.3}  seconds of CPU time in {mode} mode", time.as_secs_f64())
        };
        lines.extend([time(command.user, "user"), time(command.system, "kernel"), String::new()]);
        if let Some((minor, major)) = command.rusage {
            let besides =
                if tally.counting.kernel_mode { "" } else { "those in kernel mode, and " };
            lines.extend([
                format!("getrusage of the command: {} minor, {} major faults", thousands(minor), thousands(major)),
                format!(
                    "  (it counts {besides}those that the kernel makes for the command: exec, mlock, \
                     MAP_POPULATE)"
                ),
                String::new(),
            ]);
        }
    }
    if tally.targets.len() > 1 {
        let threads = matches!(tally.counting.target, Target::Threads(_));
        let (id, what) = if threads { ("tid", "thread") } else { ("pid", "process") };
        lines.push(header(id, what));
        lines.extend(tally.targets.iter().map(|target| {
            let Faults { minor, major, .. } = target.faults;
            row(&target.id.to_string(), (minor, major), *duration, &target.comm)
        }));
        lines.push(String::new());
    }
    if let Some(processes) = &tally.processes {
        lines.extend(process_table(processes, *faults, *duration));
        lines.push(String::new());
    }
    lines
}

fn share(faults: Faults) -> String {
    match faults.completed() {
        0 => String::new(),
        all => format!("   {:.2} % of all", faults.major as f64 * 100.0 / all as f64),
    }
}

/// How entries stand to completions.
fn without_completion(tally: &Tally) -> Option<String> {
    let number = tally.faults.without_completion();
    let amount = thousands(number.unsigned_abs());
    if number < 0 {
        return Some(format!("{amount:>15}  fewer entries: faults under way when counting began"));
    }
    let mut what = "entries without completion: accesses that failed, waits interrupted and begun \
                    again"
        .to_owned();
    let on_cpus = tally.counting.cpus > 0;
    if on_cpus || tally.end != End::TargetExited {
        what.push_str(", faults under way at the end");
    }
    (number > 0).then(|| format!("{amount:>15}  {what}"))
}

/// The processes with most faults, and what the counters have beyond `/proc` or it beyond them.
fn process_table(processes: &Processes, counted: Faults, duration: Duration) -> Vec<String> {
    let mut lines = vec![header("pid", "process")];
    let (named, more) = processes.rows.split_at(processes.rows.len().min(PROCESSES));
    for process in named {
        let gone = if process.gone { " (ended)" } else { "" };
        let name = format!("{}{gone}", process.comm);
        let faults = (process.minor, process.major);
        lines.push(row(&process.pid.to_string(), faults, duration, &name));
    }
    let others = more.len() as u64 + processes.folded;
    if others > 0 {
        let faults = more
            .iter()
            .fold((processes.folded_minor, processes.folded_major), |(minor, major), process| {
                (minor + process.minor, major + process.major)
            });
        let name = plural(others, "more process", "more processes");
        lines.push(row("", faults, duration, &name));
    }
    let (minor, major) = processes.remainder(counted);
    let beyond = |number: i64| u64::try_from(number).unwrap_or(0);
    if minor > 0 || major > 0 {
        let name = "processes that came or went between looks at /proc";
        lines.push(row("", (beyond(minor), beyond(major)), duration, name));
    }
    if minor < 0 || major < 0 {
        let less = |number: i64| match number {
            ..0 => format!("-{}", thousands(number.unsigned_abs())),
            _ => "0".to_owned(),
        };
        lines.push(columns([
            "",
            &less(minor),
            &less(major),
            "",
            "counted in /proc but not by perf (mlock, MAP_POPULATE)",
        ]));
    }
    if minor != 0 || major != 0 {
        lines.push(String::new());
        lines.push(
            "The table is what /proc tells; its last lines are the difference to the counters, in \
             which the two kinds cancel out."
                .to_owned(),
        );
    }
    lines
}

fn header(id: &str, what: &str) -> String {
    columns([id, "minor", "major", "per second", what])
}

fn row(id: &str, (minor, major): (u64, u64), duration: Duration, name: &str) -> String {
    columns([id, &thousands(minor), &thousands(major), &rate(minor + major, duration), name])
}

fn columns([id, minor, major, rate, name]: [&str; 5]) -> String {
    format!("{id:>10} {minor:>15} {major:>15} {rate:>14}  {name}")
}

/// Faults a second.
fn rate(count: u64, duration: Duration) -> String {
    if duration.is_zero() {
        return "-".to_owned();
    }
    let tenths = (count as f64 * 10.0 / duration.as_secs_f64()).round() as u64;
    format!("{}.{}", thousands(tenths / 10), tenths % 10)
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use pfcapture::{Finished, ProcessFaults, TargetFaults};

    use super::*;

    fn counting(target: Target, ids: &[u32]) -> Counting {
        Counting {
            target,
            ids: ids.to_vec(),
            threads: 3,
            cpus: 0,
            kernel_mode: true,
            kernel_mode_allowed: true,
            unsure_threads: 0,
        }
    }

    fn example(counting: Counting) -> Tally {
        Tally {
            counting,
            end: End::TargetExited,
            duration: Duration::from_millis(2500),
            faults: Faults { minor: 12_345, major: 100, entries: 12_450 },
            targets: Vec::new(),
            processes: None,
            command: None,
        }
    }

    #[test]
    fn a_command_has_its_whole_account() {
        let mut tally = example(counting(Target::Command, &[7]));
        tally.command = Some(Finished {
            status: ExitStatus::from_raw(0),
            user: Duration::from_millis(1234),
            system: Duration::from_millis(56),
            rusage: Some((12_400, 100)),
        });
        let expected = "\
pfrecord: the command ended (exit status: 0) after 2.500 s

         12,345  minor faults         4,938.0 per second
            100  major faults            40.0 per second   0.80 % of all
         12,445  faults               4,978.0 per second
              5  entries without completion: accesses that failed, waits interrupted and begun again

          1.234  seconds of CPU time in user mode
          0.056  seconds of CPU time in kernel mode

getrusage of the command: 12,400 minor, 100 major faults
  (it counts those that the kernel makes for the command: exec, mlock, MAP_POPULATE)
";
        assert_eq!(super::tally(&tally).join("\n"), expected);
    }

    #[test]
    fn processes_have_a_table() {
        let mut tally = example(counting(Target::Processes(vec![7, 8]), &[7, 8]));
        tally.end = End::Signal;
        tally.faults.entries = 12_440;
        let target = |id, comm: &str, minor, major| TargetFaults {
            id,
            comm: comm.to_owned(),
            faults: Faults { minor, major, entries: 0 },
        };
        tally.targets = vec![target(7, "one", 12_000, 100), target(8, "two", 345, 0)];
        let lines = super::tally(&tally);
        let expected = "
              5  fewer entries: faults under way when counting began

       pid           minor           major     per second  process
         7          12,000             100        4,840.0  one
         8             345               0          138.0  two
";
        assert_eq!(format!("\n{}", lines[5..].join("\n")), expected);
    }

    #[test]
    fn the_machine_is_accounted_for_to_the_last_fault() {
        let row = |pid: u32, minor| ProcessFaults {
            pid,
            comm: format!("p{pid}"),
            minor,
            major: u64::from(pid == 1),
            gone: pid == 2,
        };
        let mut rows = vec![row(1, 9000), row(2, 3000)];
        rows.extend((3..=22).map(|pid| row(pid, 10)));
        let processes = Processes { rows, folded: 5, folded_minor: 50, folded_major: 0 };
        let counted = Faults { minor: 12_345, major: 0, entries: 12_345 };
        let lines = process_table(&processes, counted, Duration::from_secs(1));
        assert_eq!(lines.len(), 1 + PROCESSES + 1 + 2 + 2);
        assert_eq!(
            lines[1..3],
            [
                "         1           9,000               1        9,001.0  p1",
                "         2           3,000               0        3,000.0  p2 (ended)",
            ]
        );
        assert_eq!(
            lines[21..24],
            [
                "                        70               0           70.0  7 more processes",
                "                        95               0           95.0  processes that came or went between looks at /proc",
                "                         0              -1                 counted in /proc but not by perf (mlock, MAP_POPULATE)",
            ]
        );
    }

    #[test]
    fn whom_and_what_is_said_first() {
        let mut machine = counting(Target::System, &[]);
        machine.cpus = 2;
        let said = started(&machine);
        assert_eq!(said, ["counting the whole machine (2 CPUs), pfrecord itself left out"]);
        let mut storm = counting(Target::Processes(vec![7]), &[7]);
        (storm.kernel_mode, storm.kernel_mode_allowed, storm.unsure_threads) = (false, false, 2);
        let said = started(&storm);
        assert_eq!(said.len(), 3);
        assert_eq!(said[0], "counting process 7 (3 threads)");
        assert_eq!(said[1], "not privileged: faults in kernel mode are not counted");
        assert!(said[2].contains("2 that came last may not be counted"), "{said:?}");
        storm.kernel_mode_allowed = true;
        assert_eq!(started(&storm)[1], "as asked: faults in kernel mode are not counted");
    }

    #[test]
    fn intervals_are_lines_under_their_header() {
        let one = Interval {
            end: Duration::from_millis(1500),
            length: Duration::from_millis(500),
            faults: Faults { minor: 1_234_567, major: 3, entries: 0 },
        };
        let text = [String::new(), interval_header(), interval(&one)].join("\n");
        let expected = "
      time s           minor        minor/s           major        major/s
       1.500       1,234,567    2,469,134.0               3            6.0";
        assert_eq!(text, expected);
        assert_eq!(rate(5, Duration::ZERO), "-");
    }
}
