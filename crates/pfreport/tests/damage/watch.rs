//! Ends the tests, with a name, where one hangs.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// What none of the things that are done one after the other takes: a hang, not a slow machine.
const HANG: Duration = Duration::from_secs(300);

pub struct Watch(Sender<String>);

impl Watch {
    pub fn new() -> Self {
        let (sender, news) = channel::<String>();
        thread::spawn(move || {
            let mut what = String::from("the start");
            loop {
                match news.recv_timeout(HANG) {
                    Ok(next) => what = next,
                    Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) => {
                        eprintln!("hangs: {what}");
                        std::process::abort();
                    }
                }
            }
        });
        Self(sender)
    }

    /// This begins now.
    pub fn look(&self, what: &str) {
        self.0.send(what.to_owned()).unwrap();
    }
}
