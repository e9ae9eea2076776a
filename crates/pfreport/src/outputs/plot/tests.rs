//! Plots in text, whole.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::slice::from_ref;

use pfmodel::Options;

use super::charset::Charset;
use super::{STACK, Span, heatmap, histogram, level};
use crate::load::Loaded;
use crate::made_up::{self, HEAP, MODEL, Row, TEXT};
use crate::print::layout::Layout;
use crate::select::Selected;

const SELECTED: Selected = Selected { what: String::new(), windows: Vec::new() };

/// Compares with `tests/golden/NAME`; PFT_BLESS=1 rewrites it.
fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("PFT_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{} differs; PFT_BLESS=1 rewrites it", path.display());
}

fn recorded(name: &str) -> Loaded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    Loaded::open(&folder.join(name), &Options::default()).unwrap()
}

#[test]
fn levels_are_positions() {
    assert_eq!(STACK.map(level), [0, 1, 2, 3, 4]);
}

#[test]
fn histogram_of_a_recorded_trace() {
    let loaded = recorded("v1.0-zero-page.pft");
    let unicode = histogram::render(&loaded, Layout::PIPED, Charset::Unicode);
    assert_golden("histogram.txt", &unicode);
    let narrow = histogram::render(&loaded, Layout::terminal(60, false), Charset::Ascii);
    assert_golden("histogram-ascii.txt", &narrow);
    assert!(narrow.is_ascii() && narrow.lines().all(|line| line.len() <= 60), "{narrow}");
}

#[test]
fn heatmap_of_a_recorded_trace() {
    let loaded = recorded("v1.0-zero-page.pft");
    let unicode = heatmap::render(&loaded, 10, Layout::PIPED, Charset::Unicode);
    assert_golden("heatmap.txt", &unicode);
    let narrow = heatmap::render(&loaded, 3, Layout::terminal(60, false), Charset::Ascii);
    assert_golden("heatmap-ascii.txt", &narrow);
    assert!(narrow.is_ascii() && narrow.lines().all(|line| line.len() <= 60), "{narrow}");
}

#[test]
fn a_heatmap_by_hand() {
    let mut loaded = made_up::empty();
    let second = 1_000_000_000;
    for (time, mapping, addr) in [
        (0, HEAP, 0x100_0000),
        (5 * second, HEAP, 0x100_1000),
        (5 * second, MODEL, 0x7f00_0000_0000),
    ] {
        made_up::push(&mut loaded.analysis, Row { time, mapping, addr, ..Row::default() });
    }
    let layout = Layout::terminal(60, false);
    assert_eq!(
        heatmap::render(&loaded, 10, layout, Charset::Unicode),
        "run.pft: addresses over time\n  low addresses at the bottom of a lane, wide gaps left out\n  \
         /srv/models/model.gguf  │                █\n  \
         file, 4 KiB, 1 fault    │                █\n  \
         [heap]                  │                █\n  \
         heap, 8 KiB, 2 faults   │█\n                          \
                                 └─────────────────────────────────\n                           \
                                  0               5 s\n\n\
         \x20 faults per cell: █ one\n"
    );
}

#[test]
fn a_scale_of_few_counts_shows_each() {
    let mut loaded = made_up::empty();
    let mut scale = |faults: usize| {
        loaded.analysis.faults = made_up::empty().analysis.faults;
        for row in [(TEXT, 0x40_0000), (HEAP, 0x100_0000)].repeat(faults) {
            let row = Row { mapping: row.0, addr: row.1, ..Row::default() };
            made_up::push(&mut loaded.analysis, row);
        }
        made_up::push(&mut loaded.analysis, Row { mapping: MODEL, ..Row::default() });
        let text = heatmap::render(&loaded, 10, Layout::PIPED, Charset::Unicode);
        text.lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(scale(1), "  faults per cell: █ one");
    assert_eq!(scale(2), "  faults per cell: ░ 1, █ 2");
    assert_eq!(scale(3), "  faults per cell: ░ 1, ▓ 2, █ 3");
    assert_eq!(scale(4), "  faults per cell: 1 ░▒▓█ 4 (logarithmic)");
}

#[test]
fn plots_show_the_time_that_is_selected() {
    let span = |loaded: &Loaded| (Span::of(loaded).from_ns, Span::of(loaded).to_ns);
    let mut loaded = made_up::empty();
    assert_eq!(span(&loaded), (0.0, 10e9));
    loaded.members[0].recorded_ns = 9_000_000_000..10_000_000_000;
    assert_eq!(span(&loaded), (9e9, 10e9));
    let select = |windows: &[Range<u64>]| Selected { windows: windows.into(), ..SELECTED };
    loaded.selection = Some(select(&[]));
    assert_eq!(span(&loaded), (9e9, 10e9));
    loaded.selection = Some(select(from_ref(&(2_000_000_000..4_000_000_000))));
    assert_eq!(span(&loaded), (2e9, 4e9));
    loaded.selection = Some(select(&[100..200, 300..400]));
    assert_eq!(span(&loaded), (100.0, 400.0));
    // Nothing is left outside, whatever the file says.
    made_up::push(&mut loaded.analysis, Row { time: 50, ..Row::default() });
    made_up::push(&mut loaded.analysis, Row { time: 600, ..Row::default() });
    assert_eq!(span(&loaded), (50.0, 601.0));
    loaded.selection = Some(select(from_ref(&(7..7))));
    loaded.analysis.faults = made_up::empty().analysis.faults;
    assert_eq!(span(&loaded), (7.0, 8.0));
}

#[test]
fn plots_say_what_is_selected() {
    let mut loaded = made_up::empty();
    made_up::push(&mut loaded.analysis, Row { latency: Some(2_000), ..Row::default() });
    let windows = from_ref(&(1_500_000_000..2_000_000_000)).into();
    loaded.analysis.faults.time_ns[0] = 1_600_000_000;
    loaded.selection = Some(Selected { what: "class minor".to_owned(), windows });
    let layout = Layout::PIPED;
    let histogram = histogram::render(&loaded, layout, Charset::Unicode);
    assert_eq!(histogram.lines().nth(2), Some("  only class minor"));
    let heatmap = heatmap::render(&loaded, 10, layout, Charset::Unicode);
    assert_eq!(heatmap.lines().nth(1), Some("  only class minor"));
    assert_eq!(heatmap.lines().nth(2), Some("  time: 1.5 s to 2 s"));
}

#[test]
fn plots_of_nothing_say_so() {
    let mut loaded = made_up::empty();
    let layout = Layout::PIPED;
    assert_eq!(
        histogram::render(&loaded, layout, Charset::Unicode),
        "run.pft: latency of 0 faults\n  entry to completion\n"
    );
    assert_eq!(
        heatmap::render(&loaded, 10, layout, Charset::Unicode),
        "run.pft: addresses over time: no faults\n"
    );
    made_up::push(&mut loaded.analysis, Row { latency: None, ..Row::default() });
    loaded.facts.insert(pft::keys::fact::CAPTURE_LATENCY.to_owned(), "no".to_owned());
    assert_eq!(
        histogram::render(&loaded, layout, Charset::Unicode),
        "run.pft: latency of 0 faults\n  entry to completion\n  latencies were not recorded\n"
    );
}
