//! Parts of the summary as HTML.

use maud::{Markup, html};

use super::table::table;
use crate::outputs::summary::screen::Part;

/// Labels of what nobody must overlook.
const LOUD: [&str; 4] = ["DAMAGED", "INCOMPLETE", "LOST", "OOM"];

/// Labelled lines as a list, each label once.
pub fn labelled(parts: &[Part]) -> Markup {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for part in parts {
        let Part::Labelled(label, text) = part else { continue };
        match groups.last_mut() {
            Some((last, texts)) if label.is_empty() || last == label => texts.push(text),
            _ => groups.push((label, vec![text])),
        }
    }
    html! {
        @if !groups.is_empty() {
            dl {
                @for (label, texts) in groups {
                    @let class = LOUD.contains(&label).then_some("loud");
                    dt class=[class] { (label) }
                    dd class=[class] {
                        @for text in texts {
                            p { (text) }
                        }
                    }
                }
            }
        }
    }
}

/// A section under its heading, with what follows as it comes; nothing without parts.
pub fn section(id: &str, parts: &[Part]) -> Markup {
    html! {
        @if !parts.is_empty() {
            section id=(id) {
                @for part in parts {
                    @match part {
                        Part::Heading(heading) => h2 { (heading) },
                        Part::Table { header, names, rows } => (table(header, *names, rows)),
                        Part::Paragraph(text) | Part::Labelled(_, text) => p.note { (text) },
                        Part::Verbatim(lines) => pre { (lines) },
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::labelled;
    use crate::outputs::summary::screen::Part;

    #[test]
    fn what_is_missing_is_loud() {
        let line = |label: &str, text: &str| Part::Labelled(label.to_owned(), text.to_owned());
        let parts = [line("LOST", "9 faults"), line("LOST", "a ring"), line("", "and more")];
        assert_eq!(
            labelled(&parts).into_string(),
            "<dl><dt class=\"loud\">LOST</dt><dd class=\"loud\"><p>9 faults</p><p>a ring</p>\
             <p>and more</p></dd></dl>"
        );
        assert_eq!(labelled(&[]).into_string(), "");
    }
}
