//! `pf-workload`: makes a known number of page faults of one kind and prints what it made.
//!
//! The output is described in the documentation of the library `pftestkit`.

mod cli;
mod modes;
mod pages;
mod session;
mod sys;
mod workfile;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Args;
use crate::session::{Session, Skip};

fn main() -> ExitCode {
    let args = Args::parse();
    sys::mapping::begin_at(args.begin_at);
    let Err(error) = modes::run(&args, Session::new(&args)) else {
        return ExitCode::SUCCESS;
    };
    if let Some(Skip(reason)) = error.downcast_ref() {
        println!("skip reason={reason}");
        return ExitCode::from(pftestkit::EXIT_SKIPPED as u8);
    }
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
