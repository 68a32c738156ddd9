//! The only place that reads a clock. Everything else is handed a time, so that tests may choose it.
//!
//! Wall time is for names, files and the night window; monotonic time is for durations and deadlines.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one reader of the clocks"
)]

use jiff::{Timestamp, Zoned};

pub use tokio::time::Instant;

/// Wall time in UTC.
pub fn utc() -> Timestamp {
    Timestamp::now()
}

/// Wall time in the machine's own zone, as the night window needs it.
pub fn local() -> Zoned {
    Zoned::now()
}

/// Monotonic time; does not advance while the machine is suspended.
pub fn monotonic() -> Instant {
    Instant::now()
}

/// UTC with milliseconds and a trailing `Z`: the form of every timestamp in a file.
pub fn stamp(at: Timestamp) -> String {
    format!("{at:.3}")
}
