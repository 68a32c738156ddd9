//! Parses, runs, prints the error chain with its hint, sets the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    dreamer::cli::main()
}
