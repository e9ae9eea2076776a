//! What the command line of perf says about whom it recorded.

/// Short options of `perf record` that take a value.
const SHORT_WITH_VALUE: &str = "eprtCcoumFGDkj";
/// Those whose value, if any, is part of the same word.
const SHORT_WITH_OWN_VALUE: &str = "SIz";
/// Long options that take a value, in a word of its own if not behind `=`.
const LONG_WITH_VALUE: [&str; 22] = [
    "event",
    "filter",
    "pid",
    "tid",
    "realtime",
    "cpu",
    "count",
    "output",
    "mmap-pages",
    "freq",
    "call-graph",
    "cgroup",
    "delay",
    "uid",
    "clockid",
    "max-size",
    "proc-map-timeout",
    "affinity",
    "control",
    "num-thread-synthesize",
    "branch-filter",
    "per-cpu-thread",
];
/// Long options that take none, or only behind `=`.
const LONG: [&str; 26] = [
    "all-cpus",
    "no-inherit",
    "quiet",
    "verbose",
    "stat",
    "data",
    "phys-data",
    "data-page-size",
    "code-page-size",
    "sample-cpu",
    "sample-identifier",
    "timestamp",
    "period",
    "no-samples",
    "no-buildid-cache",
    "no-buildid",
    "buildid-all",
    "buildid-mmap",
    "branch-any",
    "weight",
    "raw-samples",
    "compression-level",
    "strict-freq",
    "all-user",
    "all-kernel",
    "off-cpu",
];

/// Whom perf recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// Options `-a`, or `-C`.
    pub all_cpus: bool,
    /// Value of `-p`.
    pub pids: Option<String>,
    /// Value of `-t`.
    pub tids: Option<String>,
    /// Value of `-G`.
    pub cgroup: Option<String>,
    /// The command that it started, with its arguments.
    pub command: Vec<String>,
}

/// Reads the words of a command line; `None` if one of them is not known.
pub fn parse(words: &[String]) -> Option<CommandLine> {
    let mut words = words.iter().map(String::as_str).skip_while(|word| *word != "record").skip(1);
    let mut found = CommandLine::default();
    while let Some(word) = words.next() {
        if word == "--" {
            found.command = words.map(str::to_owned).collect();
            break;
        }
        let Some(option) = word.strip_prefix('-').filter(|option| !option.is_empty()) else {
            found.command = std::iter::once(word).chain(words).map(str::to_owned).collect();
            break;
        };
        let (name, value) = match option.strip_prefix('-') {
            Some(option) => long(option, &mut words)?,
            None => short(option, &mut words, &mut found.all_cpus)?,
        };
        let value = value.map(str::to_owned);
        match name {
            "all-cpus" | "C" | "cpu" => found.all_cpus = true,
            "p" | "pid" => found.pids = value,
            "t" | "tid" => found.tids = value,
            "G" | "cgroup" => found.cgroup = value,
            _ => {}
        }
    }
    Some(found)
}

/// An option, and its value if it has one.
type Given<'a> = (&'a str, Option<&'a str>);

fn long<'a>(option: &'a str, words: &mut impl Iterator<Item = &'a str>) -> Option<Given<'a>> {
    match option.split_once('=') {
        Some((name, value)) => Some((name, Some(value))),
        None if LONG_WITH_VALUE.contains(&option) => Some((option, Some(words.next()?))),
        None => LONG.contains(&option).then_some((option, None)),
    }
}

/// A word of short options, of which the last may have a value. Of those without one only `-a` matters.
fn short<'a>(
    option: &'a str,
    words: &mut impl Iterator<Item = &'a str>,
    all_cpus: &mut bool,
) -> Option<Given<'a>> {
    for (at, letter) in option.char_indices() {
        let behind = at + letter.len_utf8();
        if SHORT_WITH_OWN_VALUE.contains(letter) {
            break;
        }
        if SHORT_WITH_VALUE.contains(letter) {
            let own = option.get(behind..).filter(|own| !own.is_empty());
            return Some((option.get(at..behind)?, Some(own.or_else(|| words.next())?)));
        }
        *all_cpus |= letter == 'a';
    }
    Some(("", None))
}

/// Words, quoted as for a shell.
pub fn quoted(words: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+@%".contains(c);
    let quote = |word: &String| {
        if !word.is_empty() && word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<CommandLine> {
        parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_command_begins_behind_the_options() {
        let found =
            of("perf record -e page-faults,minor-faults -c 1 -dg -o x.data ./prog -a b").unwrap();
        assert_eq!((found.command.join(" ").as_str(), found.all_cpus), ("./prog -a b", false));
        let found = of("/usr/bin/perf record -c1 --call-graph=fp --clockid mono -- -x").unwrap();
        assert_eq!(found.command, ["-x"]);
        assert_eq!(of("perf record --unheard-of ./prog"), None);
        assert_eq!(of("perf record -e"), None);
    }

    #[test]
    fn whom_perf_recorded() {
        let found = of("perf record -ag -z sleep 1").unwrap();
        assert_eq!((found.all_cpus, found.command.join(" ").as_str()), (true, "sleep 1"));
        let found = of("perf record -p 12,13 -t14 -G box").unwrap();
        assert_eq!((found.pids.as_deref(), found.tids.as_deref()), (Some("12,13"), Some("14")));
        assert_eq!(found.cgroup.as_deref(), Some("box"));
    }

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        let words = ["ls".to_owned(), "it's a".to_owned(), String::new()];
        assert_eq!(quoted(&words), r"ls 'it'\''s a' ''");
    }
}
