//! The live stream, fed by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

mod feed;
mod lines;
mod schema;
