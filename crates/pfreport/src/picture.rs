//! Pictures of a trace as PNG files.

mod canvas;
mod heatmap;
mod lanes;
mod latency;
mod marks;
mod regions;
mod scale;
mod timeline;

use std::fs;
use std::path::{Path, PathBuf};

use pfmodel::names::Class;
use plotters::style::RGBColor;

use crate::error::Error;
use crate::load::Loaded;
use crate::output::{check, create};
use canvas::{Canvas, Drawn};

type Draw = fn(&Canvas<'_>, &Loaded) -> Drawn;

const PICTURES: [(&str, Draw); 4] = [
    ("latency", latency::draw),
    ("timeline", timeline::draw),
    ("regions", regions::draw),
    ("heatmap", heatmap::draw),
];

/// Draws all pictures into a folder as `<trace>.<picture>.png`, 1200 × 800; returns their paths.
///
/// # Errors
/// Those of [`check`] before anything is drawn; [`Error::Write`]; [`Error::Picture`].
pub fn draw(loaded: &Loaded, folder: &Path, force: bool) -> Result<Vec<PathBuf>, Error> {
    let paths = PICTURES.map(|(picture, _)| {
        let mut name = loaded.base_name().to_owned();
        name.push(format!(".{picture}.png"));
        folder.join(name)
    });
    for path in &paths {
        check(path, loaded.inputs(), force)?;
    }
    for (path, (_, draw)) in paths.iter().zip(PICTURES) {
        create(path, loaded.inputs(), force)?;
        if let Err(error) = canvas::paint(path, |canvas| draw(canvas, loaded)) {
            // An empty file would pass for a picture.
            let _ = fs::remove_file(path);
            return Err(Error::Picture { path: path.clone(), reason: error.to_string() });
        }
    }
    Ok(paths.into())
}

// The palette of Okabe and Ito, which colour-blind readers can tell apart.
const SKY_BLUE: RGBColor = RGBColor(0x56, 0xb4, 0xe9);
const VERMILLION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const BLUISH_GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
const REDDISH_PURPLE: RGBColor = RGBColor(0xcc, 0x79, 0xa7);

/// Colour of a class in all pictures.
pub(crate) const fn class_colour(class: Class) -> RGBColor {
    match class {
        Class::Minor => SKY_BLUE,
        Class::Major => VERMILLION,
        Class::Cow => BLUISH_GREEN,
        Class::Failed => REDDISH_PURPLE,
    }
}

/// Classes from the bottom of a stack to its top: the costly ones where they can be compared best.
const STACK: [Class; 4] = [Class::Major, Class::Cow, Class::Minor, Class::Failed];

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{canvas, draw, timeline};
    use crate::error::Error;
    use crate::sample::{self, Row};

    #[test]
    fn four_pictures_of_the_stated_size() {
        let folder = tempfile::tempdir().unwrap();
        let mut loaded = sample::empty();
        for faults in 0..2 {
            if faults > 0 {
                sample::push(&mut loaded.analysis, Row::default());
            }
            let paths = draw(&loaded, folder.path(), true).unwrap();
            let names: Vec<_> =
                paths.iter().map(|p| p.file_name().unwrap().to_str().unwrap()).collect();
            assert_eq!(
                names,
                [
                    "run.pft.latency.png",
                    "run.pft.timeline.png",
                    "run.pft.regions.png",
                    "run.pft.heatmap.png"
                ]
            );
            for path in paths {
                let png = fs::read(path).unwrap();
                assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
                assert_eq!(png[16..24], [0, 0, 4, 176, 0, 0, 3, 32]);
            }
        }
    }

    #[test]
    fn marks_are_drawn_into_the_timeline() {
        let folder = tempfile::tempdir().unwrap();
        let mut loaded = sample::empty();
        sample::push(&mut loaded.analysis, Row::default());
        let path = folder.path().join("timeline.png");
        let mut timeline = || {
            canvas::paint(&path, |canvas| timeline::draw(canvas, &loaded)).unwrap();
            sample::mark(&mut loaded, 9_900_000_000, "a phase whose name has no room at the edge");
            fs::read(&path).unwrap()
        };
        let without = timeline();
        let with = timeline();
        assert_ne!(with, without);
        // A second mark at the same moment has no room of its own.
        assert_ne!(timeline(), with, "the subtitle tells that one has no name");
    }

    #[test]
    fn nothing_is_drawn_over_an_existing_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("run.pft.heatmap.png"), "mine").unwrap();
        let drawn = draw(&sample::empty(), folder.path(), false);
        assert!(matches!(drawn, Err(Error::Exists { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
