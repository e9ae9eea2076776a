//! A session that keeps the last seconds: when a segment of them begins, and when they are written.

use std::path::PathBuf;

use super::storing::Due;
use super::{News, Session};
use crate::store::{DumpReason, Dumped};

/// What a flight recorder wrote.
#[derive(Debug, Clone, Default)]
pub struct Windows {
    /// The files, in order.
    pub written: Vec<PathBuf>,
    /// Their size together.
    pub bytes: u64,
    /// Files that could not be written, or not to their end.
    pub failed: u64,
    /// Triggers for which none was written: too soon after another, or others were still under way.
    pub suppressed: u64,
}

impl Windows {
    /// Tells what became of files, and remembers it.
    pub(super) fn tell(&mut self, files: Vec<Dumped>, mut on_news: impl FnMut(News<'_>)) {
        for dumped in files {
            on_news(News::Dumped(&dumped));
            match dumped.result {
                Ok(bytes) => {
                    self.written.push(dumped.path);
                    self.bytes += bytes;
                }
                Err(_) => self.failed += 1,
            }
        }
    }
}

impl Session {
    /// Begins a segment when it is due, and has the window written when that was asked for or a fault
    /// was too slow. `walked_ns` is the time up to which the rings have been walked.
    pub(super) fn fly(&mut self, asked: bool, walked_ns: u64) {
        if self.store.wants_segment(walked_ns) {
            self.flush(Due::All);
            self.store.begin_segment(walked_ns);
            self.drain.forget_stack_pointers();
            self.drain.forget_cgroups();
            let living: Vec<u32> = self.drain.processes.keys().copied().collect();
            living.into_iter().for_each(|pid| self.drain.want_first(pid));
        }
        let slowest_ns = std::mem::take(&mut self.drain.slowest_ns);
        let slow = self.trigger_ns.is_some_and(|trigger_ns| slowest_ns > trigger_ns);
        for (reason, wanted) in [(DumpReason::Latency, slow), (DumpReason::Signal, asked)] {
            if wanted && self.store.wants_dump(reason, walked_ns) {
                self.flush(Due::All);
                self.store.dump(reason);
            }
        }
    }
}
