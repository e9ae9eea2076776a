//! Names side by side in little room.

use std::collections::HashMap;

use crate::print::text::{LONGEST, shorten};

/// Characters by which the beginning of what tells names apart may be moved to the beginning of its word.
const WORD: usize = 8;

/// Names in so much room each. `fit` shortens one; where that makes different names equal, as of the parts of a
/// large file, they show what tells them apart instead: from there to the end, or as much of that as fits.
/// `width` measures a text in units of the room.
#[must_use]
pub fn fit_apart(
    names: &[(&str, i32)],
    fit: impl Fn(&str, i32) -> String,
    width: impl Fn(&str) -> i32,
) -> Vec<String> {
    // Each try goes through all of a name.
    let bounded: Vec<(String, i32)> =
        names.iter().map(|&(name, room)| (shorten(name, LONGEST), room)).collect();
    let names: Vec<(&str, i32)> = bounded.iter().map(|(name, room)| (&**name, *room)).collect();
    let mut fitted: Vec<String> = names.iter().map(|&(name, room)| fit(name, room)).collect();
    // What was alike to many may still be alike to some, which have more in common.
    for _ in 0..3 {
        let mut alike: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, fitted) in fitted.iter().enumerate() {
            alike.entry(fitted).or_default().push(i);
        }
        let mut apart = Vec::new();
        for group in alike.values() {
            let members: Vec<(usize, &str, i32)> = group
                .iter()
                .filter_map(|&i| names.get(i).map(|&(name, room)| (i, name, room)))
                .collect();
            let Some(shared) = shared(members.iter().map(|&(_, name, _)| name)) else { continue };
            apart.extend(
                members.iter().map(|&(i, name, room)| (i, behind(name, shared, room, &width))),
            );
        }
        if apart.is_empty() {
            break;
        }
        for (i, name) in apart {
            if let Some(fitted) = fitted.get_mut(i) {
                *fitted = name;
            }
        }
    }
    fitted
}

/// Characters that all names begin with; none if they are equal.
fn shared<'a>(mut names: impl Iterator<Item = &'a str>) -> Option<usize> {
    let first = names.next()?;
    let common = |name: &str| first.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
    names.filter(|&name| name != first).map(common).min()
}

/// A name from what follows so many characters on, or from the beginning of the word that they end in. What has
/// no room then is left out of its middle.
fn behind(name: &str, shared: usize, room: i32, width: impl Fn(&str) -> i32) -> String {
    let name: Vec<char> = name.chars().collect();
    let before = name.get(..shared).unwrap_or_default();
    let word = before.iter().rev().take_while(|c| c.is_alphanumeric()).count();
    let mut from = shared - if word <= WORD { word } else { 0 };
    let text = |from: usize, head: usize, tail: usize| {
        let cut = |is_cut: bool| if is_cut { "…" } else { "" };
        let part = |from, to| name.get(from..to).unwrap_or_default().iter().collect::<String>();
        let (head_to, tail_from) = (from + head, name.len() - tail);
        let [before, between] = [cut(from > 0), cut(head_to < tail_from)];
        format!("{before}{}{between}{}", part(from, head_to), part(tail_from, name.len()))
    };
    let whole = |from| text(from, name.len() - from, 0);
    if width(&whole(from)) <= room {
        while from > 0 && width(&whole(from - 1)) <= room {
            from -= 1;
        }
        return whole(from);
    }
    // The head reaches beyond what is shared.
    let split = |kept: usize| {
        let head = (kept / 2).max(shared - from + 2).min(kept);
        text(from, head, kept - head)
    };
    let fits = |&kept: &usize| width(&split(kept)) <= room;
    let kept = (1..name.len() - from).take_while(fits).last().unwrap_or(1);
    split(kept)
}

#[cfg(test)]
mod tests {
    use super::fit_apart;
    use crate::print::text::shorten_path;

    fn fit(names: &[&str], room: i32) -> Vec<String> {
        let names: Vec<(&str, i32)> = names.iter().map(|&name| (name, room)).collect();
        let width = |text: &str| text.chars().count() as i32;
        fit_apart(&names, |name, room| shorten_path(name, room as usize), width)
    }

    #[test]
    fn parts_of_a_file_stay_apart() {
        let shards = [1, 2, 13].map(|i| format!("/srv/model/shard-{i:04}-of-0250.safetensors"));
        let [a, b, c] = &shards;
        let names = [a.as_str(), b, c, "[heap]"];
        assert_eq!(fit(&names, 43), names);
        assert_eq!(fit(&names, 25)[0], "shard-0001-o….safetensors");
        let short = fit(&names, 18);
        assert_eq!(
            short,
            ["…0001-of-…etensors", "…0002-of-…etensors", "…0013-of-…etensors", "[heap]"]
        );
        assert_eq!(fit(&names, 3)[..3], ["…0…"; 3]);
    }

    #[test]
    fn what_is_alike_in_part_is_told_apart_further() {
        let names =
            ["/a/one-long-name/first.bin", "/a/one-long-name/second.bin", "/a/two/long/first.bin"];
        assert_eq!(fit(&names, 11), ["…one-…t.bin", "…second.bin", "…two/…t.bin"]);
    }

    #[test]
    fn equal_names_stay_as_they_are() {
        assert_eq!(fit(&["/srv/model.gguf"; 2], 10), ["model.gguf"; 2]);
        assert_eq!(fit(&["/srv/model.gguf"; 2], 9), ["mode…gguf"; 2]);
        assert_eq!(fit(&["same", "same"], 9), ["same", "same"]);
        assert_eq!(fit(&[], 9), Vec::<String>::new());
    }
}
