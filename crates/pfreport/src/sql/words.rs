//! The words of a query, as far as they matter before Polars reads it.

/// What a piece of a query is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A name or a keyword.
    Word,
    /// A name in quotes.
    Quoted,
    /// A number.
    Number,
    /// Anything else; text and comments are one piece each.
    Other,
    /// What separates.
    Space,
}

/// Cuts a query into pieces that together are the whole of it.
fn pieces(query: &str) -> Vec<(Kind, &str)> {
    let mut pieces = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = piece(rest, first);
        let (text, behind) = rest.split_at(length);
        pieces.push((kind, text));
        rest = behind;
    }
    pieces
}

fn piece(rest: &str, first: char) -> (Kind, usize) {
    let while_any = |of: fn(char) -> bool| rest.find(|c| !of(c)).unwrap_or(rest.len());
    let up_to = |end: &str, from: usize| {
        let tail = rest.get(from..).unwrap_or_default();
        tail.find(end).map_or(rest.len(), |at| from + at + end.len())
    };
    match first {
        '\'' => (Kind::Other, up_to("'", 1)),
        '"' | '`' => (Kind::Quoted, up_to(&first.to_string(), 1)),
        '-' if rest.starts_with("--") => (Kind::Space, up_to("\n", 2)),
        '/' if rest.starts_with("/*") => (Kind::Space, up_to("*/", 2)),
        '0'..='9' => (Kind::Number, number(rest)),
        c if c.is_alphabetic() || c == '_' => {
            (Kind::Word, while_any(|c| c.is_alphanumeric() || c == '_'))
        }
        c if c.is_whitespace() => (Kind::Space, while_any(char::is_whitespace)),
        c => (Kind::Other, c.len_utf8()),
    }
}

/// Length of a number, with its exponent.
fn number(rest: &str) -> usize {
    let digits = |from: usize, of: fn(char) -> bool| {
        let tail = rest.get(from..).unwrap_or_default();
        from + tail.find(|c| !of(c)).unwrap_or(tail.len())
    };
    let decimal = |c: char| c.is_ascii_digit() || c == '_';
    if rest.starts_with("0x") || rest.starts_with("0X") {
        return digits(2, |c| c.is_ascii_hexdigit() || c == '_');
    }
    let mut end = digits(0, decimal);
    if rest[end..].starts_with('.') {
        end = digits(end + 1, decimal);
    }
    if rest[end..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign, |c| c.is_ascii_digit());
        if exponent > end + 1 + sign {
            end = exponent;
        }
    }
    end
}

/// The query with its numbers as Polars reads them: `0x7f00`, `1e6` and `1_000` as plain ones.
#[must_use]
pub fn plain_numbers(query: &str) -> String {
    let plain = |(kind, text): (Kind, &str)| match kind {
        Kind::Number => plain_number(text).unwrap_or_else(|| text.to_owned()),
        _ => text.to_owned(),
    };
    pieces(query).into_iter().map(plain).collect()
}

fn plain_number(text: &str) -> Option<String> {
    let text = text.replace('_', "");
    let whole = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None => match text.parse() {
            Ok(whole) => whole,
            Err(_) => return plain_fraction(&text),
        },
    };
    Some(match i64::try_from(whole) {
        Ok(whole) => whole.to_string(),
        // Addresses of the kernel: Polars reads signed numbers only.
        Err(_) => format!("CAST('{whole}' AS UBIGINT)"),
    })
}

fn plain_fraction(text: &str) -> Option<String> {
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite())?;
    // Whole numbers stay whole, so that they compare as such.
    let is_whole = value.fract() == 0.0 && value < (1_u64 << 53) as f64 && !text.contains('.');
    Some(if is_whole { format!("{value}") } else { format!("{value:?}") })
        .map(|plain| if plain.contains('e') { format!("{value:.1}") } else { plain })
}

/// The words, in small letters, that stand before an opening parenthesis: functions and a few keywords.
#[must_use]
pub fn words_before_parentheses(query: &str) -> Vec<String> {
    let pieces = pieces(query);
    let solid: Vec<_> = pieces.into_iter().filter(|&(kind, _)| kind != Kind::Space).collect();
    let words = solid.windows(2).filter_map(|pair| match pair {
        [(Kind::Word | Kind::Quoted, word), (Kind::Other, "(")] => Some(word.to_lowercase()),
        _ => None,
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::{plain_numbers, words_before_parentheses};

    #[test]
    fn numbers_become_plain() {
        for (text, plain) in [
            ("addr >= 0x7f00", "addr >= 32512"),
            ("x=0XfF", "x=255"),
            ("latency_ns > 1e6", "latency_ns > 1000000"),
            ("1_000 + 1.5e3 + 2.5", "1000 + 1500.0 + 2.5"),
            ("1e-3", "0.001"),
            ("1e300 < 2", &format!("{:.1} < 2", 1e300)),
            ("0xffffffff81000000", "CAST('18446744071578845184' AS UBIGINT)"),
            ("9223372036854775807", "9223372036854775807"),
            ("0x", "0x"),
            ("1else", "1else"),
        ] {
            assert_eq!(plain_numbers(text), plain, "{text}");
        }
    }

    #[test]
    fn only_numbers_change() {
        for text in [
            "path = 'it''s 0x10 1e6'",
            "\"0x10\" = col0x10",
            "p50_ns -- 0x10 is no number here",
            "/* 1e6 */ comm LIKE 'a0x1%'",
            "größe = 'ü 0x1",
            "",
            "''''",
            "\"",
        ] {
            assert_eq!(plain_numbers(text), text);
        }
    }

    #[test]
    fn functions_are_found() {
        let found = words_before_parentheses(
            "AVG (latency_ns) > 1 AND x IN (1) AND ((y)) OR 'f(' = z -- g(",
        );
        assert_eq!(found, ["avg", "in", "and"]);
        assert_eq!(
            words_before_parentheses("class NOT IN/**/('a') OR \"COUNT\"(x)"),
            ["in", "\"count\""]
        );
    }
}
