//! Secrets planted in traces, and what is left of them.

mod addresses;
mod leaks;
mod people;
mod planted;
mod recovered;
mod trace;
