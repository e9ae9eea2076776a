//! Colours: two backgrounds, and palettes that colour-blind readers can tell apart on both.

use pfmodel::names::Class;
use plotters::style::RGBColor;

// The palette of Okabe and Ito.
const ORANGE: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
const SKY_BLUE: RGBColor = RGBColor(0x56, 0xb4, 0xe9);
const BLUISH_GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
const YELLOW: RGBColor = RGBColor(0xf0, 0xe4, 0x42);
const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const VERMILLION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const REDDISH_PURPLE: RGBColor = RGBColor(0xcc, 0x79, 0xa7);
const NEUTRAL: RGBColor = RGBColor(0x8a, 0x8a, 0x8a);

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Theme {
    /// Dark on white.
    #[default]
    Light,
    /// Light on nearly black.
    Dark,
}

impl Theme {
    const fn of(self, light: RGBColor, dark: RGBColor) -> RGBColor {
        match self {
            Self::Light => light,
            Self::Dark => dark,
        }
    }

    /// What all is drawn on.
    pub(super) const fn background(self) -> RGBColor {
        self.of(RGBColor(0xff, 0xff, 0xff), RGBColor(0x16, 0x19, 0x1e))
    }

    /// Text and axes.
    pub(super) const fn text(self) -> RGBColor {
        self.of(RGBColor(0, 0, 0), RGBColor(0xea, 0xea, 0xea))
    }

    /// Secondary text.
    pub(super) const fn secondary(self) -> RGBColor {
        self.of(RGBColor(0x60, 0x60, 0x60), RGBColor(0xa8, 0xad, 0xb4))
    }

    /// Lines of a grid.
    pub(super) const fn grid(self) -> RGBColor {
        self.of(RGBColor(0xdd, 0xdd, 0xdd), RGBColor(0x33, 0x38, 0x40))
    }

    /// A lane in which nothing happened.
    pub(super) const fn lane(self) -> RGBColor {
        self.of(RGBColor(0xf3, 0xf3, 0xf3), RGBColor(0x21, 0x25, 0x2b))
    }

    /// Where addresses are left out.
    pub(super) const fn cut(self) -> RGBColor {
        self.of(RGBColor(0x99, 0x99, 0x99), RGBColor(0x6a, 0x72, 0x7c))
    }

    /// Stall time.
    pub(super) const fn stall(self) -> RGBColor {
        self.of(RGBColor(0x4d, 0x4d, 0x4d), RGBColor(0xb8, 0xbd, 0xc4))
    }

    /// A class, in all pictures.
    pub(crate) const fn class(self, class: Class) -> RGBColor {
        match class {
            Class::Minor => SKY_BLUE,
            Class::Major => self.of(VERMILLION, RGBColor(0xf0, 0x7d, 0x1e)),
            Class::Cow => self.of(BLUISH_GREEN, RGBColor(0x12, 0xb8, 0x88)),
            Class::Failed => REDDISH_PURPLE,
            Class::Unknown => self.of(RGBColor(0x8c, 0x8c, 0x8c), RGBColor(0x9a, 0xa1, 0xa9)),
        }
    }

    /// One of seven kinds of memory, and what belongs to none.
    pub(super) fn kind(number: usize) -> RGBColor {
        let kinds = [BLUE, ORANGE, BLUISH_GREEN, SKY_BLUE, YELLOW, REDDISH_PURPLE];
        kinds.get(number).copied().unwrap_or(NEUTRAL)
    }

    /// How much: from a light colour for little to a dark one for most on white, the reverse on black, so
    /// that more stands out more, also in grey.
    pub(super) fn heat(self, share: f64) -> RGBColor {
        const LIGHT: [[f64; 3]; 5] = [
            [255.0, 221.0, 89.0],
            [190.0, 175.0, 111.0],
            [124.0, 123.0, 120.0],
            [64.0, 77.0, 107.0],
            [0.0, 32.0, 77.0],
        ];
        const DARK: [[f64; 3]; 5] = [
            [62.0, 103.0, 168.0],
            [104.0, 121.0, 152.0],
            [150.0, 148.0, 130.0],
            [203.0, 185.0, 106.0],
            [255.0, 226.0, 92.0],
        ];
        let anchors = match self {
            Self::Light => LIGHT,
            Self::Dark => DARK,
        };
        let at = share.clamp(0.0, 1.0) * (anchors.len() - 1) as f64;
        let below = (at as usize).min(anchors.len() - 2);
        let [from, to] = [anchors[below], anchors[below + 1]];
        let mix = |i: usize| (from[i] + (to[i] - from[i]) * (at - below as f64)).round() as u8;
        RGBColor(mix(0), mix(1), mix(2))
    }
}

#[cfg(test)]
mod tests {
    use pfmodel::names::Class;
    use plotters::style::RGBColor;

    use super::Theme;

    /// Relative luminance, as the Web Content Accessibility Guidelines 2.1 define it.
    fn luminance(RGBColor(r, g, b): RGBColor) -> f64 {
        let part = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b)
    }

    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_has_the_contrast_that_reading_needs() {
        for theme in [Theme::Light, Theme::Dark] {
            for colour in [theme.text(), theme.secondary()] {
                assert!(contrast(colour, theme.background()) >= 4.5, "{theme:?} {colour:?}");
            }
        }
        for class in Class::ALL {
            let contrast = contrast(Theme::Dark.class(*class), Theme::Dark.background());
            assert!(contrast >= 4.5, "{class:?} {contrast}");
        }
    }

    #[test]
    fn kinds_of_memory_stand_out_and_apart() {
        let kinds: Vec<RGBColor> = (0..7).map(Theme::kind).collect();
        for (i, &kind) in kinds.iter().enumerate() {
            let contrast = contrast(kind, Theme::Dark.background());
            assert!(contrast >= 3.0, "{i} {contrast}");
        }
        // Both are blue, and often the largest: lightness tells them apart.
        let contrast = contrast(kinds[0], kinds[3]);
        assert!(contrast >= 2.0, "{contrast}");
    }

    #[test]
    fn more_stands_out_more() {
        for theme in [Theme::Light, Theme::Dark] {
            let steps: Vec<f64> = (0..=32)
                .map(|step| contrast(theme.heat(f64::from(step) / 32.0), theme.lane()))
                .collect();
            assert!(steps.is_sorted(), "{theme:?} {steps:?}");
            assert!(steps[0] > 1.2, "{theme:?} {steps:?}");
        }
    }
}
