//! The system calls that need `unsafe`; nothing else in this crate has any.
#![allow(unsafe_code)]

mod event;
mod memory;
mod process;
mod ring_map;
mod socket;

use std::io;

pub use event::{Bound, disable, enable, event_id, pause_output, perf_event_open, set_output};
pub use memory::{mapping_at, read_own_memory, touch_fresh_pages};
pub use process::{Guise, Manner, Reaped, fork_and_wait, is_secure_execution, own_cpu_ns, reap};
pub use ring_map::RingMap;
pub use socket::peer_credentials;

/// The errno of a call that failed.
fn check(rc: i32) -> io::Result<()> {
    if rc < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
