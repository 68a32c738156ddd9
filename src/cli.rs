//! The command line: parses, calls, renders. No decisions. One file a command family.
//!
//! Data goes to stdout, everything else to stderr. Every reading command takes `--json`.

use std::io::Write;

use crate::config::{Origins, Settings};

pub mod client;
pub mod config;
pub mod doctor;
pub mod dream;
pub mod duration;
pub mod experience;
pub mod journal;
pub mod knowledge;
pub mod learning;
pub mod lessons;
pub mod models;
pub mod moment;
pub mod report;
mod root;
pub mod sandbox;
pub mod service;
pub mod stop;
pub mod text;
pub mod verify;
pub mod wake_test;

pub use root::main;
pub use stop::{Stop, asked_to_stop};

/// How a command ended; the number is the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    Done = 0,
    /// The answer is "no".
    No = 1,
    /// It could not be decided: no sandbox, no model, infrastructure.
    Undecided = 2,
    /// Bad usage or configuration.
    Usage = 64,
    Interrupted = 130,
}

/// What every command is given.
#[derive(Debug)]
pub struct Context {
    pub settings: Settings,
    /// Where each setting came from.
    pub origins: Origins,
    /// `--json`: one JSON value (or one a line) on stdout instead of text.
    pub json: bool,
    /// Stdout is a terminal whose owner wants colours.
    pub colour: bool,
}

/// Writes a line of data to stdout; a reader that went away (a closed pipe) is no error.
pub(crate) fn say(line: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// A word to the person beside the data; a closed stderr loses it and nothing else.
pub(crate) fn hint(text: &str) {
    writeln!(std::io::stderr().lock(), "{text}").ok();
}

/// A request that makes no sense as it stands: exit code 64.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);
