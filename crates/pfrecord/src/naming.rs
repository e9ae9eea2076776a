//! Names what was hit: functions with what was inlined into them, variables, sections, build ids.
//!
//! Files are of any content and any size, and reading debug information cannot be broken off. So it is
//! done on a thread of its own ([`reading`]), which is left to itself when the time is over: what it
//! has found by then is what there is.

mod reading;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use pfcapture::{Explain, Explained, Limits, Wanted};
use pft::record::{ModuleRecord, SymbolRecord};

use reading::{Found, Reading};

/// How often is looked whether the time is over.
const PATIENCE: Duration = Duration::from_millis(20);

/// Names what was hit.
#[derive(Debug, Clone, Copy)]
pub struct Namer {
    /// Without names, modules are only identified: build id, segments and sections.
    pub names: bool,
}

impl Explain for Namer {
    fn explain(&mut self, wanted: Wanted, limits: Limits<'_>) -> Explained {
        let mut result = Collected::default();
        let asked = if self.names { wanted.asked() } else { 0 };
        let (unknown, beyond) = (wanted.unknown, wanted.beyond);
        let given_up = Arc::new(AtomicBool::new(false));
        let (findings, found) = channel();
        let reading = Reading { findings, names: self.names, given_up: Arc::clone(&given_up) };
        let thread =
            std::thread::Builder::new().name("names".into()).spawn(move || reading.read(wanted));
        // Without a thread nothing is found.
        drop(thread);
        while !limits.are_reached() {
            match found.recv_timeout(PATIENCE) {
                Ok(found) => result.take(found),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        given_up.store(true, Ordering::Relaxed);
        found.try_iter().for_each(|found| result.take(found));
        let looked_up = result.looked_up + unknown;
        Explained {
            modules: result.modules.into_values().collect(),
            named: result.code.len() as u64,
            symbols: result.code.into_values().chain([result.data]).flatten().collect(),
            asked,
            skipped: if self.names { asked.saturating_sub(looked_up).max(beyond) } else { 0 },
        }
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Collected {
    modules: BTreeMap<u32, ModuleRecord>,
    /// Functions by module and address.
    code: BTreeMap<(u32, u64), Vec<SymbolRecord>>,
    data: Vec<SymbolRecord>,
    looked_up: u64,
}

impl Collected {
    fn take(&mut self, found: Found) {
        match found {
            Found::Module(module) => {
                self.modules.insert(module.id, module);
            }
            Found::LookedUp(places) => self.looked_up += places,
            Found::Code(functions) => {
                let first = functions.first();
                if let Some(place) = first.map(|first| (first.module, first.address)) {
                    // What is found later has files and lines.
                    self.code.insert(place, functions);
                }
            }
            Found::Data(objects) => self.data.extend(objects),
        }
    }
}
