//! Pictures of a trace, as PNG files or SVG.

mod axes;
mod bitmap;
mod canvas;
mod heatmap;
mod latency;
mod marks;
mod regions;
mod shape;
#[cfg(test)]
mod tests;
mod theme;
mod timeline;
mod vector;
mod working_set;

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::files::new_file::{self, check};
use crate::load::Loaded;
use canvas::Canvas;
pub use theme::Theme;

/// Smallest width and height of a picture, pixels.
pub const SIZE_MIN: (u32, u32) = (320, 240);
/// Largest width and height of a picture, pixels.
pub const SIZE_MAX: (u32, u32) = (8_000, 8_000);
/// Width and height where nothing else was asked for.
pub const SIZE: (u32, u32) = (1_200, 800);

/// What a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// How long faults took.
    Latency,
    /// When faults happened and stalled threads.
    Timeline,
    /// Which regions and files fault or stall most.
    Regions,
    /// Which addresses faulted when.
    Heatmap,
    /// How much memory had been touched when.
    WorkingSet,
}

impl Picture {
    /// All pictures.
    pub const ALL: [Self; 5] =
        [Self::Latency, Self::Timeline, Self::Regions, Self::Heatmap, Self::WorkingSet];

    /// What names of files call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Timeline => "timeline",
            Self::Regions => "regions",
            Self::Heatmap => "heatmap",
            Self::WorkingSet => "working-set",
        }
    }

    fn draw(self, loaded: &Loaded, size: (u32, u32), theme: Theme) -> Result<Canvas, Error> {
        let reason = "the font is unusable".to_owned();
        let unusable = Error::Picture { path: self.name().into(), reason };
        let mut canvas = Canvas::new(size, theme).ok_or(unusable)?;
        let draw = match self {
            Self::Latency => latency::draw,
            Self::Timeline => timeline::draw,
            Self::Regions => regions::draw,
            Self::Heatmap => heatmap::draw,
            Self::WorkingSet => working_set::draw,
        };
        draw(&mut canvas, loaded);
        Ok(canvas)
    }
}

/// What pictures are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Pixels.
    Png,
    /// Shapes and text.
    Svg,
}

impl Format {
    const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Svg => "svg",
        }
    }
}

/// A picture as an SVG document of at most 500,000 bytes, whatever the trace. It has no ids, styles, scripts or
/// links, so that several may stand in one HTML page. A size beyond [`SIZE_MIN`] and [`SIZE_MAX`] is brought
/// within them.
///
/// # Errors
/// [`Error::Picture`].
pub fn svg(
    loaded: &Loaded,
    picture: Picture,
    size: (u32, u32),
    theme: Theme,
) -> Result<String, Error> {
    let name = format!("{}: {}", loaded.name, picture.name());
    Ok(vector::document(&picture.draw(loaded, size, theme)?, &name))
}

/// Draws all pictures into a folder as `<trace>.<picture>.png` or `.svg`; returns their paths. A folder that
/// does not exist is made.
///
/// # Errors
/// Those of [`check`] before anything is drawn; [`Error::Write`]; [`Error::Picture`].
pub fn draw(
    loaded: &Loaded,
    folder: &Path,
    format: Format,
    (size, theme): ((u32, u32), Theme),
    force: bool,
) -> Result<Vec<PathBuf>, Error> {
    let paths = Picture::ALL.map(|picture| {
        folder.join(loaded.output_name(&format!(".{}.{}", picture.name(), format.extension())))
    });
    for path in &paths {
        check(path, loaded.inputs(), force)?;
    }
    fs::create_dir_all(folder)
        .map_err(|source| Error::Write { path: folder.to_owned(), source })?;
    for (path, picture) in paths.iter().zip(Picture::ALL) {
        let bytes = match format {
            Format::Png => bitmap::document(&picture.draw(loaded, size, theme)?)
                .map_err(|reason| Error::Picture { path: path.clone(), reason })?,
            Format::Svg => svg(loaded, picture, size, theme)?.into_bytes(),
        };
        new_file::write(path, loaded.inputs(), force, |out| Ok(out.write_all(&bytes)?))?;
    }
    Ok(paths.into())
}

/// A size as the command line has it: `1200x800`.
///
/// # Errors
/// What is wrong with it, and the limits.
pub fn parse_size(text: &str) -> Result<(u32, u32), String> {
    let size = text.split_once(['x', 'X', '×']);
    let size = size.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    let (width, height) = size.ok_or("not WIDTHxHEIGHT in pixels, like 1200x800")?;
    let fits =
        (SIZE_MIN.0..=SIZE_MAX.0).contains(&width) && (SIZE_MIN.1..=SIZE_MAX.1).contains(&height);
    if fits {
        return Ok((width, height));
    }
    Err(format!("from {}x{} to {}x{} pixels", SIZE_MIN.0, SIZE_MIN.1, SIZE_MAX.0, SIZE_MAX.1))
}
