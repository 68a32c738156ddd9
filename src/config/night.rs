//! DREAMING_NIGHT_HOURS: a daily window in local civil time, asked as a predicate of now.
//!
//! Called by the energy gates and the supervisor's schedule. Pure: it never reads a clock and never computes a
//! duration, so a clock that jumps (summer time, suspend, a hand on the clock) needs no special case.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{Zoned, civil};

/// Minutes of a civil day.
const DAY: u16 = 24 * 60;

/// How long every gate must stay open before a session begins: longer than a pause between two commands of a build.
pub const SETTLING: Duration = Duration::from_secs(30);

/// A scenario takes a minute at the least; a night without room for one is no night.
pub const SHORTEST_WORK: Duration = Duration::from_mins(1);

/// Half-open, from start to end; wraps past midnight where start is later than end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NightHours {
    /// Minutes since midnight.
    pub start: u16,
    pub end: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NightHoursError {
    #[error("not two times of day with a dash between them")]
    Form,
    #[error("`{0}` is not a time of day, which is an hour from 0 to 23 or HH:MM")]
    Time(String),
    #[error("start and end are the same, so the night would never come")]
    Empty,
}

impl NightHours {
    /// Whether this local moment lies in the window; the start does, the end does not.
    #[must_use]
    pub fn contains(&self, local: &Zoned) -> bool {
        let now = minute_of(local.time());
        if self.start < self.end {
            self.start <= now && now < self.end
        } else {
            self.start <= now || now < self.end
        }
    }

    /// The night that this moment belongs to: the day on which it ends. `None` outside the window.
    #[must_use]
    pub fn night_of(&self, local: &Zoned) -> Option<civil::Date> {
        if !self.contains(local) {
            return None;
        }
        let before_midnight = self.start > self.end && minute_of(local.time()) >= self.start;
        if before_midnight {
            // The calendar's last day has no tomorrow; jiff's calendar ends in the year 9999.
            Some(local.date().tomorrow().unwrap_or(local.date()))
        } else {
            Some(local.date())
        }
    }

    /// Length of the window by the wall's clock, in minutes.
    #[must_use]
    pub fn length_minutes(&self) -> u16 {
        (self.end + DAY - self.start) % DAY
    }
}

impl FromStr for NightHours {
    type Err = NightHoursError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (start, end) = text.split_once('-').ok_or(NightHoursError::Form)?;
        let night = Self {
            start: time(start, false)?,
            end: time(end, true)?,
        };
        if night.start == night.end {
            return Err(NightHoursError::Empty);
        }
        Ok(night)
    }
}

impl fmt::Display for NightHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |minutes: u16| match minutes % 60 {
            0 => (minutes / 60).to_string(),
            rest => format!("{:02}:{rest:02}", minutes / 60),
        };
        write!(f, "{}-{}", side(self.start), side(self.end))
    }
}

fn minute_of(time: civil::Time) -> u16 {
    let whole = |part: i8| u16::try_from(part).unwrap_or(0);
    whole(time.hour()) * 60 + whole(time.minute())
}

/// `24` is taken as the end of a day only: "22-24" says what it means, "24-6" does not.
fn time(text: &str, is_end: bool) -> Result<u16, NightHoursError> {
    let text = text.trim();
    let refused = || NightHoursError::Time(text.to_owned());
    let (hour, minute) = text.split_once(':').unwrap_or((text, "0"));
    let number = |part: &str| {
        let plain = !part.is_empty() && part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse::<u16>().ok()).flatten()
    };
    match (number(hour), number(minute)) {
        (Some(24), Some(0)) if is_end => Ok(0),
        (Some(hour @ 0..24), Some(minute @ 0..60)) => Ok(hour * 60 + minute),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn night(text: &str) -> NightHours {
        text.parse().expect(text)
    }

    #[track_caller]
    fn contains(hours: &str, at: &str, expected: bool) {
        let at: Zoned = at.parse().expect(at);
        assert_eq!(night(hours).contains(&at), expected, "{hours} at {at}");
    }

    #[test]
    fn reads_hours_and_minutes_and_shows_them_again() {
        for (text, start, end) in [
            ("2-6", 120, 360),
            ("22-6", 1320, 360),
            ("23:30-05:15", 1410, 315),
            (" 2 - 06:00 ", 120, 360),
            ("22-24", 1320, 0),
            ("0-1", 0, 60),
        ] {
            assert_eq!(night(text), NightHours { start, end }, "{text}");
            assert_eq!(night(&night(text).to_string()), night(text), "{text}");
        }
        assert_eq!(night("23:30-05:15").to_string(), "23:30-05:15");
        assert_eq!(night("02:00-6").to_string(), "2-6");
    }

    #[test]
    fn refuses_what_is_no_window() {
        for text in ["2-2", "0-24", "14:30-14:30"] {
            assert_eq!(
                text.parse::<NightHours>(),
                Err(NightHoursError::Empty),
                "{text}"
            );
        }
        for text in ["", "2", "2:00", "always"] {
            assert_eq!(
                text.parse::<NightHours>(),
                Err(NightHoursError::Form),
                "{text}"
            );
        }
        for text in [
            "24-6", "25-6", "2-6-8", "-1-6", "2:60-6", "2:5x-6", "2-", "-", "+2-6", "2:-6", "002-6",
        ] {
            assert!(
                matches!(text.parse::<NightHours>(), Err(NightHoursError::Time(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn is_half_open_and_wraps_past_midnight() {
        contains("2-6", "2026-01-10T01:59:59+01:00[Europe/Berlin]", false);
        contains("2-6", "2026-01-10T02:00:00+01:00[Europe/Berlin]", true);
        contains("2-6", "2026-01-10T05:59:59.999+01:00[Europe/Berlin]", true);
        contains("2-6", "2026-01-10T06:00:00+01:00[Europe/Berlin]", false);
        contains("22-6", "2026-01-10T23:00:00+01:00[Europe/Berlin]", true);
        contains("22-6", "2026-01-10T00:00:00+01:00[Europe/Berlin]", true);
        contains("22-6", "2026-01-10T06:00:00+01:00[Europe/Berlin]", false);
        contains("22-6", "2026-01-10T21:59:59+01:00[Europe/Berlin]", false);
    }

    #[test]
    fn the_missing_hour_of_spring_shortens_the_night_and_nothing_else() {
        // At 02:00 the clock goes to 03:00.
        contains("2-6", "2026-03-29T01:59:59+01:00[Europe/Berlin]", false);
        contains("2-6", "2026-03-29T03:00:00+02:00[Europe/Berlin]", true);
        contains("2-6", "2026-03-29T06:00:00+02:00[Europe/Berlin]", false);
        // A window that lies in the hour that does not exist has no moment that night.
        let mut at: Zoned = "2026-03-29T00:00:00+01:00[Europe/Berlin]".parse().unwrap();
        for _ in 0..23 * 60 {
            assert!(!night("2:10-2:50").contains(&at), "{at}");
            at = at.checked_add(jiff::Span::new().minutes(1)).unwrap();
        }
    }

    #[test]
    fn the_doubled_hour_of_autumn_is_inside_both_times() {
        // At 03:00 summer time the clock goes back to 02:00.
        contains("2-6", "2026-10-25T02:30:00+02:00[Europe/Berlin]", true);
        contains("2-6", "2026-10-25T02:30:00+01:00[Europe/Berlin]", true);
        contains(
            "2:15-2:45",
            "2026-10-25T02:50:00+02:00[Europe/Berlin]",
            false,
        );
        contains(
            "2:15-2:45",
            "2026-10-25T02:20:00+01:00[Europe/Berlin]",
            true,
        );
        // Both belong to one night, so that one completed session serves both.
        let first: Zoned = "2026-10-25T02:30:00+02:00[Europe/Berlin]".parse().unwrap();
        let again: Zoned = "2026-10-25T02:30:00+01:00[Europe/Berlin]".parse().unwrap();
        assert_eq!(night("2-6").night_of(&first), night("2-6").night_of(&again));
    }

    #[test]
    fn a_clock_that_jumps_is_answered_from_the_new_time_alone() {
        // Suspended at noon, resumed in the middle of the night; then set back by hand.
        contains("2-6", "2026-01-10T12:00:00+01:00[Europe/Berlin]", false);
        contains("2-6", "2026-01-11T04:00:00+01:00[Europe/Berlin]", true);
        contains("2-6", "2026-01-11T01:00:00+01:00[Europe/Berlin]", false);
        // The traveller: one instant, two answers.
        contains("2-6", "2026-01-11T04:00:00+01:00[Europe/Berlin]", true);
        contains("2-6", "2026-01-10T22:00:00-05:00[America/New_York]", false);
    }

    #[test]
    fn a_night_is_named_after_the_day_on_which_it_ends() {
        let late: Zoned = "2026-01-10T23:00:00+01:00[Europe/Berlin]".parse().unwrap();
        let early: Zoned = "2026-01-11T05:00:00+01:00[Europe/Berlin]".parse().unwrap();
        let noon: Zoned = "2026-01-11T12:00:00+01:00[Europe/Berlin]".parse().unwrap();
        let hours = night("22-6");
        assert_eq!(hours.night_of(&late), Some(civil::date(2026, 1, 11)));
        assert_eq!(hours.night_of(&early), Some(civil::date(2026, 1, 11)));
        assert_eq!(hours.night_of(&noon), None);
        assert_eq!(
            night("2-6").night_of(&early),
            Some(civil::date(2026, 1, 11))
        );
        assert_eq!(hours.length_minutes(), 8 * 60);
        assert_eq!(night("2-6").length_minutes(), 4 * 60);
    }
}
