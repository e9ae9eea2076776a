//! Who was killed because memory ran out.

use pft::record::OomRecord;

use super::screen::Screen;
use crate::load::Loaded;
use crate::print::text::{printable, shorten};
use crate::print::units::{bytes, counted, moment};

/// Victims that are listed one by one.
const LISTED: usize = 5;

/// One line per victim, the first ones.
pub fn write(screen: &mut Screen, loaded: &Loaded) {
    for victim in loaded.oom.iter().take(LISTED) {
        screen.labelled("OOM", &line(loaded, victim));
    }
    if let Some(more) = loaded.oom.len().checked_sub(LISTED).filter(|&more| more > 0) {
        screen.labelled("", &format!("and {}", counted(more as u64, "more victim")));
    }
    let missing = loaded.missing_victims();
    if missing > 0 {
        let victims = counted(missing, "victim");
        screen
            .labelled("OOM", &format!("{victims} of the OOM killer recorded, but not in the file"));
    }
}

/// What is known of a victim, as a line.
#[must_use]
pub fn line(loaded: &Loaded, victim: &OomRecord) -> String {
    let time = moment(victim.time_ns.saturating_sub(loaded.header.start_ns));
    let who = match name(loaded, victim) {
        Some(name) => format!("{name} (pid {})", victim.pid),
        None => format!("pid {}", victim.pid),
    };
    let memory = [
        ("anonymous", victim.anon_rss_kib),
        ("files", victim.file_rss_kib),
        ("shared", victim.shmem_rss_kib),
        ("page tables", victim.pgtables_kib),
    ];
    let memory = memory
        .into_iter()
        .filter_map(|(what, kib)| Some(format!("{what} {}", bytes(kib?.saturating_mul(1_024)))));
    let mut parts: Vec<String> = memory.collect();
    parts.extend(victim.oom_score_adj.map(|score| format!("oom_score_adj {score}")));
    if victim.by_pid != victim.pid && victim.by_pid != 0 {
        parts.push(format!("when pid {} needed memory", victim.by_pid));
    }
    let parts: String = parts.iter().map(|part| format!(", {part}")).collect();
    format!("killed by the OOM killer at {time}: {who}{parts}")
}

/// The victim's name as recorded, or that of the last process with its pid.
pub fn name(loaded: &Loaded, victim: &OomRecord) -> Option<String> {
    let analysis = &loaded.analysis;
    let known = || {
        let process = analysis.processes.iter().rev().find(|process| process.pid == victim.pid)?;
        analysis.comms.get(process.comm as usize)
    };
    let name = if victim.comm.is_empty() { known()? } else { &victim.comm };
    Some(shorten(&printable(name), 40)).filter(|name| !name.is_empty())
}
