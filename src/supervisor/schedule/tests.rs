//! Nights, absences and waits at given times.

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
        ..Presence::headless()
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
        ..Presence::headless()
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
fn marks_of_a_clock_that_was_ahead_by_hours_or_years_hold_nothing_up() {
    let (dreaming, now) = (dreaming((2, 6)), at("2026-11-21T03:00[UTC]"));
    let marks = |minutes: i64| {
        let mark = Some(now.timestamp() + SignedDuration::from_mins(minutes));
        Marks {
            night_done: mark,
            absence_done: mark,
            not_before: mark,
            strained: None,
        }
    };
    for hours in [1, 2, 20, 24 * 365] {
        let wrong = window(&now, &away(60), &dreaming, &marks(60 * hours));
        assert_eq!((wrong.night, wrong.idle), (Ok(()), Ok(())), "{hours} h");
    }
    let set_back = window(&now, &away(60), &dreaming, &marks(20));
    assert!(set_back.night.is_err() && set_back.idle.is_err());
}

#[test]
fn a_wait_is_believed_for_as_long_as_it_can_have_been_set() {
    let now = at("2026-11-21T03:00[UTC]").timestamp();
    let strained = |times, minutes: i64| {
        let marks = Marks {
            strained: Some(Strained {
                reason: WakeReason::Memory,
                times,
                until: now + SignedDuration::from_mins(minutes),
            }),
            ..Marks::default()
        };
        marks.believed(now).strained.is_some()
    };
    assert!(strained(1, 15) && strained(1, 40), "a small step is none");
    assert!(!strained(1, 50) && !strained(1, 240));
    assert!(strained(6, 240) && !strained(6, 300));
    assert!(!strained(0, 50), "a file may say anything");
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
        ..Presence::headless()
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

/// A session that `woken` ended at `now`, by the schedule's clock.
fn end_by(marks: &mut Marks, woken: Option<WakeReason>, now: &Zoned) {
    let status = match woken {
        Some(_) => SessionStatus::Interrupted,
        None => SessionStatus::Completed,
    };
    let report = SessionReport::empty(crate::ids::SessionId::new(), status);
    marks.ended(
        Trigger::Idle,
        Trigger::Idle,
        &report,
        woken,
        now.timestamp(),
    );
}

#[test]
fn what_the_machine_ended_is_tried_again_later_and_later() {
    let dreaming = dreaming((2, 6));
    let mut marks = Marks::default();
    let mut now = at("2026-11-21T08:00[UTC]");
    let mut waits = Vec::new();
    for reason in [
        WakeReason::Memory,
        WakeReason::Load,
        WakeReason::Heat,
        WakeReason::Battery,
        WakeReason::Memory,
        WakeReason::Memory,
    ] {
        end_by(&mut marks, Some(reason), &now);
        let began = now.clone();
        let open = |now: &Zoned| window(now, &away(600), &dreaming, &marks).idle.is_ok();
        while !open(&now) {
            now = &now + 1.minute();
        }
        waits.push((now.timestamp().as_second() - began.timestamp().as_second()) / 60);
    }
    assert_eq!(waits, [15, 30, 60, 120, 240, 240]);
    end_by(&mut marks, Some(WakeReason::Shutdown), &now);
    assert_eq!(marks.strained.map(|s| s.times), Some(6), "a restart alone");
    end_by(&mut marks, Some(WakeReason::Presence), &now);
    assert_eq!(marks.strained, None, "its owner came back");
    end_by(&mut marks, Some(WakeReason::Memory), &now);
    assert_eq!(marks.strained.map(|s| s.times), Some(1));
    end_by(&mut marks, None, &now);
    assert_eq!(marks.strained, None, "one that completed");
}

#[test]
fn a_wait_says_what_it_is_for_and_how_long() {
    let (dreaming, now) = (dreaming((2, 6)), at("2026-11-21T03:00[UTC]"));
    let mut marks = Marks::default();
    for _ in 0..2 {
        end_by(&mut marks, Some(WakeReason::Memory), &now);
    }
    let waits = window(&now, &away(10), &dreaming, &marks);
    let why = "2 sessions in a row were ended, the last by too little memory";
    assert!(waits.reading.contains(why), "{}", waits.reading);
    let reason = waits.night.expect_err("it waits");
    assert_eq!(
        reason,
        format!("{why}, next try after 2026-11-21T03:30:00.000Z")
    );
    let ahead = Duration::from_mins(1);
    assert!(stays_closed(&now, &away(10), &dreaming, &marks, ahead));
}
