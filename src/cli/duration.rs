//! Durations as people type them: `20m`, `1h30m`, `45s`, `2d`. Pure; called by `dream --for` and by `pause`.

use std::time::Duration;

/// The longest that can be asked for: a year. Longer is a typing error, or means "no limit", which is said by leaving
/// it out.
const LONGEST: Duration = Duration::from_hours(366 * 24);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a duration such as 45s, 20m, 1h30m or 2d (more than nothing, at most a year)"
)]
pub struct DurationError(String);

/// Reads one duration: numbers with units, the larger unit first, each unit at most once. For clap's `value_parser`.
///
/// # Errors
/// On anything else, with the text.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let wrong = || DurationError(text.to_owned());
    let mut rest = text.trim();
    let mut total: u64 = 0;
    let mut larger = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        let after = &rest[digits..];
        let unit = match after.bytes().next() {
            Some(b'd') => 86_400,
            Some(b'h') => 3600,
            Some(b'm') => 60,
            Some(b's') => 1,
            Some(_) | None => return Err(wrong()),
        };
        if unit >= larger {
            return Err(wrong());
        }
        larger = unit;
        total = number
            .checked_mul(unit)
            .and_then(|seconds| total.checked_add(seconds))
            .ok_or_else(wrong)?;
        rest = &after[1..];
    }
    let total = Duration::from_secs(total);
    if total.is_zero() || total > LONGEST {
        return Err(wrong());
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_people_type_them() {
        for (text, seconds) in [
            ("45s", 45),
            ("20m", 1200),
            ("1h30m", 5400),
            (" 2d ", 172_800),
            ("1d2h3m4s", 93_784),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "0s",
            "5",
            "m",
            "1m1h",
            "1h1h",
            "-1h",
            "1.5h",
            "1h 30m",
            "99999999999999999999s",
            "400d",
            "1é",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,12}") {
            parse(&text).ok();
        }
    }
}
