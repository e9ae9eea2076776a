//! Advice in words.

use super::{Advice, Culprit};
use crate::layout::Layout;
use crate::load::Loaded;
use crate::text::shorten_path;

use super::{Evidence, advice};
use crate::summary::screen::Screen;

/// Longest name of a place in a sentence.
const PLACE_WIDTH: usize = 60;

/// Said where records are missing.
pub const LOWER_BOUNDS: &str =
    "Not every fault is in the table, so these numbers are lower bounds.";

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
        format!(", {most} in {} ({share})", shorten_path(name, PLACE_WIDTH))
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
        page.paragraph(NOTHING);
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
    page.into_text()
}

/// Said where no rule speaks.
pub const NOTHING: &str = "No advice: nothing that the rules know costs at least 5 ms and 1 % of the life of its \
                           processes. The costliest groups of faults: --by region,cause.";
