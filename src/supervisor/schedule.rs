//! Night and idle as predicates of now. Pure. Never a timer: a window is entered whenever somebody looks inside it.
//!
//! One completed session per night window and one per absence (from input to input); what a wake ended may begin
//! again.

use std::time::Duration;

use jiff::civil::Time;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Serialize};

use crate::config::{Dreaming, NightHours};
use crate::dream::{SessionReport, SessionStatus, Trigger, WakeReason};
use crate::energy::Presence;
use crate::energy::gate::{Window, span};

/// After a session that failed the service waits this long: long enough not to spin on a broken part, short enough to
/// still use the night once the part is back.
const AFTER_ERROR: Duration = Duration::from_mins(15);

/// A mark further ahead was written by a clock that was wrong, and says nothing. Smaller steps are what clocks are set by.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// What was already dreamed; survives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Marks {
    /// When the last night session completed.
    #[serde(default)]
    pub night_done: Option<Timestamp>,
    /// When the last idle session completed.
    #[serde(default)]
    pub absence_done: Option<Timestamp>,
    /// Nothing by itself before this moment: the last session failed.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
}

impl Marks {
    /// Those that can be true at this moment.
    fn believed(self, now: Timestamp) -> Self {
        let sound = |mark: &Timestamp| mark.duration_since(now) <= AHEAD;
        Self {
            night_done: self.night_done.filter(sound),
            absence_done: self.absence_done.filter(sound),
            not_before: self.not_before.filter(sound),
        }
    }

    /// Notes how a session of the service ended. `began` is what it began as, `trigger` what it ended as.
    pub fn ended(
        &mut self,
        began: Trigger,
        trigger: Trigger,
        report: &SessionReport,
        woken: Option<WakeReason>,
        now: Timestamp,
    ) {
        // A window that closed is a completed session, not a woken one.
        if woken.is_some_and(|reason| reason != WakeReason::WindowClosed) {
            return;
        }
        match report.status {
            SessionStatus::Error => self.not_before = now.checked_add(AFTER_ERROR).ok(),
            SessionStatus::Interrupted | SessionStatus::Busy => {}
            SessionStatus::Completed | SessionStatus::NoKnowledge => {
                if began == Trigger::Night || trigger == Trigger::Night {
                    self.night_done = Some(now);
                }
                // An idle session that became the night's has used up both.
                if began == Trigger::Idle {
                    self.absence_done = Some(now);
                }
            }
        }
    }
}

/// When the night that holds `now` began; `None` outside the window.
#[must_use]
pub fn night_began(night: NightHours, now: &Zoned) -> Option<Timestamp> {
    if !night.contains(now) {
        return None;
    }
    let start = i64::from(night.start);
    let since_midnight = i64::from(now.hour()) * 60 + i64::from(now.minute()) >= start;
    let day = if since_midnight {
        now.date()
    } else {
        now.date().checked_sub(1.day()).ok()?
    };
    let time = Time::midnight().wrapping_add(start.minutes());
    let began = day
        .to_datetime(time)
        .to_zoned(now.time_zone().clone())
        .ok()?;
    // In the hour that a clock change repeats, or where it swallowed the start, the beginning is never after now.
    Some(began.timestamp().min(now.timestamp()))
}

/// The two ways into a dream at this moment.
#[must_use]
pub fn window(now: &Zoned, presence: &Presence, dreaming: &Dreaming, marks: &Marks) -> Window {
    let utc = now.timestamp();
    let marks = &marks.believed(utc);
    let began = night_began(dreaming.night, now);
    let later = marks.not_before.filter(|moment| utc < *moment);
    let (night, idle) = match later {
        Some(moment) => {
            let why = format!(
                "the last session failed, next try after {}",
                crate::clock::stamp(moment)
            );
            (Err(why.clone()), Err(why))
        }
        None => (
            night(began, presence, dreaming, marks),
            idle(utc, presence, dreaming, marks),
        ),
    };
    Window {
        inside: began.is_some(),
        night,
        idle,
        reading: format!(
            "{}, {}",
            now.strftime("%H:%M"),
            crate::energy::gate::describe(presence)
        ),
        threshold: format!(
            "{} with {} without input, or {} without input",
            hours(dreaming.night),
            span(dreaming.night_quiet),
            span(dreaming.idle_threshold)
        ),
    }
}

/// True where neither way opens within `ahead`, if nobody gives input until then: there is no need to look.
#[must_use]
pub fn stays_closed(
    now: &Zoned,
    presence: &Presence,
    dreaming: &Dreaming,
    marks: &Marks,
    ahead: Duration,
) -> bool {
    let Ok(then) = now.checked_add(ahead) else {
        return false;
    };
    let later = Presence {
        last_input: presence.last_input.map(|ago| ago.saturating_add(ahead)),
        ..presence.clone()
    };
    let opens = |window: Window| window.night.is_ok() || window.idle.is_ok();
    // The end of a night within it opens nothing, and a start within it stays open until its end.
    !opens(window(now, presence, dreaming, marks)) && !opens(window(&then, &later, dreaming, marks))
}

fn night(
    began: Option<Timestamp>,
    presence: &Presence,
    dreaming: &Dreaming,
    marks: &Marks,
) -> Result<(), String> {
    let began = began.ok_or_else(|| format!("outside {}", hours(dreaming.night)))?;
    if presence.seen_within(dreaming.night_quiet) {
        return Err(format!("input within {}", span(dreaming.night_quiet)));
    }
    match marks.night_done {
        Some(done) if done >= began => Err("this night's session is done".to_owned()),
        Some(_) | None => Ok(()),
    }
}

fn idle(
    now: Timestamp,
    presence: &Presence,
    dreaming: &Dreaming,
    marks: &Marks,
) -> Result<(), String> {
    let Some(quiet) = presence.quiet_for() else {
        return Err("it is not known whether you are away".to_owned());
    };
    if !presence.is_idle(dreaming.idle_threshold) {
        return Err(format!("idle for {} only", span(quiet)));
    }
    let Some(done) = marks.absence_done else {
        return Ok(());
    };
    // The absence is another one when input came after its session.
    let since_done = Duration::try_from(now.duration_since(done)).unwrap_or_default();
    if presence.last_input.is_some_and(|ago| ago < since_done) {
        Ok(())
    } else {
        Err("this absence's session is done".to_owned())
    }
}

fn hours(night: NightHours) -> String {
    let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    format!("{}-{}", clock(night.start), clock(night.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dreaming(night: (u16, u16)) -> Dreaming {
        Dreaming {
            enabled: true,
            idle_threshold: Duration::from_mins(30),
            night: NightHours {
                start: night.0 * 60,
                end: night.1 * 60,
            },
            night_quiet: Duration::from_mins(5),
            max_scenarios: 10,
            complexity: crate::dream::Complexity::Medium,
            strict: true,
            opinion: false,
        }
    }

    fn at(text: &str) -> Zoned {
        text.parse().expect("a zoned time")
    }

    fn away(minutes: u64) -> Presence {
        Presence {
            last_input: Some(Duration::from_secs(minutes * 60)),
            blind: None,
            doing: None,
        }
    }

    #[track_caller]
    fn check(night: (u16, u16), now: &str, began: Option<&str>) {
        let night = dreaming(night).night;
        let expected = began.map(|text| at(text).timestamp());
        assert_eq!(night_began(night, &at(now)), expected, "{now}");
    }

    #[test]
    fn nothing_is_looked_for_until_just_before_a_way_opens() {
        let ahead = Duration::from_secs(30);
        let closed = |now: &str, presence: &Presence| {
            stays_closed(
                &at(now),
                presence,
                &dreaming((2, 6)),
                &Marks::default(),
                ahead,
            )
        };
        let away_since = |seconds| Presence {
            last_input: Some(Duration::from_secs(seconds)),
            blind: None,
            doing: None,
        };
        assert!(closed("2026-11-21T01:59:29[UTC]", &away(10)));
        assert!(!closed("2026-11-21T01:59:30[UTC]", &away(10)));
        assert!(!closed("2026-11-21T03:00[UTC]", &away(10)));
        assert!(closed("2026-11-21T03:00[UTC]", &away_since(269)));
        assert!(!closed("2026-11-21T03:00[UTC]", &away_since(270)));
        assert!(closed("2026-11-21T12:00[UTC]", &away_since(1769)));
        assert!(!closed("2026-11-21T12:00[UTC]", &away_since(1770)));
    }

    #[test]
    fn the_night_is_half_open_and_wraps_past_midnight() {
        let zone = "[Europe/Warsaw]";
        let z = |text: &str| format!("{text}{zone}");
        check((2, 6), &z("2026-11-21T01:59:59"), None);
        check((2, 6), &z("2026-11-21T02:00"), Some(&z("2026-11-21T02:00")));
        check((2, 6), &z("2026-11-21T05:59"), Some(&z("2026-11-21T02:00")));
        check((2, 6), &z("2026-11-21T06:00"), None);
        check(
            (22, 6),
            &z("2026-11-21T23:00"),
            Some(&z("2026-11-21T22:00")),
        );
        check(
            (22, 6),
            &z("2026-11-21T03:00"),
            Some(&z("2026-11-20T22:00")),
        );
        check((22, 6), &z("2026-11-21T12:00"), None);
    }

    #[test]
    fn an_hour_that_the_clock_change_repeats_belongs_to_one_night() {
        // 2026-10-25: 03:00 falls back to 02:00.
        let first = night_began(
            dreaming((2, 6)).night,
            &at("2026-10-25T02:30+02:00[Europe/Warsaw]"),
        );
        let again = night_began(
            dreaming((2, 6)).night,
            &at("2026-10-25T02:30+01:00[Europe/Warsaw]"),
        );
        assert!(first.is_some());
        assert_eq!(first, again);
    }

    #[test]
    fn a_start_that_the_clock_change_swallows_still_has_its_night() {
        // 2026-03-29: 02:00 springs to 03:00.
        let now = at("2026-03-29T03:00+02:00[Europe/Warsaw]");
        let began = night_began(dreaming((2, 6)).night, &now);
        assert!(began.is_some_and(|began| began <= now.timestamp()));
    }

    #[test]
    fn marks_of_a_clock_that_was_years_ahead_hold_nothing_up() {
        let (dreaming, now) = (dreaming((2, 6)), at("2026-11-21T03:00[UTC]"));
        let marks = |hours: i64| {
            let mark = Some(now.timestamp() + SignedDuration::from_hours(hours));
            Marks {
                night_done: mark,
                absence_done: mark,
                not_before: mark,
            }
        };
        let wrong = window(&now, &away(60), &dreaming, &marks(24 * 365));
        assert_eq!((wrong.night, wrong.idle), (Ok(()), Ok(())));
        let set_back = window(&now, &away(60), &dreaming, &marks(2));
        assert!(set_back.night.is_err() && set_back.idle.is_err());
    }

    #[test]
    fn a_night_session_runs_once_a_window_and_again_the_next_night() {
        let dreaming = dreaming((2, 6));
        let tonight = at("2026-11-21T03:00[UTC]");
        let mut marks = Marks::default();
        let done = SessionReport::empty(crate::ids::SessionId::new(), SessionStatus::Completed);
        assert_eq!(window(&tonight, &away(10), &dreaming, &marks).night, Ok(()));
        marks.ended(
            Trigger::Night,
            Trigger::Night,
            &done,
            None,
            tonight.timestamp(),
        );
        assert!(
            window(&tonight, &away(10), &dreaming, &marks)
                .night
                .is_err()
        );
        let next = at("2026-11-22T02:00[UTC]");
        assert_eq!(window(&next, &away(10), &dreaming, &marks).night, Ok(()));
    }

    #[test]
    fn an_absence_is_used_once_and_input_begins_another() {
        let dreaming = dreaming((2, 6));
        let mut marks = Marks::default();
        let done = SessionReport::empty(crate::ids::SessionId::new(), SessionStatus::NoKnowledge);
        let noon = at("2026-11-21T12:00[UTC]");
        assert_eq!(window(&noon, &away(40), &dreaming, &marks).idle, Ok(()));
        marks.ended(Trigger::Idle, Trigger::Idle, &done, None, noon.timestamp());
        let later = at("2026-11-21T14:00[UTC]");
        assert!(window(&later, &away(160), &dreaming, &marks).idle.is_err());
        assert_eq!(window(&later, &away(31), &dreaming, &marks).idle, Ok(()));
    }

    #[test]
    fn a_woken_session_may_begin_again_and_a_failed_one_waits() {
        let dreaming = dreaming((2, 6));
        let now = at("2026-11-21T03:00[UTC]");
        let mut marks = Marks::default();
        let session = crate::ids::SessionId::new();
        let woken = SessionReport::empty(session.clone(), SessionStatus::Interrupted);
        marks.ended(
            Trigger::Night,
            Trigger::Night,
            &woken,
            Some(WakeReason::Presence),
            now.timestamp(),
        );
        assert_eq!(window(&now, &away(10), &dreaming, &marks).night, Ok(()));
        let failed = SessionReport::empty(session, SessionStatus::Error);
        marks.ended(
            Trigger::Night,
            Trigger::Night,
            &failed,
            None,
            now.timestamp(),
        );
        assert!(window(&now, &away(10), &dreaming, &marks).night.is_err());
        let later = at("2026-11-21T03:15[UTC]");
        assert_eq!(window(&later, &away(10), &dreaming, &marks).night, Ok(()));
    }

    #[test]
    fn unknown_presence_closes_idle_only() {
        let blind = Presence {
            last_input: Some(Duration::from_hours(2)),
            blind: Some("input devices cannot be read".to_owned()),
            doing: None,
        };
        let night = window(
            &at("2026-11-21T03:00[UTC]"),
            &blind,
            &dreaming((2, 6)),
            &Marks::default(),
        );
        assert_eq!(night.night, Ok(()));
        assert!(night.idle.is_err());
        let just_now = Presence {
            last_input: Some(Duration::from_secs(20)),
            ..blind
        };
        let night = window(
            &at("2026-11-21T03:00[UTC]"),
            &just_now,
            &dreaming((2, 6)),
            &Marks::default(),
        );
        assert!(night.night.is_err(), "input that was seen still counts");
    }
}
