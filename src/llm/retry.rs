//! When a refused request may be tried again and how long to wait first, pure: the caller does the waiting.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Tries of one request after "busy" answers. Four doublings from `FIRST_WAIT` outlast the few seconds in which a local
/// server loads a model of a gigabyte.
pub(super) const BUSY_TRIES: u32 = 5;

/// Tries of one request when nothing listens: a server that restarts is back within a second or is gone.
pub(super) const CONNECT_TRIES: u32 = 3;

/// Tries of one request on a server of ours that falls over it and is started again: what fells it twice fells it again, and
/// others wait meanwhile.
pub(super) const FALL_TRIES: u32 = 2;

const FIRST_WAIT: Duration = Duration::from_millis(500);

/// A server that asks for more is treated as asking for this much: a night is short.
pub(super) const MAX_WAIT: Duration = Duration::from_mins(1);

/// True for the answers that mean "later".
pub(super) fn is_busy(status: u16) -> bool {
    matches!(status, 429 | 503)
}

/// How long to wait before try `tried + 1`; `retry_after` is the header's text.
pub(super) fn wait(tried: u32, retry_after: Option<&str>, now: Timestamp) -> Duration {
    retry_after
        .and_then(|text| parse_retry_after(text, now))
        .unwrap_or_else(|| FIRST_WAIT * 2_u32.pow(tried.saturating_sub(1).min(8)))
        .min(MAX_WAIT)
}

/// RFC 9110, section 10.2.3: seconds, or an HTTP date.
fn parse_retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    // Parsing as RFC 2822 accepts the date form that RFC 9110 asks servers to send.
    let until = DateTimeParser::new().parse_timestamp(text).ok()?;
    let seconds = until.as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-21T02:00:00Z";

    #[track_caller]
    fn check(tried: u32, header: Option<&str>, seconds: f64) {
        let waited = wait(tried, header, NOW.parse().unwrap());
        assert!(
            (waited.as_secs_f64() - seconds).abs() < 1e-9,
            "{header:?} gave {waited:?}"
        );
    }

    #[test]
    fn seconds_are_obeyed_up_to_the_cap() {
        check(1, Some("3"), 3.0);
        check(1, Some(" 0 "), 0.0);
        check(1, Some("86400"), 60.0);
    }

    #[test]
    fn http_dates_are_obeyed_and_past_ones_mean_now() {
        check(1, Some("Sat, 21 Nov 2026 02:00:07 GMT"), 7.0);
        check(1, Some("Sat, 21 Nov 2026 01:00:00 GMT"), 0.0);
        check(1, Some("Sun, 22 Nov 2026 02:00:00 GMT"), 60.0);
    }

    #[test]
    fn without_a_usable_header_the_wait_doubles() {
        check(1, None, 0.5);
        check(3, None, 2.0);
        check(2, Some("soon"), 1.0);
        check(1, Some("-5"), 0.5);
        check(60, None, 60.0);
    }
}
