//! Which version a program is.

/// The commit that this was built from, with the note `, modified` on a release build of changed files. Nothing
/// where the source was not a checkout.
pub const COMMIT: Option<&str> = option_env!("PFT_COMMIT");

/// What `--version` says after the program's name: the version, and the commit if that is known.
pub const VERSION: &str = env!("PFT_VERSION");
