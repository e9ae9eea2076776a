//! A bar on standard error while a large trace is read.

use std::io::{self, IsTerminal as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::load::Progress;

/// What takes no longer than this has no bar.
const SILENT: Duration = Duration::from_millis(500);

/// A bar that appears when reading takes long, and is gone at the end.
#[derive(Debug)]
pub struct Bar {
    begun: Instant,
    silent: Duration,
    target: Mutex<Option<ProgressDrawTarget>>,
    bar: ProgressBar,
}

impl Bar {
    /// A bar on standard error; none if that is no terminal, or if it `is_quiet`.
    #[must_use]
    pub fn new(is_quiet: bool) -> Option<Self> {
        Self::of(is_quiet, "faults")
    }

    /// The same of something else, in the plural.
    #[must_use]
    pub fn of(is_quiet: bool, what: &str) -> Option<Self> {
        let is_wanted = !is_quiet && io::stderr().is_terminal();
        is_wanted.then(|| Self::on(ProgressDrawTarget::stderr(), SILENT, what))
    }

    fn on(target: ProgressDrawTarget, silent: Duration, what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        // The template is a constant; a bar in another style would do as well.
        let template =
            format!("reading {{bar:30}} {{percent:>3}} % of {{human_len}} {what} {{eta}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Self { begun: Instant::now(), silent, target: Mutex::new(Some(target)), bar }
    }

    /// Writes what is a line of its own, with the bar out of the way.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn aside(&self, write: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        self.bar.suspend(write)
    }

    /// Shows how far reading is.
    pub fn show(&self, progress: Progress) {
        self.show_of(progress.faults, progress.total);
    }

    /// Shows that so many of all have been read.
    pub fn show_of(&self, read: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(read);
        if self.begun.elapsed() >= self.silent
            && let Ok(mut target) = self.target.lock()
            && let Some(target) = target.take()
        {
            self.bar.set_draw_target(target);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::Bar;
    use crate::load::Progress;

    /// What is written to a terminal, with a mark where a line is cleared.
    #[derive(Debug, Clone, Default)]
    struct Terminal(Arc<Mutex<String>>);

    impl Terminal {
        fn add(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.add(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.add(text)
        }
        fn clear_line(&self) -> io::Result<()> {
            self.add("<cleared>")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn shown(silent: Duration) -> (String, String) {
        let terminal = Terminal::default();
        let bar =
            Bar::on(ProgressDrawTarget::term_like(Box::new(terminal.clone())), silent, "faults");
        bar.show(Progress { faults: 250_000, total: 1_000_000 });
        bar.bar.tick();
        let text = terminal.0.lock().unwrap().clone();
        drop(bar);
        let end = terminal.0.lock().unwrap()[text.len()..].to_owned();
        (text, end)
    }

    #[test]
    fn a_bar_is_gone_at_the_end() {
        let (text, end) = shown(Duration::ZERO);
        assert!(text.contains(" 25 % of 1,000,000 faults"), "{text}");
        assert!(end.trim_end().ends_with("<cleared>"), "{end}");
    }

    #[test]
    fn what_is_quick_has_none() {
        assert_eq!(shown(Duration::MAX), (String::new(), String::new()));
    }
}
