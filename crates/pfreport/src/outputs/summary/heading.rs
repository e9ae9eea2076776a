//! What was recorded, when, where.

use super::screen::Screen;
use crate::figures::scope::Scope;
use crate::figures::target::{FACT_CHARACTERS, fact, target};
use crate::load::Loaded;
use crate::print::text::{harmless, printable, shorten};
use crate::print::units::{bytes, count, counted, duration, utc};
use pft::keys::fact as key;

/// Labels that are shown.
const LABELS_SHOWN: usize = 10;

/// Exit status of what SIGKILL ended.
const SIGKILLED: u32 = 128 + 9;
/// And SIGTERM.
const TERMINATED: u32 = 128 + 15;

/// `faults` are those that the report is about.
pub fn write(screen: &mut Screen, loaded: &Loaded, faults: u64) {
    screen.heading(&format!("{}: page faults of {}", loaded.name, target(loaded)));
    damage_and_notes(screen, loaded);
    if !loaded.analysis.exactness.complete {
        screen.labelled(
            "INCOMPLETE",
            "the recording did not end in order; the report covers what reached the file",
        );
    }
    screen.labelled("recorded", &when_and_where(loaded));
    if let Some(line) = window(loaded) {
        screen.labelled("window", &line);
    }
    selected(screen, loaded, faults);
    if let Some(line) = labels(loaded) {
        screen.labelled("labels", &line);
    }
    let ended = match loaded.fact(key::RECORDING_ENDED_BY) {
        Some("signal") => Some("by a signal to pfrecord"),
        Some("duration") => Some("after the duration that was asked for"),
        Some("size") => Some("at the size that was asked for"),
        Some("failure") => Some("when the trace could not be written any more"),
        _ => None,
    };
    if let Some(ended) = ended {
        screen.labelled("ended", ended);
    }
    if let Some(status) = fact(loaded, key::TARGET_EXIT_STATUS) {
        screen.labelled("exit", &exit(&status, Scope::of(loaded).oom, ended.is_some()));
    }
}

/// Which faults the report is about, if not all.
pub fn selected(screen: &mut Screen, loaded: &Loaded, faults: u64) {
    if let Some(selection) = &loaded.selection {
        let selected = count(faults);
        // Where not all of the trace was read, nobody counted the others.
        let all = match loaded.read.is_whole {
            true => format!("of {}", counted(loaded.analysis.exactness.faults, "fault")),
            false => "faults".to_owned(),
        };
        screen.labelled("selected", &format!("{selected} {all}: {}", selection.what));
    }
}

/// What is wrong with the file, and what was left out of it.
pub fn damage_and_notes(screen: &mut Screen, loaded: &Loaded) {
    for damage in loaded.damage.iter().take(5) {
        screen.labelled("DAMAGED", &harmless(damage));
    }
    if loaded.damage.len() > 5 {
        let more = counted(loaded.damage.len() as u64 - 5, "more place");
        screen.labelled("", &format!("and {more}"));
    }
    for note in &loaded.notes {
        screen.labelled("note", &harmless(note));
    }
}

/// `asked` tells whether pfrecord asked the command to end.
fn exit(status: &str, oom_recorded: Option<bool>, asked: bool) -> String {
    match status.parse::<u32>() {
        Ok(TERMINATED) if asked => format!("status {TERMINATED}: ended by pfrecord (SIGTERM)"),
        Ok(SIGKILLED) if oom_recorded == Some(false) => format!(
            "status {SIGKILLED}: killed by SIGKILL; whether by the OOM killer was not visible"
        ),
        Ok(SIGKILLED) => format!("status {SIGKILLED}: killed by SIGKILL"),
        Ok(code @ 129..=192) => format!("status {code}: killed by signal {}", code - 128),
        _ => format!("status {status}"),
    }
}

/// What a flight recorder kept, and why it wrote it.
fn window(loaded: &Loaded) -> Option<String> {
    let least_ns = Scope::of(loaded).window_ns?;
    let until = match loaded.fact(key::FLIGHT_WRITTEN_ON) {
        Some("signal") => "before a signal asked for them",
        Some("latency") => "before a fault took longer than the limit",
        Some("end") => "before the recording ended",
        _ => "of a recording",
    };
    let limit = match loaded.fact(key::FLIGHT_LIMITED_BY) {
        Some("memory") => ", but memory ran out",
        Some("start") => ", and this is all since the start",
        _ => "",
    };
    Some(format!(
        "the last {} {until}; {} were asked for{limit}",
        duration(loaded.analysis.duration_ns),
        duration(least_ns)
    ))
}

/// What the user wrote on the trace.
fn labels(loaded: &Loaded) -> Option<String> {
    let labels =
        || loaded.facts.iter().filter_map(|(k, v)| Some((k.strip_prefix(key::LABEL_PREFIX)?, v)));
    let mut shown: Vec<String> = labels()
        .take(LABELS_SHOWN)
        .map(|(name, value)| {
            let label = printable(format!("{name}={value}").as_bytes());
            shorten(&label, FACT_CHARACTERS)
        })
        .collect();
    let more = labels().count().saturating_sub(LABELS_SHOWN);
    if more > 0 {
        shown.push(format!("and {} more", count(more as u64)));
    }
    (!shown.is_empty()).then(|| shown.join(", "))
}

fn when_and_where(loaded: &Loaded) -> String {
    let when = match fact(loaded, key::REDACTED_LEVEL) {
        Some(level) => format!("at a time that was removed (redacted: {level})"),
        None => loaded.wall_start_ns().map_or_else(|| "at an unknown time".to_owned(), utc),
    };
    let mut text = format!("{when} for {}", loaded.recorded_length());
    if let Some(host) = fact(loaded, key::MACHINE_HOSTNAME) {
        text.push_str(&format!(" on {host}"));
    }
    let memory =
        fact(loaded, key::MACHINE_MEMORY_BYTES).and_then(|text| text.parse().ok()).map(bytes);
    let machine: Vec<String> = [
        fact(loaded, key::MACHINE_ARCH),
        fact(loaded, key::MACHINE_CPUS)
            .map(|n| if n == "1" { "1 CPU".into() } else { n + " CPUs" }),
        memory,
    ]
    .into_iter()
    .flatten()
    .collect();
    if !machine.is_empty() {
        text.push_str(&format!(" ({})", machine.join(", ")));
    }
    if let Some(release) = fact(loaded, key::KERNEL_RELEASE) {
        text.push_str(&format!(", Linux {release}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use pft::keys::fact as key;

    use super::{exit, labels, window};
    use crate::load::Loaded;
    use crate::made_up;

    fn loaded(facts: &[(&str, &str)]) -> Loaded {
        let mut loaded = made_up::empty();
        loaded.facts = facts.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        loaded
    }

    #[test]
    fn the_oom_killer_is_neither_blamed_nor_cleared_unseen() {
        let unseen = "status 137: killed by SIGKILL; whether by the OOM killer was not visible";
        assert_eq!(exit("137", Some(false), false), unseen);
        assert_eq!(exit("137", Some(true), false), "status 137: killed by SIGKILL");
        assert_eq!(exit("137", None, false), "status 137: killed by SIGKILL");
        assert_eq!(exit("139", Some(false), false), "status 139: killed by signal 11");
        assert_eq!(exit("1", Some(false), false), "status 1");
        assert_eq!(exit("143", None, false), "status 143: killed by signal 15");
        assert_eq!(exit("143", None, true), "status 143: ended by pfrecord (SIGTERM)");
    }

    #[test]
    fn labels_are_bounded() {
        assert_eq!(labels(&loaded(&[(key::KERNEL_RELEASE, "6.18")])), None);
        let mut many = loaded(&[]);
        for i in 0..12 {
            many.facts.insert(format!("label.n{i:02}"), i.to_string());
        }
        let text = labels(&many).unwrap();
        assert!(
            text.starts_with("n00=0, n01=1, ") && text.ends_with(", n09=9, and 2 more"),
            "{text}"
        );
    }

    #[test]
    fn a_window_says_what_ended_it() {
        let window = |facts: &[(&str, &str)]| window(&loaded(facts));
        let nine = (key::FLIGHT_WINDOW_NS, "9000000000");
        let kept = "9 s were asked for";
        let on = |why| Some(format!("the last 10 s {why}; {kept}"));
        assert_eq!(window(&[]), None);
        assert_eq!(window(&[nine]), on("of a recording"));
        let latency = (key::FLIGHT_WRITTEN_ON, "latency");
        assert_eq!(window(&[nine, latency]), on("before a fault took longer than the limit"));
        let memory = window(&[nine, (key::FLIGHT_LIMITED_BY, "memory")]).unwrap();
        assert!(memory.ends_with("9 s were asked for, but memory ran out"), "{memory}");
    }
}
