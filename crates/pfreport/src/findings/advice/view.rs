//! Advice in words.

use std::collections::BTreeMap;

use pfmodel::names::{Cause, Class};

use super::{Advice, Culprit};
use crate::load::Loaded;
use crate::print::layout::Layout;
use crate::print::text::{shorten, shorten_path};
use crate::rows::row_set::RowSet;

use super::{Evidence, advice};
use crate::outputs::summary::screen::Screen;

/// Longest name of a place in a sentence.
const PLACE_WIDTH: usize = 60;

/// Longest name of a function, with what it is part of.
const NAME_WIDTH: usize = 100;

/// Said where records are missing.
pub const LOWER_BOUNDS: &str =
    "Not every fault is in the table, so these numbers are lower bounds.";

/// Said where only some of the faults are looked at.
pub const SELECTED: &str = "Only the selected faults were looked at: what follows from faults that are not there may follow from the \
     selection.";

/// A paragraph about a finding: what, where, what it costs, the most telling evidence, what to try.
#[must_use]
pub fn brief(advice: &Advice) -> String {
    if advice.is_general {
        return format!("{}.", advice.evidence.first().map_or("", String::as_str));
    }
    let place = shorten_path(&advice.place, PLACE_WIDTH);
    let evidence = advice.evidence.first().map_or("", String::as_str);
    format!(
        "{}: {place}, {}{}. {}. Worth trying: {}.",
        advice.title,
        advice.cost_text,
        culprit(advice.culprit.as_ref()),
        sentence(evidence),
        advice.worth_trying
    )
}

fn culprit(culprit: Option<&Culprit>) -> String {
    culprit.map_or_else(String::new, |Culprit { name, share, most }| {
        let most = if *most { "most of it" } else { "the most" };
        format!(", {most} in {} ({share})", shorten(name, NAME_WIDTH))
    })
}

/// With a capital at its start.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// Everything that the rules have to say, with all evidence.
#[must_use]
pub fn render(loaded: &Loaded, layout: Layout) -> String {
    let evidence = Evidence::of(loaded);
    let advice = advice(&evidence);
    let mut page = Screen::new(layout);
    if advice.is_empty() {
        page.paragraph(&nothing(&evidence));
    }
    for (number, advice) in advice.iter().enumerate() {
        page.heading(&format!("{}. {}", number + 1, advice.title));
        page.labelled("where", &advice.place);
        if let Some(culprit) = &advice.culprit {
            page.labelled("function", &format!("{} ({} of it)", culprit.name, culprit.share));
        }
        page.labelled("cost", &advice.cost_text);
        for (i, evidence) in advice.evidence.iter().enumerate() {
            page.labelled(if i == 0 { "evidence" } else { "" }, evidence);
        }
        page.labelled("try", &advice.worth_trying);
        page.labelled("not known", advice.unknown);
    }
    if evidence.are_lower_bounds() {
        page.heading(LOWER_BOUNDS);
    }
    if loaded.selection.is_some() {
        page.heading(SELECTED);
    }
    page.into_text()
}

/// Said where no rule speaks: that nothing costs much, that what does is in no rule, or that costs are not
/// known.
#[must_use]
pub fn nothing(evidence: &Evidence<'_>) -> String {
    let faults = &evidence.analysis().faults;
    let mut causes: BTreeMap<(Class, Cause), RowSet> = BTreeMap::new();
    let completed = (0..faults.len()).filter(|&row| faults.class[row] != Class::Failed);
    for row in completed {
        causes.entry((faults.class[row], faults.cause[row])).or_default().push(row..row + 1);
    }
    let costs = causes.iter().map(|(cause, rows)| (cause, evidence.cost(rows)));
    let costliest = costs
        .filter(|(_, cost)| cost.is_worth())
        .max_by_key(|(_, cost)| (cost.stall_ns, cost.faults));
    let Some((&(class, cause), cost)) = costliest else {
        return match evidence.stall_ns {
            Some(_) => "No advice: no cause of faults costs at least 5 ms and 1 % of the life of its \
                        processes. The costliest groups of faults: --by region,cause."
                .to_owned(),
            None if faults.is_empty() => "No advice: there are no faults.".to_owned(),
            None => "No advice: no cause has 10,000 faults or 100 that read from a disk; what they cost is not \
                     known, for want of latencies. The largest groups of faults: --by region,cause."
                .to_owned(),
        };
    };
    let name = format!("{} {}", class.as_str(), cause.as_str());
    let text = evidence.cost_text(&cost, ("fault", "faults"));
    format!(
        "No advice: no rule explains the faults, though {name} may be worth a look: {text}. Where they are: \
         --by region,cause."
    )
}
