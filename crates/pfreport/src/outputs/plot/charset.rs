//! The characters that plots in text are made of.

/// What the reader's terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// Blocks in eighths, and shades.
    Unicode,
    /// ASCII only.
    Ascii,
}

impl Charset {
    /// What a locale asks for: ASCII if one is set and its encoding is not UTF-8. Where none is set, as in most
    /// containers, terminals understand UTF-8 all the same. `variable` looks up an environment variable.
    #[must_use]
    pub fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &&str| variable(name).is_some_and(|value| !value.is_empty());
        let first = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find(set).and_then(variable);
        match first.map(|locale| locale.to_ascii_lowercase()) {
            Some(locale) if !locale.contains("utf-8") && !locale.contains("utf8") => Self::Ascii,
            _ => Self::Unicode,
        }
    }

    /// A bar of `part` out of `whole` in so many columns. Something is never shown as nothing.
    #[must_use]
    pub fn bar(self, part: u64, whole: u64, columns: usize) -> String {
        const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
        if part == 0 || whole == 0 {
            return String::new();
        }
        let share = part as f64 / whole as f64 * columns as f64;
        match self {
            Self::Unicode => {
                let eighths = ((share * 8.0).round() as usize).max(1);
                let rest = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
                format!("{}{rest}", "█".repeat(eighths / 8))
            }
            Self::Ascii => "#".repeat((share.round() as usize).max(1)),
        }
    }

    /// A cell so full, from 0 to 1.
    #[must_use]
    pub fn shade(self, fullness: f64) -> char {
        let shades = self.shades();
        let last = shades.len() - 1;
        shades[((fullness.clamp(0.0, 1.0) * shades.len() as f64) as usize).min(last)]
    }

    /// All shades, that of the least first.
    #[must_use]
    pub const fn shades(self) -> [char; 4] {
        match self {
            Self::Unicode => ['░', '▒', '▓', '█'],
            Self::Ascii => ['.', ':', '*', '#'],
        }
    }

    /// A text in these characters, of the same width.
    #[must_use]
    pub fn text(self, text: String) -> String {
        if self == Self::Unicode || text.is_ascii() {
            return text;
        }
        let ascii = |c: char| match c {
            'µ' => 'u',
            '×' => 'x',
            '…' => '~',
            '–' => '-',
            c if c.is_ascii() => c,
            _ => '?',
        };
        text.chars().map(ascii).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Charset::{self, Ascii, Unicode};

    #[test]
    fn a_locale_decides_if_there_is_one() {
        let of = |set: &[(&str, &str)]| {
            let value = |name: &str| set.iter().find(|(known, _)| *known == name);
            Charset::of_locale(|name| value(name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(of(&[]), Unicode);
        assert_eq!(of(&[("LANG", "")]), Unicode);
        assert_eq!(of(&[("LANG", "en_GB.UTF-8")]), Unicode);
        assert_eq!(of(&[("LC_ALL", "C.utf8"), ("LANG", "C")]), Unicode);
        assert_eq!(of(&[("LC_CTYPE", "de_DE.ISO-8859-1"), ("LANG", "de_DE.UTF-8")]), Ascii);
        assert_eq!(of(&[("LC_ALL", "POSIX")]), Ascii);
    }

    #[test]
    fn bars_are_exact_to_an_eighth() {
        assert_eq!(Unicode.bar(10, 10, 3), "███");
        assert_eq!(Unicode.bar(5, 10, 3), "█▌");
        assert_eq!(Unicode.bar(1, 1_000_000, 3), "▏");
        assert_eq!(Unicode.bar(0, 10, 3), "");
        assert_eq!(Unicode.bar(0, 0, 3), "");
        assert_eq!([1, 50, 100].map(|n| Ascii.bar(n, 100, 10)), ["#", "#####", "##########"]);
    }

    #[test]
    fn shades_and_texts_keep_their_width() {
        assert_eq!(
            [0.0, 0.25, 0.5, 0.99, 1.0].map(|f| Unicode.shade(f)),
            ['░', '▒', '▓', '█', '█']
        );
        assert_eq!([0.0, 1.0].map(|f| Ascii.shade(f)), ['.', '#']);
        assert_eq!(Ascii.text("2 µs × 3 … é".to_owned()), "2 us x 3 ~ ?");
        assert_eq!(Unicode.text("2 µs".to_owned()), "2 µs");
    }
}
