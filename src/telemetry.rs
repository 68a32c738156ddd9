//! Logs to standard error: which level, which colours, with or without a time.
//!
//! `main` calls [`start`] once, before anything that logs. It reads nothing from the process itself, and standard output
//! belongs to data alone.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Mutex;

use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::Sources;

pub mod rotate;

use rotate::Rotating;

/// How logs look; made from the process by [`Output::from_process`], by hand in tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// How often `--verbose` was given: warnings, then our own information, debugging, everything.
    pub verbose: u8,
    /// RUST_LOG; wins over `verbose`.
    pub filter: Option<String>,
    pub colours: bool,
    /// The journal of systemd writes the time itself.
    pub timestamps: bool,
    /// Instead of standard error: a file that is turned when it is full.
    pub file: Option<PathBuf>,
}

/// Why logging did not start. Exit code 64.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("RUST_LOG is no log filter: {filter:?}")]
    Filter {
        filter: String,
        #[source]
        source: ParseError,
    },
    #[error("the log file {path} cannot be written")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("logging was started twice")]
    Twice,
}

impl Output {
    /// Honours NO_COLOR, RUST_LOG and JOURNAL_STREAM as `sources` holds them.
    #[must_use]
    pub fn from_process(sources: &Sources, verbose: u8) -> Self {
        let variable = |name: &str| sources.variable(name).map(str::to_owned);
        Self {
            verbose,
            filter: variable("RUST_LOG"),
            colours: variable("NO_COLOR").is_none() && std::io::stderr().is_terminal(),
            timestamps: variable("JOURNAL_STREAM").is_none(),
            file: None,
        }
    }

    /// The filter in force: other people's crates speak up only when they warn, or when everything is asked for.
    fn filter(&self) -> Result<EnvFilter, TelemetryError> {
        let usual = match self.verbose {
            0 => "warn",
            1 => "warn,dreamer=info",
            2 => "info,dreamer=debug",
            3.. => "trace",
        };
        let filter = self.filter.as_deref().unwrap_or(usual);
        EnvFilter::builder()
            .parse(filter)
            .map_err(|source| TelemetryError::Filter {
                filter: filter.to_owned(),
                source,
            })
    }
}

/// Sends the program's logs to standard error from here on.
///
/// # Errors
/// A filter that does not parse, or a second call in one process.
pub fn start(output: &Output) -> Result<(), TelemetryError> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(output.filter()?)
        .with_target(output.verbose > 1);
    if let Some(path) = &output.file {
        let file = Rotating::open(path, rotate::FULL_BYTES).map_err(|source| {
            let path = path.clone();
            TelemetryError::File { path, source }
        })?;
        let lines = lines.with_ansi(false).with_writer(Mutex::new(file));
        return lines.finish().try_init().map_err(|_| TelemetryError::Twice);
    }
    let lines = lines.with_writer(std::io::stderr).with_ansi(output.colours);
    let started = if output.timestamps {
        lines.finish().try_init()
    } else {
        lines.without_time().finish().try_init()
    };
    started.map_err(|_| TelemetryError::Twice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(pairs: &[(&str, &str)], verbose: u8) -> Output {
        let env = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.into()))
            .collect();
        let sources = Sources {
            env,
            ..Sources::default()
        };
        Output::from_process(&sources, verbose)
    }

    #[test]
    fn the_environment_chooses_filter_colours_and_times() {
        let journal = output(
            &[
                ("JOURNAL_STREAM", "8:1"),
                ("NO_COLOR", "1"),
                ("RUST_LOG", "info"),
            ],
            0,
        );
        assert!(!journal.timestamps && !journal.colours);
        assert_eq!(journal.filter.as_deref(), Some("info"));
        let bare = output(&[("RUST_LOG", "")], 0);
        assert!(bare.timestamps && bare.filter.is_none());
    }

    #[test]
    fn rust_log_wins_over_verbose_and_a_bad_one_is_refused() {
        let shown = |output: &Output| output.filter().unwrap().to_string();
        assert_eq!(shown(&output(&[], 0)), "warn");
        assert!(shown(&output(&[], 1)).contains("dreamer=info"));
        assert_eq!(shown(&output(&[("RUST_LOG", "error")], 3)), "error");
        let refused = output(&[("RUST_LOG", "dreamer=loud=er")], 0).filter();
        assert!(matches!(refused, Err(TelemetryError::Filter { .. })));
    }
}
