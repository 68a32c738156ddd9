//! The gates and the wake reasons, one reading at a time.

//! The gates over scripted readings: each opens and closes where its threshold says.

use super::*;
use crate::clock;
use crate::config::NightHours;

fn settings() -> Settings {
    let mut settings = Settings::defaults_in(std::path::Path::new("/nowhere"));
    settings.dreaming.enabled = true;
    settings.energy.temperature_limit_c = Some(85.0);
    settings
}

fn calm() -> Reading {
    Reading {
        presence: Presence {
            last_input: Some(Duration::from_hours(2)),
            blind: None,
        },
        load_of_others: Sensed::Known(0.05),
        memory_used: Sensed::Known(0.3),
        temperature_c: Sensed::Unknown("no sensor".to_owned()),
        power: Sensed::Known(Power::Mains),
    }
}

fn inside() -> Window {
    Window {
        inside: true,
        night: Ok(()),
        idle: Ok(()),
        reading: "03:00".to_owned(),
        threshold: "02:00-06:00".to_owned(),
    }
}

fn day() -> Window {
    Window {
        inside: false,
        night: Err("outside".to_owned()),
        ..inside()
    }
}

fn now() -> Timestamp {
    "2026-11-21T03:00:00Z".parse().expect("a timestamp")
}

#[track_caller]
fn check(reading: &Reading, window: &Window, expected: Leave) {
    let gates = gates(reading, &settings(), window, None, now());
    assert_eq!(leave(&gates, window), expected, "{gates:#?}");
}

#[test]
fn a_calm_machine_may_dream_by_night_and_when_idle() {
    check(&calm(), &inside(), Leave::May(Trigger::Night));
    check(&calm(), &day(), Leave::May(Trigger::Idle));
}

#[test]
fn each_reading_closes_its_own_gate() {
    let mut reading = calm();
    reading.presence.last_input = Some(Duration::from_secs(3));
    check(&reading, &inside(), Leave::Closed(GateKind::Presence));
    let mut reading = calm();
    reading.load_of_others = Sensed::Known(0.45);
    check(&reading, &inside(), Leave::Closed(GateKind::Load));
    let mut reading = calm();
    reading.memory_used = Sensed::Known(0.8);
    check(&reading, &inside(), Leave::Closed(GateKind::Memory));
    let mut reading = calm();
    reading.temperature_c = Sensed::Known(84.0);
    check(&reading, &inside(), Leave::Closed(GateKind::Heat));
    let mut reading = calm();
    reading.power = Sensed::Known(Power::Battery { percent: Some(100) });
    check(&reading, &inside(), Leave::Closed(GateKind::Power));
}

#[test]
fn unknown_presence_goes_by_night_with_a_warning_and_never_by_day() {
    let mut reading = calm();
    reading.presence.blind = Some("the input devices cannot be read".to_owned());
    check(&reading, &inside(), Leave::May(Trigger::Night));
    check(&reading, &day(), Leave::Closed(GateKind::Presence));
    let gates = gates(&reading, &settings(), &inside(), None, now());
    assert!(gates[3].reason.starts_with("warning"), "{gates:#?}");
}

#[test]
fn waiting_for_absence_needs_no_permission_to_dream_by_itself() {
    let mut settings = settings();
    settings.dreaming.enabled = false;
    let gates = gates(&calm(), &settings, &inside(), None, now());
    assert_eq!(leave(&gates, &inside()), Leave::Closed(GateKind::Enabled));
    assert_eq!(leave_when_away(&gates), Leave::May(Trigger::WhenAway));
}

#[test]
fn a_pause_holds_until_its_end() {
    let until = Some(now());
    let pause = Pause { until };
    assert!(pause.holds("2026-11-21T02:59:59Z".parse().expect("a timestamp")));
    assert!(!pause.holds(now()));
    assert!(Pause { until: None }.holds(now()));
}

fn running(trigger: Trigger, since: Instant) -> Running {
    Running {
        trigger,
        since,
        until: None,
    }
}

#[track_caller]
fn check_wake(trigger: Trigger, reading: &Reading, inside: bool, expected: Option<WakeReason>) {
    let since = clock::monotonic();
    let now = since + Duration::from_mins(1);
    let mut heavy = Dwell::default();
    let reason = wake_reason(
        reading,
        &settings(),
        running(trigger, since),
        inside,
        &mut heavy,
        now,
    );
    assert_eq!(reason, expected);
}

#[test]
fn input_since_the_start_wakes_all_but_a_manual_session() {
    let mut reading = calm();
    reading.presence.last_input = Some(Duration::from_secs(59));
    check_wake(Trigger::Idle, &reading, false, Some(WakeReason::Presence));
    check_wake(Trigger::Night, &reading, true, Some(WakeReason::Presence));
    check_wake(
        Trigger::WhenAway,
        &reading,
        false,
        Some(WakeReason::Presence),
    );
    check_wake(Trigger::Manual, &reading, false, None);
    // The key that ended in `dream` was pressed before the session began.
    reading.presence.last_input = Some(Duration::from_secs(61));
    check_wake(Trigger::Night, &reading, true, None);
}

#[test]
fn the_night_session_ends_with_its_window_and_an_idle_one_has_none() {
    check_wake(
        Trigger::Night,
        &calm(),
        false,
        Some(WakeReason::WindowClosed),
    );
    check_wake(Trigger::Idle, &calm(), false, None);
    check_wake(Trigger::Manual, &calm(), false, None);
}

#[test]
fn a_manual_session_on_battery_ends_when_it_runs_low() {
    let mut reading = calm();
    reading.power = Sensed::Known(Power::Battery { percent: Some(80) });
    check_wake(Trigger::Manual, &reading, false, None);
    check_wake(Trigger::Idle, &reading, false, Some(WakeReason::Battery));
    reading.power = Sensed::Known(Power::Battery { percent: Some(29) });
    check_wake(Trigger::Manual, &reading, false, Some(WakeReason::Battery));
}

#[test]
fn load_wakes_after_its_dwell_and_not_before() {
    let start = clock::monotonic();
    let mut reading = calm();
    reading.load_of_others = Sensed::Known(0.7);
    let mut heavy = Dwell::default();
    let reasons: Vec<_> = (0..=3)
        .map(|second| {
            let now = start + Duration::from_secs(second);
            let held = running(Trigger::Manual, start);
            wake_reason(&reading, &settings(), held, false, &mut heavy, now)
        })
        .collect();
    assert_eq!(reasons, [None, None, None, Some(WakeReason::Load)]);
}

#[test]
fn time_that_was_given_ends_the_session() {
    let since = clock::monotonic();
    let held = Running {
        until: Some(since + Duration::from_secs(20)),
        ..running(Trigger::Manual, since)
    };
    let mut heavy = Dwell::default();
    let mut at = |seconds| {
        let now = since + Duration::from_secs(seconds);
        wake_reason(&calm(), &settings(), held, false, &mut heavy, now)
    };
    assert_eq!(at(19), None);
    assert_eq!(at(20), Some(WakeReason::WindowClosed));
}

#[test]
fn an_idle_threshold_shorter_than_the_nights_quiet_is_kept_at_night() {
    let mut settings = settings();
    settings.dreaming.idle_threshold = Duration::from_mins(1);
    settings.dreaming.night = NightHours { start: 0, end: 60 };
    assert_eq!(quiet_needed(&settings, &inside()), Duration::from_mins(1));
    assert_eq!(quiet_needed(&settings, &day()), Duration::from_mins(1));
}

#[test]
fn spans_read_like_speech() {
    let words: Vec<_> = [5, 60, 95, 600, 3600, 5400, 90_000]
        .into_iter()
        .map(|seconds| span(Duration::from_secs(seconds)))
        .collect();
    assert_eq!(
        words,
        [
            "5 s",
            "1 min",
            "1 min 35 s",
            "10 min",
            "1 h",
            "1 h 30 min",
            "1 d 1 h"
        ]
    );
}
