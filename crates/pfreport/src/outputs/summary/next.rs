//! Commands worth running next.

use pfmodel::names::Class;

use super::counts::Counts;
use super::screen::Screen;
use crate::load::Loaded;
use crate::print::text::shell_word;

pub fn write(screen: &mut Screen, loaded: &Loaded, counts: &Counts) {
    let commands = commands(loaded, counts);
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
        // A command is never shortened; a long one takes the room of the columns, or of its purpose.
        let (length, room) = (command.chars().count(), why.chars().count() + 4);
        let line = match screen.width() {
            columns if width + room <= columns => format!("  {command:<width$}  {why}\n"),
            columns if length + room <= columns => format!("  {command}  {why}\n"),
            _ => format!("  {command}\n"),
        };
        screen.verbatim(&line);
    }
}

/// The option that makes a page for browsers.
pub const PAGE: &str = "--html";

/// Names of several traces that are repeated in each command; longer ones are not.
const LISTED_CHARACTERS: usize = 60;

/// Commands, and what each is for.
pub fn commands(loaded: &Loaded, counts: &Counts) -> Vec<(String, &'static str)> {
    let paths = loaded.members.iter().map(|member| shell_word(&member.path));
    let paths: Vec<String> = paths.collect();
    let listed = paths.join(" ");
    let all = paths.len() > 1 && listed.len() > LISTED_CHARACTERS;
    let trace = if all { "TRACES".to_owned() } else { listed };
    let command = |options: &str| format!("pfreport {trace} {options}");
    if counts.faults == 0 {
        return Vec::new();
    }
    let mut commands = Vec::new();
    if loaded.are_several() {
        commands.push((command("--by trace,class,cause"), "what each trace faults for"));
    }
    if counts.class(Class::Major) > 0 {
        commands.push((command("--by class,path"), "which files major faults read"));
    } else {
        commands.push((command("--by region,cause"), "why each region faults"));
    }
    if counts.class(Class::Failed) > 0 {
        // Failed accesses have no latency, so they come last in the usual order.
        let failures = command("--by failure,region,addr --sort failure");
        commands.push((failures, "where failed accesses happen"));
    }
    if !loaded.marks.is_empty() {
        commands.push((command("--by phase,cause"), "what each phase faults for"));
    }
    if loaded.analysis.processes.len() > 1 {
        commands.push((command("--by pid,comm,cause"), "who faults for what"));
    }
    if counts.named > 0 {
        commands.push((command("--by function,cause"), "which code faults, and why"));
    }
    if counts.chained > 0 {
        commands.push((command("--flamegraph"), "through which callers, for a browser"));
    }
    commands.push((command(PAGE), "all this as a page to zoom and sort"));
    commands.push((command("--png"), "latency, timeline, regions, heatmap"));
    commands.push((command("--csv=faults.csv"), "every fault, for other tools"));
    commands
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use pfmodel::names::{Cause, Class};
    use pfmodel::table::NONE;

    use super::Counts;
    use crate::cli::Arguments;
    use crate::files::destination::Destination;
    use crate::made_up::{self, HEAP, Row};
    use crate::outputs::by;
    use crate::rows::field::Field;
    use crate::rows::group::rows;

    fn commands(loaded: &crate::load::Loaded) -> Vec<(String, &'static str)> {
        super::commands(loaded, &Counts::of(loaded))
    }

    #[test]
    fn the_page_is_among_them_and_does_not_advertise_itself() {
        let mut loaded = made_up::empty();
        assert_eq!(commands(&loaded), []);
        made_up::push(&mut loaded.analysis, Row { mapping: HEAP, ..Row::default() });
        let named: Vec<String> =
            commands(&loaded).into_iter().map(|(command, _)| command).collect();
        assert!(named.contains(&"pfreport run.pft --html".to_owned()), "{named:?}");
        let mut page = Vec::new();
        crate::outputs::html::export(&loaded, Some(&Destination::Stdout), (10, false), &mut page)
            .unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("pfreport run.pft --png") && !page.contains("run.pft --html"));
    }

    #[test]
    fn failed_accesses_are_the_first_rows_of_their_command() {
        let mut loaded = made_up::empty();
        for i in 0..50_u64 {
            let row = Row { addr: 0x100_0000 + i * 4_096, mapping: HEAP, ..Row::default() };
            made_up::push(&mut loaded.analysis, row);
        }
        let (class, cause) = (Class::Failed, Cause::Invalid);
        let row = Row { latency: None, class, cause, addr: 0x10, mapping: NONE, ..Row::default() };
        made_up::push(&mut loaded.analysis, row);

        let commands = commands(&loaded);
        let (command, _) = commands.iter().find(|(_, why)| why.contains("failed")).unwrap();
        let arguments = Arguments::try_parse_from(command.split(' ')).unwrap();
        let keys: Vec<Field> =
            arguments.query.by.iter().map(|name| Field::parse(name).unwrap()).collect();
        let groups = by::table(&loaded, &keys, arguments.query.sort.as_deref(), Some(1)).unwrap();
        assert_eq!(rows(&groups).unwrap()[0].key(0), "no mapping");
    }
}
