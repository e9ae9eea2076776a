//! The words of `--stat`.

use std::time::Duration;

use pfcapture::{Counting, End, Faults, Interval, Tally, Target};
use pft::text::{printable, printable_path};

use super::table::{header, process_table, rate, row};
use crate::summary::{plural, plural_only, thousands, why};

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
        Target::Cgroup(path) => format!("counting control group {} ({cpus})", printable_path(path)),
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
    if tally.in_delay {
        let line = "it ended before the delay was over: no fault was to be counted yet";
        lines.extend([line.to_owned(), String::new()]);
    }
    if let Some(command) = &tally.command {
        let time = |time: Duration, mode: &str| {
            format!("{:>15.3}  seconds of CPU time in {mode} mode", time.as_secs_f64())
        };
        lines.extend([time(command.user, "user"), time(command.system, "kernel")]);
        lines.extend(uncounted_time(tally));
        lines.push(String::new());
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
            row(
                &target.id.to_string(),
                (minor, major),
                *duration,
                &printable(target.comm.as_bytes()),
            )
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

/// What the CPU time of the command holds that its faults do not.
fn uncounted_time(tally: &Tally) -> Option<String> {
    let Counting { follow, delay, .. } = &tally.counting;
    let parts = [
        (!delay.is_zero(), "the delay"),
        (tally.end != End::TargetExited, "what came after counting"),
        (!follow, "the processes that the command created and waited for"),
    ];
    let parts: Vec<&str> = parts.iter().filter(|(is, _)| *is).map(|(_, part)| *part).collect();
    let (last, before) = parts.split_last()?;
    let and = if before.is_empty() { "" } else { ", and " };
    Some(format!("  (with {}{and}{last})", before.join(", ")))
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

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use pfcapture::{Finished, TargetFaults};

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
            follow: true,
            delay: Duration::ZERO,
        }
    }

    fn example(counting: Counting) -> Tally {
        Tally {
            counting,
            end: End::TargetExited,
            duration: Duration::from_millis(2500),
            in_delay: false,
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
    fn cpu_time_of_what_was_not_counted_is_told() {
        let mut tally = example(counting(Target::Command, &[7]));
        let lines = |tally: &Tally| {
            let lines = super::tally(tally);
            let with = lines.iter().filter(|line| line.starts_with("  (")).cloned();
            with.collect::<Vec<_>>()
        };
        tally.command = Some(Finished {
            status: ExitStatus::from_raw(0),
            user: Duration::ZERO,
            system: Duration::ZERO,
            rusage: None,
        });
        assert_eq!(lines(&tally), [""; 0]);
        tally.counting.follow = false;
        assert_eq!(
            lines(&tally),
            ["  (with the processes that the command created and waited for)"]
        );
        tally.counting.delay = Duration::from_millis(900);
        tally.end = End::Duration;
        assert_eq!(
            lines(&tally),
            ["  (with the delay, what came after counting, and the \
              processes that the command created and waited for)"]
        );
        tally.in_delay = true;
        let line = "it ended before the delay was over: no fault was to be counted yet";
        assert!(super::tally(&tally).iter().any(|said| said == line));
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
        tally.targets = vec![target(7, "one", 12_000, 100), target(8, "two\n\\  ", 345, 0)];
        let lines = super::tally(&tally);
        let expected = "
              5  fewer entries: faults under way when counting began

       pid           minor           major     per second  process
         7          12,000             100        4,840.0  one
         8             345               0          138.0  two\\x0a\\\\ \\x20
";
        assert_eq!(format!("\n{}", lines[5..].join("\n")), expected);
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
