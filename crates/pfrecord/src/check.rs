//! `pfrecord --check`: what can be recorded here, and how to get more.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use pfcapture::check::{Answer, Capability, Machine, Tracefs, Trial, Trials, Verdict, Wish, judge};
use pft::text::printable_path;

use crate::summary::{bytes, thousands};

/// Finds it out and prints it; whether at least own processes can be recorded.
///
/// # Errors
/// When it cannot be printed.
pub fn run(out: &mut impl Write) -> io::Result<bool> {
    let root = Path::new("/");
    let machine = Machine::read(root);
    writeln!(out, "This kernel and user:")?;
    print_facts(out, &facts(&machine))?;
    // A strict seccomp filter kills whoever tries: by then the facts above are to be read.
    out.flush()?;
    let trials = Trials::run(&machine, root);
    print_facts(out, &found(&machine, &trials))?;
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("pfrecord"));
    let answers = judge(&machine, &trials, &program);
    writeln!(out, "\nWhat can be recorded:")?;
    for answer in &answers {
        print_answer(out, answer)?;
    }
    let commands: Vec<&String> = answers.iter().flat_map(|answer| &answer.enable).collect();
    if !commands.is_empty() {
        writeln!(
            out,
            "\nBelow an answer: what enables it, all lines together; \"or:\" is instead of the line \
             above."
        )?;
    }
    if commands.iter().any(|command| command.contains("setcap ")) {
        writeln!(
            out,
            "setcap gives it to everybody who may run the file: on a copy for a group, as SECURITY.md has it."
        )?;
    }
    if machine.uid != Some(0) && commands.iter().any(|command| command.contains("sudo setcap ")) {
        writeln!(out, "Instead of setcap, pfrecord can be run as root.")?;
    }
    out.flush()?;
    Ok(answers.iter().any(|a| a.wish == Wish::OwnProcesses && a.verdict == Verdict::Yes))
}

fn print_facts(out: &mut impl Write, facts: &[(&str, String)]) -> io::Result<()> {
    for (name, value) in facts {
        writeln!(out, "  {name:<28}{value}")?;
    }
    Ok(())
}

fn print_answer(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let verdict = match answer.verdict {
        Verdict::Yes => "yes",
        Verdict::Partly => "partly",
        Verdict::No => "no",
        Verdict::Unknown => "unknown",
    };
    writeln!(out, "  {verdict:<8}{}: {}", answer.wish.name(), answer.why)?;
    for command in &answer.enable {
        writeln!(out, "            {command}")?;
    }
    Ok(())
}

fn or_unknown(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| value.to_string())
}

fn limit(value: Option<u64>, show: impl Fn(u64) -> String) -> String {
    match value {
        Some(u64::MAX) => "unlimited".to_owned(),
        value => or_unknown(value.map(show)),
    }
}

/// What the system tells.
fn facts(machine: &Machine) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("kernel", or_unknown(machine.kernel_release.as_ref())),
        ("user", or_unknown(machine.uid)),
        ("capabilities", capabilities(machine)),
        ("kernel.perf_event_paranoid", or_unknown(machine.paranoid)),
        (
            "kernel.perf_event_mlock_kb",
            or_unknown(machine.mlock_kib.map(|kib| format!("{kib} for each CPU"))),
        ),
        ("locked memory (ulimit -l)", limit(machine.memlock_bytes, bytes)),
        ("descriptors (ulimit -Hn)", limit(machine.descriptors, thousands)),
        (
            "seccomp",
            match machine.seccomp {
                Some(0) => "none".to_owned(),
                Some(1) => "strict".to_owned(),
                Some(_) => "a filter is in force".to_owned(),
                None => "unknown".to_owned(),
            },
        ),
        ("namespaces", namespaces(machine)),
        ("lockdown", machine.lockdown.clone().unwrap_or_else(|| "none, or not visible".to_owned())),
        (
            "tracefs",
            match &machine.tracefs {
                Tracefs::Mounted(path) => format!("mounted at {}", printable_path(path)),
                Tracefs::NotMounted => "not mounted".to_owned(),
                Tracefs::Unsupported => "this kernel has none".to_owned(),
                Tracefs::Unknown => "unknown".to_owned(),
            },
        ),
        (
            "/proc",
            match (&machine.hidepid, machine.proc_mounted) {
                (_, false) => "not mounted".to_owned(),
                (Some(value), _) => format!("hides processes of others (hidepid={value})"),
                (None, _) => "mounted, hides nothing".to_owned(),
            },
        ),
        (
            "cgroup for perf",
            machine.cgroup.as_ref().map_or_else(
                || "none found".to_owned(),
                |cgroup| format!("v{} at {}", cgroup.version, printable_path(&cgroup.path)),
            ),
        ),
    ];
    if let Some((sign, _)) = &machine.container {
        let doubt = if machine.is_confined() { "" } else { ", but nothing else looks like one" };
        facts.push(("container", format!("{sign}{doubt}")));
    }
    if machine.no_new_privs == Some(true) {
        facts.push(("no_new_privs", "set: sudo and setcap have no effect here".to_owned()));
    }
    if machine.selinux_enforcing == Some(true) {
        facts.push(("SELinux", "enforcing".to_owned()));
    }
    if let Some(scope) = machine.ptrace_scope {
        facts.push(("kernel.yama.ptrace_scope", format!("{scope} (does not matter to perf)")));
    }
    facts
}

fn capabilities(machine: &Machine) -> String {
    let Some(effective) = machine.effective else { return "unknown".to_owned() };
    let known = Capability::ALL.into_iter();
    let names: Vec<&str> = known
        .filter(|&capability| effective & 1 << capability as u32 != 0)
        .map(Capability::name)
        .collect();
    let names = match (names.is_empty(), effective) {
        (true, 0) => "none".to_owned(),
        (true, _) => "none that matters".to_owned(),
        _ => names.join(" "),
    };
    match machine.own_user_namespace {
        Some(false) => format!("{names}, of this user namespace only: perf ignores them"),
        _ => names,
    }
}

fn namespaces(machine: &Machine) -> String {
    let say = |name, own| match own {
        Some(true) => format!("{name}: the machine's"),
        Some(false) => format!("{name}: another"),
        None => format!("{name}: unknown"),
    };
    let (pid, user) = (machine.own_pid_namespace, machine.own_user_namespace);
    format!("{}, {}", say("pid", pid), say("user", user))
}

/// What the trials tell beyond the answers.
fn found(machine: &Machine, trials: &Trials) -> Vec<(&'static str, String)> {
    let threads = match (trials.threads(machine), trials.events_per_thread, trials.cpus) {
        (Some(threads), Some(events), Some(cpus)) => {
            format!("{} ({events} events on each of {cpus} CPUs)", limit(Some(threads), thousands))
        }
        _ => "unknown".to_owned(),
    };
    let mut found = vec![
        ("threads, by descriptors", threads),
        ("inherit_thread (5.13)", trials.inherit_thread.to_string()),
        ("PROCMAP_QUERY (6.11)", trials.procmap_query.to_string()),
    ];
    found.extend(tracepoints(trials));
    found
}

/// The tracepoints, those of one fate on one line.
fn tracepoints(trials: &Trials) -> Vec<(&'static str, String)> {
    let mut fates: Vec<(String, Vec<&str>)> = Vec::new();
    for tracepoint in &trials.tracepoints {
        let fate = match (tracepoint.readable, tracepoint.opens) {
            (Trial::Works, Trial::Works) => "readable, open".to_owned(),
            (Trial::Works, opens) => format!("readable; open: {opens}"),
            (readable, _) => format!("readable: {readable}"),
        };
        match fates.iter_mut().find(|(known, _)| *known == fate) {
            Some((_, names)) => names.push(tracepoint.name),
            None => fates.push((fate, vec![tracepoint.name])),
        }
    }
    let everything = fates.len() == 1;
    let line = |(fate, names): (String, Vec<&str>)| {
        let which = if everything { format!("all {}", names.len()) } else { names.join(" ") };
        ("tracepoints", format!("{fate}: {which}"))
    };
    fates.into_iter().map(line).collect()
}
