//! Commands worth running next.

use pfmodel::names::Class;

use super::screen::Screen;
use crate::load::Loaded;
use crate::text::printable_path;

pub fn write(screen: &mut Screen, loaded: &Loaded) {
    let commands = commands(loaded);
    if commands.is_empty() {
        return;
    }
    screen.heading("Next");
    if loaded.is_stdin() {
        screen.paragraph("keep the trace in a file to ask more of it: pfreport run.pft --help");
        return;
    }
    let width = commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    for (command, why) in commands {
        // A command is never shortened; a long path leaves no room for its purpose.
        if width + why.len() + 4 > screen.width() {
            screen.verbatim(&format!("  {command}\n"));
        } else {
            screen.verbatim(&format!("  {command:<width$}  {why}\n"));
        }
    }
}

fn commands(loaded: &Loaded) -> Vec<(String, &'static str)> {
    let trace = quoted(&printable_path(&loaded.path));
    let command = |options: &str| format!("pfreport {trace} {options}");
    if loaded.analysis.faults.is_empty() {
        return Vec::new();
    }
    let mut commands = Vec::new();
    if loaded.class_count(Class::Major) > 0 {
        commands.push((command("--by class,path"), "which files major faults read"));
    } else {
        commands.push((command("--by region,cause"), "why each region faults"));
    }
    if loaded.class_count(Class::Failed) > 0 {
        commands.push((command("--by failure,region,addr"), "where failed accesses happen"));
    }
    if !loaded.marks.is_empty() {
        commands.push((command("--by phase,cause"), "what each phase faults for"));
    }
    if loaded.analysis.processes.len() > 1 {
        commands.push((command("--by pid,comm,cause"), "who faults for what"));
    }
    commands.push((command("--png"), "latency, timeline, regions, heatmap as pictures"));
    commands.push((command("--csv=faults.csv"), "every fault, for other tools"));
    commands
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
