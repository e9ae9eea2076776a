//! Pictures.

use std::path::PathBuf;

use clap::ValueHint::DirPath;
use clap::{ArgGroup, Args};

use super::folder;
use crate::outputs::picture::{SIZE, Theme, parse_size};

/// Pictures.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Pictures")]
#[command(group(ArgGroup::new("drawn").args(["png", "svg"]).multiple(true)))]
#[command(group(ArgGroup::new("plotted").args(["histogram", "heatmap"]).multiple(true)))]
pub struct Pictures {
    /// Plot on the terminal how long faults took, by class, instead of the summary
    #[arg(long)]
    pub histogram: bool,

    /// Plot on the terminal which addresses faulted when, instead of the summary; -n N lanes at most
    #[arg(long)]
    pub heatmap: bool,

    /// Plot in ASCII [default: where the locale is set and not UTF-8]
    #[arg(long, requires = "plotted")]
    pub ascii: bool,

    /// Draw pictures TRACE.{latency,timeline,regions,heatmap,working-set}.png [default: in the working directory]
    ///
    /// The folder is made if it does not exist.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = folder(), value_hint = DirPath)]
    pub png: Option<Option<PathBuf>>,

    /// Draw the same pictures as SVG
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    #[arg(value_parser = folder(), value_hint = DirPath)]
    pub svg: Option<Option<PathBuf>>,

    /// Size of the pictures in pixels, from 320x240 to 8000x8000 [default: 1200x800]
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = parse_size, requires = "drawn")]
    pub size: Option<(u32, u32)>,

    /// Colours of the pictures [default: light]
    #[arg(long, value_name = "THEME", requires = "drawn")]
    pub theme: Option<Theme>,
}

impl Pictures {
    /// Whether any are asked for on the terminal.
    #[must_use]
    pub const fn are_plotted(&self) -> bool {
        self.histogram || self.heatmap
    }

    /// Whether any are to be written.
    #[must_use]
    pub const fn are_drawn(&self) -> bool {
        self.png.is_some() || self.svg.is_some()
    }

    /// Size and colours.
    #[must_use]
    pub fn style(&self) -> ((u32, u32), Theme) {
        (self.size.unwrap_or(SIZE), self.theme.unwrap_or_default())
    }
}
