//! What was recorded, when, where.

use super::screen::Screen;
use crate::load::Loaded;
use crate::text::{printable, shorten};
use crate::units::{bytes, counted, duration, utc};
use pft::keys::fact as key;

/// Longest value of a fact that is shown whole.
const FACT_CHARACTERS: usize = 120;

/// Facts as kept in the file, fit to print.
fn fact(loaded: &Loaded, key: &str) -> Option<String> {
    loaded
        .fact(key)
        .filter(|value| !value.is_empty())
        .map(|value| shorten(&printable(value.as_bytes()), FACT_CHARACTERS))
}

pub fn write(screen: &mut Screen, loaded: &Loaded) {
    screen.heading(&format!("{}: page faults of {}", loaded.name, target(loaded)));
    for damage in loaded.damage.iter().take(5) {
        screen.labelled("DAMAGED", &printable(damage.as_bytes()));
    }
    if loaded.damage.len() > 5 {
        let more = counted(loaded.damage.len() as u64 - 5, "more place");
        screen.labelled("", &format!("and {more}"));
    }
    for note in &loaded.notes {
        screen.labelled("note", &printable(note.as_bytes()));
    }
    if !loaded.analysis.exactness.complete {
        screen.labelled(
            "INCOMPLETE",
            "the recording did not end in order; the report covers what reached the file",
        );
    }
    screen.labelled("recorded", &when_and_where(loaded));
    if let Some(status) = fact(loaded, key::TARGET_EXIT_STATUS) {
        screen.labelled("exit", &exit(&status));
    }
}

fn target(loaded: &Loaded) -> String {
    let command = fact(loaded, key::TARGET_COMMAND);
    let pids = fact(loaded, key::TARGET_PIDS);
    match (command, pids) {
        (Some(command), Some(pids)) => format!("{command} (pid {pids})"),
        (Some(command), None) => command,
        (None, Some(pids)) => format!("pid {pids}"),
        (None, None) => "an unnamed target".to_owned(),
    }
}

fn exit(status: &str) -> String {
    match status.parse::<u32>() {
        Ok(code @ 129..=192) => format!("status {code}: killed by signal {}", code - 128),
        _ => format!("status {status}"),
    }
}

fn when_and_where(loaded: &Loaded) -> String {
    let mut text = format!(
        "{} for {}",
        utc(loaded.header.start_realtime_ns),
        duration(loaded.analysis.duration_ns)
    );
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
