//! What all reports have in common.

use clap::Args;

/// What all reports have in common.
#[derive(Debug, Clone, Default, Args)]
pub struct Habits {
    /// Replace output files that exist
    #[arg(short, long, global = true)]
    pub force: bool,

    /// Memory that faults may take (2G, 500M) [default: half of what is available]
    ///
    /// CSV of more faults is written a part at a time, which takes longer; other reports end with an error. The
    /// program itself takes some 128 MiB more.
    #[arg(long, value_name = "SIZE", value_parser = size, global = true)]
    pub memory: Option<u64>,
}

/// A size with a suffix in binary units, as tables print them.
fn size(text: &str) -> Result<u64, String> {
    parse_size::Config::new().with_binary().parse_size(text).map_err(|error| {
        format!("{error}; a size is a number, with K, M or G behind it if you like")
    })
}
