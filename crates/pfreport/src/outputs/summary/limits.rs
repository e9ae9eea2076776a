//! What the recording could not show, or was asked to leave out.

use pfmodel::names::Class;
use pft::keys::{fact, ledger};

use super::screen::Screen;
use crate::figures::scope::{Kind, Scope};
use crate::load::Loaded;
use crate::print::units::{counted_as, duration};

pub fn write(screen: &mut Screen, loaded: &Loaded) {
    for line in lines(loaded) {
        screen.labelled("limits", &line);
    }
}

/// One sentence each, without a full stop.
pub fn lines(loaded: &Loaded) -> Vec<String> {
    let scope = Scope::of(loaded);
    let lines = [
        majors(loaded, &scope),
        completions(loaded, &scope),
        latencies(&scope),
        followed(&scope),
        delay(&scope),
        kernel_mode(loaded, &scope).map(str::to_owned),
        error_codes(loaded, &scope).map(str::to_owned),
        signals(loaded, &scope).map(str::to_owned),
        page_sizes(loaded).map(str::to_owned),
        loss_counts(loaded).map(str::to_owned),
    ];
    let whose = if scope.several { "in at least one of the traces " } else { "" };
    lines.into_iter().flatten().map(|line| format!("{whose}{line}")).collect()
}

fn majors(loaded: &Loaded, scope: &Scope) -> Option<String> {
    // Without entries that count is 0, and was not measured.
    let others = loaded.counted(ledger::CAPTURED_NOT_MAJOR).filter(|_| scope.latency);
    let others = others.map_or_else(String::new, |n| {
        let entries = counted_as(n, "more entry", "more entries");
        format!("; {entries} came to no major fault: minor faults, or accesses that failed")
    });
    scope.major_only.then(|| {
        format!("only major faults were recorded; minor and copy-on-write faults were not{others}")
    })
}

/// Completions that were not recorded, other than on request.
fn completions(loaded: &Loaded, scope: &Scope) -> Option<String> {
    let entries = loaded.fact(fact::CAPTURE_ENTRY_EVENT) != Some("none");
    let which = match (scope.completions.minor, scope.completions.major) {
        (true, true) => return None,
        (false, false) => {
            return Some(
                "only entries of faults were recorded: neither what came of them is known (class \
                 unknown) nor latencies"
                    .to_owned(),
            );
        }
        (true, false) => "major",
        (false, true) => "minor",
    };
    match entries {
        true => Some(format!(
            "completions of {which} faults were not recorded: the class of faults without a \
             completion is unknown"
        )),
        // Of majors alone, another line tells.
        false => scope.completions.minor.then(|| format!("{which} faults were not recorded")),
    }
}

fn latencies(scope: &Scope) -> Option<String> {
    let has_completions = scope.completions.minor || scope.completions.major;
    (!scope.latency && has_completions).then(|| {
        "latencies were not recorded, nor accesses that failed or did not complete; times are those \
         of the completion"
            .to_owned()
    })
}

fn followed(scope: &Scope) -> Option<String> {
    let whose = match scope.kind {
        _ if scope.follow => return None,
        Kind::Threads => "threads and processes that these threads created",
        _ => "processes that the target created",
    };
    Some(format!("{whose} were not recorded"))
}

fn delay(scope: &Scope) -> Option<String> {
    // A window may begin later than the recording.
    let whose = if scope.window_ns.is_some() { " of the recording" } else { "" };
    let first = duration(scope.delay_ns);
    (scope.delay_ns > 0).then(|| format!("faults of the first {first}{whose} were not recorded"))
}

fn kernel_mode(loaded: &Loaded, scope: &Scope) -> Option<&'static str> {
    match loaded.fact(fact::CAPTURE_KERNEL_MODE) {
        _ if loaded.analysis.exactness.kernel_mode => None,
        _ if scope.user_only => {
            Some("faults in kernel mode (inside system calls) were left out on request")
        }
        None => Some(
            "no faults in kernel mode (inside system calls): the facts that would tell whether they \
             were recorded are missing from the file",
        ),
        Some(_) if scope.imported => {
            Some("faults in kernel mode (inside system calls) were not recorded")
        }
        Some(_) => Some(
            "faults in kernel mode (inside system calls) were not recorded: needs CAP_PERFMON or root",
        ),
    }
}

fn error_codes(loaded: &Loaded, scope: &Scope) -> Option<&'static str> {
    match loaded.analysis.exactness.error_code {
        true => None,
        false if scope.major_only => Some("no error codes: writes are not told from reads"),
        false => Some(
            "no error codes: writes are not told from reads, copy-on-write not from other minor faults",
        ),
    }
}

fn signals(loaded: &Loaded, scope: &Scope) -> Option<&'static str> {
    let exactness = &loaded.analysis.exactness;
    let doubtful = exactness.unresolved + exactness.in_flight + loaded.class_total(Class::Failed);
    let unknown = loaded.fact(fact::CAPTURE_SIGNALS) == Some("no") && scope.latency;
    (unknown && doubtful > 0).then_some(
        "signals of failed accesses were not recorded: an access failed where the mappings prove it, and is \
         unresolved or in flight elsewhere",
    )
}

fn page_sizes(loaded: &Loaded) -> Option<&'static str> {
    (loaded.fact(fact::CAPTURE_PAGE_SIZES) == Some("no")).then_some(
        "no page sizes: how much memory a fault installed, and whether as a huge page, is unknown \
         (before Linux 5.11)",
    )
}

fn loss_counts(loaded: &Loaded) -> Option<&'static str> {
    (loaded.fact(fact::CAPTURE_LOSS_COUNTS) == Some("no")).then_some(
        "no counts of losses: what was captured is held against the kernel's count of faults alone \
         (before Linux 6.0)",
    )
}

#[cfg(test)]
mod tests {
    use pft::keys::{fact, ledger};

    use super::lines;
    use crate::made_up;

    fn lines_with(facts: &[(&str, &str)], kernel_mode: bool, error_code: bool) -> Vec<String> {
        let mut loaded = made_up::empty();
        loaded.facts = facts.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        loaded.ledger.insert(ledger::CAPTURED_NOT_MAJOR.to_owned(), 31);
        loaded.analysis.exactness.kernel_mode = kernel_mode;
        loaded.analysis.exactness.error_code = error_code;
        lines(&loaded)
    }

    #[test]
    fn nothing_is_left_out_by_default() {
        assert_eq!(lines_with(&[(fact::TARGET_COMMAND, "true")], true, true), [""; 0]);
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_said() {
        let untold = [
            (fact::CAPTURE_PAGE_SIZES, "no"),
            (fact::CAPTURE_LOSS_COUNTS, "no"),
            (fact::CAPTURE_SIGNALS, "no"),
        ];
        let words = |lines: Vec<String>| -> Vec<String> {
            lines
                .iter()
                .map(|line| line.split([':', ' ']).take(3).collect::<Vec<_>>().join(" "))
                .collect()
        };
        // Without an access that may have failed, no signal is missed.
        let of_sizes_and_losses = ["no page sizes", "no counts of"];
        assert_eq!(words(lines_with(&untold, true, true)), of_sizes_and_losses);
        assert_eq!(lines_with(&untold.map(|(key, _)| (key, "yes")), true, true), [""; 0]);
        let mut loaded = made_up::empty();
        loaded.facts = untold[2..].iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        loaded.analysis.exactness.kernel_mode = true;
        loaded.analysis.exactness.error_code = true;
        loaded.analysis.exactness.unresolved = 1;
        assert_eq!(words(lines(&loaded)), ["signals of failed"]);
    }

    #[test]
    fn what_was_left_out_on_request_is_no_missing_privilege() {
        let facts = [
            (fact::CAPTURE_MAJOR_ONLY, "yes"),
            (fact::CAPTURE_LATENCY, "no"),
            (fact::TARGET_FOLLOW, "no"),
            (fact::CAPTURE_DELAY_NS, "500000000"),
            (fact::CAPTURE_USER_ONLY, "yes"),
            (fact::CAPTURE_KERNEL_MODE, "no"),
        ];
        let expected = [
            "only major faults were recorded; minor and copy-on-write faults were not",
            "latencies were not recorded, nor accesses that failed or did not complete; times are those \
             of the completion",
            "processes that the target created were not recorded",
            "faults of the first 500 ms were not recorded",
            "faults in kernel mode (inside system calls) were left out on request",
            "no error codes: writes are not told from reads",
        ];
        assert_eq!(lines_with(&facts, false, false), expected);
        let majors = "only major faults were recorded; minor and copy-on-write faults were not; 31 more \
                      entries came to no major fault: minor faults, or accesses that failed";
        assert_eq!(lines_with(&[(fact::CAPTURE_MAJOR_ONLY, "yes")], true, true), [majors]);
        let threads = [(fact::TARGET_KIND, "threads")];
        let created = "threads and processes that these threads created were not recorded";
        assert_eq!(lines_with(&threads, true, true), [created]);
    }
}
