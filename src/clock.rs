//! The only place that reads a clock. Everything else is handed a time, so that tests may choose it.
//!
//! Wall time is for names, files and the night window; monotonic time is for durations and deadlines.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the one reader of the clocks"
)]

use jiff::{Timestamp, Zoned};

use crate::dream::Finding;

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

/// How long the machine has slept in all since it booted; zero where the system does not tell.
pub fn suspended() -> std::time::Duration {
    #[cfg(target_os = "linux")]
    {
        use nix::time::{ClockId, clock_gettime};
        let read = |clock| clock_gettime(clock).map(std::time::Duration::from);
        let boot = read(ClockId::CLOCK_BOOTTIME);
        let awake = read(ClockId::CLOCK_MONOTONIC);
        if let (Ok(boot), Ok(awake)) = (boot, awake) {
            return boot.saturating_sub(awake);
        }
    }
    std::time::Duration::ZERO
}

/// UTC with milliseconds and a trailing `Z`: the form of every timestamp in a file.
pub fn stamp(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// No machine that runs this program lives before its own making; a clock that says so was never set.
const MADE_IN: i16 = 2026;

/// For `dreamer doctor`: whether wall time can name a night.
#[must_use]
pub fn finding() -> Finding {
    let now = local();
    if now.year() < MADE_IN {
        return Finding::fail(
            "clock",
            format!("the clock says {}", now.date()),
            "set the clock, or let `timedatectl set-ntp true` do it",
        );
    }
    let shown = now.strftime("%Y-%m-%d %H:%M %Z");
    if now.time_zone().is_unknown() {
        return Finding::warn(
            "clock",
            format!("{shown}: the time zone is not known, night hours count in UTC"),
            "set it: `timedatectl set-timezone Area/City`, or the variable TZ",
        );
    }
    Finding::ok("clock", shown.to_string())
}
