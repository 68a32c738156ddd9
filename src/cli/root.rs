//! The command tree: one line a command, each handed to the file of its family.

use std::process::ExitCode;

use clap::Parser;

/// Turns your own docs and code into verified training data while you are away.
#[derive(Debug, Parser)]
#[command(name = "dreamer", version)]
struct Cli {}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let _ = Cli::parse();
    ExitCode::SUCCESS
}
