//! Moments as people type them: `2026-11-20`, `2026-11-20T03:00`, `2026-11-20T03:00:00Z`. What names no zone is meant where the
//! owner is. Called by `learning sessions` and `experience tail`.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::clock;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no moment such as 2026-11-20 (a whole day here), 2026-11-20T03:00 (here) or 2026-11-20T03:00:00Z"
)]
pub struct MomentError(String);

/// The first instant of what is meant: of a day its midnight. For clap's `value_parser`.
///
/// # Errors
/// On anything else, with the text.
pub fn since(text: &str) -> Result<Timestamp, MomentError> {
    meant(text).map(|(first, _)| first)
}

/// The last instant of what is meant: of a day its last nanosecond. For clap's `value_parser`.
///
/// # Errors
/// On anything else, with the text.
pub fn until(text: &str) -> Result<Timestamp, MomentError> {
    meant(text).map(|(_, last)| last)
}

fn meant(text: &str) -> Result<(Timestamp, Timestamp), MomentError> {
    let text = text.trim();
    span(text, clock::local().time_zone()).ok_or_else(|| MomentError(text.to_owned()))
}

/// First and last instant of a day, twice the same of a time.
fn span(text: &str, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some((at, at));
    }
    let civil: DateTime = text.parse().ok()?;
    let first = civil.to_zoned(zone.clone()).ok()?.timestamp();
    if text.contains([':', 'T', 't', ' ']) {
        return Some((first, first));
    }
    let next = civil.date().tomorrow().ok()?;
    let next = next.to_zoned(zone.clone()).ok()?.timestamp();
    let last = next.checked_sub(SignedDuration::from_nanos(1)).ok()?;
    Some((first, last))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, first: &str, last: &str) {
        let zone = TimeZone::get("Europe/Warsaw").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(span(text, &zone), Some((at(first), at(last))), "{text}");
    }

    #[test]
    fn moments_are_read_as_people_type_them() {
        check(
            "2026-11-20",
            "2026-11-19T23:00:00Z",
            "2026-11-20T22:59:59.999999999Z",
        );
        let three = "2026-11-20T03:00:00Z";
        check("2026-11-20T03:00:00Z", three, three);
        check("2026-11-20T04:00+01:00", three, three);
        check("2026-11-20T04:00", three, three);
        check("2026-11-20 04:00", three, three);
        // The day on which the clocks go back is an hour longer.
        check(
            "2026-10-25",
            "2026-10-24T22:00:00Z",
            "2026-10-25T22:59:59.999999999Z",
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "yesterday", "2026-13-01", "20m", "2026-11"] {
            assert_eq!(since(text), Err(MomentError(text.to_owned())), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,24}") {
            since(&text).ok();
            until(&text).ok();
        }
    }
}
