//! The part of the command line that is about the stream.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use pft::text::printable_path;

use super::{Format, Stream, Style};

/// Whether and how faults are shown while they are recorded.
#[derive(Debug, Clone, Args)]
pub struct LiveArguments {
    /// Print each fault as it happens: `[ts] CLASS ADDR REGION LATENCY`, or a JSON object a line
    #[arg(
        long,
        value_name = "FORMAT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "text"
    )]
    live: Option<Format>,

    /// Print them into this file rather than on standard output (-)
    #[arg(long, value_name = "FILE", requires = "live")]
    live_out: Option<PathBuf>,

    /// Print nothing that differs between two runs of a static, single-threaded program with a warm
    /// cache: the n-th line's time is n milliseconds, latencies are left out, processes and threads
    /// are numbered, addresses count from their file or mapping; later snapshots of mappings, which
    /// come at any time, are left out too
    #[arg(long, requires = "live")]
    fixed_ts: bool,
}

impl LiveArguments {
    /// Whether faults are to be shown.
    #[must_use]
    pub const fn is_wanted(&self) -> bool {
        self.live.is_some()
    }

    /// Whether standard output is for the stream.
    #[must_use]
    pub fn is_on_stdout(&self) -> bool {
        self.live.is_some() && self.file().is_none()
    }

    /// Where the stream goes, in words.
    #[must_use]
    pub fn place(&self) -> String {
        match self.file() {
            Some(path) => printable_path(path),
            None => "standard output".to_owned(),
        }
    }

    /// The file that the stream goes to.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.live_out.as_deref().filter(|path| path.as_os_str() != "-")
    }

    /// The stream that is asked for, if any.
    ///
    /// # Errors
    /// As [`Stream::create`] and [`Stream::on_stdout`].
    pub fn open(&self, overwrite: bool) -> io::Result<Option<Stream>> {
        let Some(format) = self.live else {
            return Ok(None);
        };
        let style = Style { format, fixed_ts: self.fixed_ts };
        match self.file() {
            Some(path) => Stream::create(style, path, overwrite).map(Some),
            None => Stream::on_stdout(style).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        live: LiveArguments,
        #[arg(last = true)]
        command: Vec<String>,
    }

    #[test]
    fn the_format_takes_an_equals_sign_and_defaults_to_text() {
        let parse = |words: &str| Program::try_parse_from(words.split(' '));
        let live = |words| parse(words).map(|program| program.live.live);
        assert_eq!(live("p -- ls").unwrap(), None);
        assert_eq!(live("p --live -- ls").unwrap(), Some(Format::Text));
        assert_eq!(live("p --live=json -- ls").unwrap(), Some(Format::Json));
        assert!(parse("p --live=xml").is_err());
        assert!(parse("p --fixed-ts").is_err());
        assert!(parse("p --live-out x").is_err());
        let program = parse("p --live --live-out x --fixed-ts -- ls").unwrap();
        assert!(program.live.is_wanted() && program.live.fixed_ts);
        assert_eq!(program.command, ["ls"]);
    }

    #[test]
    fn a_dash_is_standard_output() {
        let live = |words: &str| Program::try_parse_from(words.split(' ')).unwrap().live;
        for words in ["p --live", "p --live --live-out -"] {
            let live = live(words);
            assert!(live.is_on_stdout() && live.file().is_none(), "{words}");
            assert_eq!(live.place(), "standard output");
        }
        assert!(!live("p --live --live-out x").is_on_stdout());
    }

    #[test]
    fn without_live_nothing_is_opened() {
        let program = Program::try_parse_from(["p"]).unwrap();
        assert!(!program.live.is_wanted());
        assert!(program.live.open(false).unwrap().is_none());
    }
}
