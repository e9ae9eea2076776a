//! Names from a trace, made fit to print and to fit.

pub use pft::text::{harmless, printable, printable_path, shell_word};

/// Longest name in what people read, characters, also where lines have no limit: a path of Linux is no longer, and a
/// trace that was made to do harm fills no screen.
pub const LONGEST: usize = 4_096;

/// An error and its causes in one line.
#[must_use]
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// At most `width` characters: the middle gives way to `…`, because both ends of a path tell most.
#[must_use]
pub fn shorten(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let head = kept / 2;
    let tail = length - (kept - head);
    let mut out: String = text.chars().take(head).collect();
    out.push('…');
    out.extend(text.chars().skip(tail));
    out
}

/// As [`shorten`], but of a path the directories give way first: the base name stays whole where it fits behind
/// `…/` or `…`, and otherwise only itself is left, without its middle.
#[must_use]
pub fn shorten_path(text: &str, width: usize) -> String {
    let Some((folder, base)) = text.rsplit_once('/') else {
        return shorten(text, width);
    };
    if text.chars().count() <= width {
        return text.to_owned();
    }
    match width.checked_sub(base.chars().count() + 1) {
        Some(0) => format!("…{base}"),
        Some(room) => {
            let kept: String = folder.chars().take(room - 1).collect();
            format!("{kept}…/{base}")
        }
        None => shorten(base, width),
    }
}

/// As [`shorten`], but of a folded call chain the callers in the middle give way first: the outermost
/// one and those nearest to the fault stay whole where they fit around `…`.
#[must_use]
pub fn shorten_chain(text: &str, width: usize) -> String {
    let callers: Vec<&str> = text.split(';').collect();
    let Some((outermost, inner)) = callers.split_first() else {
        return shorten(text, width);
    };
    let mut room = width.checked_sub(outermost.chars().count() + 2);
    let mut kept = Vec::new();
    for caller in inner.iter().rev() {
        room = room.and_then(|room| room.checked_sub(caller.chars().count() + 1));
        if room.is_none() {
            break;
        }
        kept.push(*caller);
    }
    if text.chars().count() <= width || kept.is_empty() {
        return shorten(text, width);
    }
    kept.extend(["…", outermost]);
    kept.reverse();
    kept.join(";")
}

#[cfg(test)]
mod tests {
    use super::{shorten, shorten_chain, shorten_path};

    #[test]
    fn chains_keep_both_ends() {
        let chain = "main;work;deeper;touch";
        assert_eq!(shorten_chain(chain, 22), chain);
        assert_eq!(shorten_chain(chain, 21), "main;…;deeper;touch");
        assert_eq!(shorten_chain(chain, 18), "main;…;touch");
        assert_eq!(shorten_chain(chain, 12), "main;…;touch");
        assert_eq!(shorten_chain(chain, 11), "main;…touch");
        assert_eq!(shorten_chain("one_function", 7), "one…ion");
    }

    #[test]
    fn base_names_stay_whole() {
        assert_eq!(shorten_path("/usr/lib/libc.so", 16), "/usr/lib/libc.so");
        assert_eq!(shorten_path("/usr/lib/libc.so", 12), "/us…/libc.so");
        assert_eq!(shorten_path("/usr/lib/libc.so", 9), "…/libc.so");
        assert_eq!(shorten_path("/usr/lib/libc.so", 8), "…libc.so");
        assert_eq!(shorten_path("/usr/libstdc++.so", 8), "lib…+.so");
    }

    #[test]
    fn shortens_in_the_middle() {
        assert_eq!(shorten("abcdefghij", 10), "abcdefghij");
        assert_eq!(shorten("abcdefghijk", 10), "abcd…ghijk");
        assert_eq!(shorten("abc", 1), "…");
        assert_eq!(shorten("abc", 0), "…");
    }
}
