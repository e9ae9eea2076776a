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

/// What a query names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Its first word, in small letters.
    pub first: Option<String>,
    /// Its words: names as they are, and keywords in small letters.
    pub words: Vec<String>,
    /// Whether it asks for columns that it does not name.
    pub everything: bool,
}

/// Words that stand for columns which are not named.
const EVERYTHING: [&str; 2] = ["natural", "columns"];

/// Pieces behind which `*` stands for all columns; elsewhere it multiplies, or counts rows.
const BEFORE_STAR: [&str; 5] = ["select", "distinct", "all", ",", "."];

/// What a query names.
pub fn named(query: &str) -> Named {
    let solid = solid(query);
    let lower = |text: &str| text.to_lowercase();
    let mut words: Vec<String> = Vec::new();
    for &(kind, text) in &solid {
        match kind {
            Kind::Word => words.extend([text.to_owned(), lower(text)]),
            Kind::Quoted => words.push(text.trim_matches(['"', '`']).to_owned()),
            _ => {}
        }
    }
    let has_star = solid.windows(2).any(|pair| match pair {
        [(_, before), (Kind::Other, "*")] => BEFORE_STAR.contains(&&*lower(before)),
        _ => false,
    });
    let has = |word: &str| words.iter().any(|known| known == word);
    // `FROM faults` alone is all of it.
    let everything = has_star || EVERYTHING.iter().any(|word| has(word)) || !has("select");
    Named { first: solid.first().map(|(_, text)| lower(text)), words, everything }
}

/// The query with counts as wide numbers: `COUNT(*) * 4096` would wrap round at 32 bits in Polars.
pub fn wide_counts(query: &str) -> String {
    let pieces = pieces(query);
    let mut out = String::new();
    let mut at = 0;
    while let Some(&(kind, text)) = pieces.get(at) {
        let end = (kind == Kind::Word && text.eq_ignore_ascii_case("count"))
            .then(|| call_end(&pieces, at + 1))
            .flatten();
        match end {
            Some(end) => {
                let call: String = pieces[at..end].iter().map(|&(_, text)| text).collect();
                out.push_str(&format!("CAST({call} AS BIGINT)"));
                at = end;
            }
            None => {
                out.push_str(text);
                at += 1;
            }
        }
    }
    out
}

/// Behind the call whose parenthesis opens at or behind a piece, with what it is over.
fn call_end(pieces: &[(Kind, &str)], from: usize) -> Option<usize> {
    let next = |from: usize| (from..pieces.len()).find(|&i| pieces[i].0 != Kind::Space);
    let closed = |from: usize| {
        let open = next(from).filter(|&i| pieces[i].1 == "(")?;
        let mut depth = 0_usize;
        for (i, &(kind, text)) in pieces.iter().enumerate().skip(open) {
            match text {
                "(" if kind == Kind::Other => depth += 1,
                ")" if kind == Kind::Other => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(i + 1);
            }
        }
        None
    };
    let mut end = closed(from)?;
    while let Some(word) = next(end)
        && ["over", "filter"].iter().any(|known| pieces[word].1.eq_ignore_ascii_case(known))
    {
        // A window may have a name rather than parentheses.
        end = closed(word + 1).or_else(|| Some(next(word + 1)? + 1))?;
    }
    Some(end)
}

/// Functions that make one value of many rows.
const AGGREGATES: [&str; 20] = [
    "array_agg",
    "avg",
    "corr",
    "count",
    "covar",
    "first",
    "last",
    "max",
    "median",
    "min",
    "quantile_cont",
    "quantile_disc",
    "row_number",
    "stddev",
    "stdev",
    "string_agg",
    "sum",
    "var",
    "variance",
    "listagg",
];

/// Whether an aggregate, or what it is over, holds another one outside of a subquery.
pub fn nests_aggregates(query: &str) -> bool {
    let solid = solid(query);
    let is_aggregate = |i: usize| {
        matches!(solid.get(i..i + 2), Some([(Kind::Word, word), (Kind::Other, "(")])
            if AGGREGATES.contains(&&*word.to_lowercase()))
    };
    (0..solid.len()).filter(|&i| is_aggregate(i)).any(|outer| {
        let end = call_end(&solid, outer + 1).unwrap_or(solid.len());
        let inner = (outer + 2..end).find(|&i| is_aggregate(i));
        let before = |i: usize| solid.get(outer..i).unwrap_or_default().iter();
        inner.is_some_and(|i| !before(i).any(|(_, word)| word.eq_ignore_ascii_case("select")))
    })
}

/// Whether one `SELECT` has groups and a window as well.
pub fn groups_and_windows(query: &str) -> bool {
    #[derive(Default)]
    struct Scope {
        selects: bool,
        groups: bool,
        windows: bool,
    }
    let mut scopes = vec![Scope::default()];
    let mut before = "";
    for (kind, text) in solid(query) {
        let is = |word: &str| kind == Kind::Word && text.eq_ignore_ascii_case(word);
        if kind == Kind::Other && text == "(" {
            scopes.push(Scope::default());
        } else if kind == Kind::Other && text == ")" && scopes.len() > 1 {
            let inner = scopes.pop().unwrap_or_default();
            // A window inside parentheses is one of the query around them.
            if let Some(scope) = scopes.last_mut().filter(|_| !inner.selects) {
                scope.windows |= inner.windows;
            }
        } else if let Some(scope) = scopes.last_mut() {
            if is("select") {
                *scope = Scope { selects: true, ..Scope::default() };
            }
            scope.groups |= is("by") && before.eq_ignore_ascii_case("group");
            scope.windows |= is("over") && before == ")";
        }
        if scopes.last().is_some_and(|scope| scope.groups && scope.windows) {
            return true;
        }
        before = text;
    }
    false
}

fn solid(query: &str) -> Vec<(Kind, &str)> {
    pieces(query).into_iter().filter(|&(kind, _)| kind != Kind::Space).collect()
}

/// The words, in small letters, that stand before an opening parenthesis: functions and a few keywords.
#[must_use]
pub fn words_before_parentheses(query: &str) -> Vec<String> {
    let solid = solid(query);
    let words = solid.windows(2).filter_map(|pair| match pair {
        [(Kind::Word | Kind::Quoted, word), (Kind::Other, "(")] => Some(word.to_lowercase()),
        _ => None,
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::{groups_and_windows, named, plain_numbers, wide_counts, words_before_parentheses};

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
    fn windows_over_groups_are_found() {
        for (query, expected) in [
            ("SELECT a, SUM(b) OVER () FROM t GROUP BY a", true),
            ("SELECT a, 2 * (SUM(b) OVER (ORDER BY c)) FROM t GROUP BY a", true),
            ("SELECT a, SUM(b) FROM t GROUP BY a", false),
            ("SELECT SUM(n) OVER () FROM (SELECT a, COUNT(*) AS n FROM t GROUP BY a) u", false),
            ("WITH g AS (SELECT a FROM t GROUP BY a) SELECT a, SUM(a) OVER () FROM g", false),
            ("SELECT a FROM (SELECT SUM(a) OVER () AS a FROM t) u GROUP BY a", false),
            ("SELECT a FROM t GROUP BY a UNION SELECT SUM(a) OVER () FROM t", false),
            ("SELECT \"over\", 'OVER' FROM t GROUP BY 1)))", false),
        ] {
            assert_eq!(groups_and_windows(query), expected, "{query}");
        }
    }

    #[test]
    fn counts_become_wide() {
        for (text, wide) in [
            ("SELECT COUNT(*) * 4096", "SELECT CAST(COUNT(*) AS BIGINT) * 4096"),
            ("count ( DISTINCT f(')') )", "CAST(count ( DISTINCT f(')') ) AS BIGINT)"),
            (
                "COUNT(*) OVER (PARTITION BY (pid)) n",
                "CAST(COUNT(*) OVER (PARTITION BY (pid)) AS BIGINT) n",
            ),
            ("COUNT(*) OVER w", "CAST(COUNT(*) OVER w AS BIGINT)"),
            ("count, account(x), 'COUNT(*)'", "count, account(x), 'COUNT(*)'"),
            ("COUNT(", "COUNT("),
            ("COUNT(*) OVER", "COUNT(*) OVER"),
        ] {
            assert_eq!(wide_counts(text), wide, "{text}");
        }
    }

    #[test]
    fn stars_that_stand_for_columns_are_told_from_others() {
        for (query, everything) in [
            ("SELECT COUNT(*), pid * 2 FROM faults", false),
            ("SELECT * FROM faults", true),
            ("SELECT f.* FROM faults f", true),
            ("SELECT pid, * FROM faults", true),
            ("SELECT pid FROM faults NATURAL JOIN processes", true),
            ("FROM faults", true),
            ("select '*' from faults -- *", false),
        ] {
            assert_eq!(named(query).everything, everything, "{query}");
        }
        let named = named("Select \"pid\", Tid FROM x");
        assert_eq!(named.first.as_deref(), Some("select"));
        assert_eq!(
            named.words,
            ["Select", "select", "pid", "Tid", "tid", "FROM", "from", "x", "x"]
        );
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
