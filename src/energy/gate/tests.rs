//! The gates over scripted readings: each opens and closes where its threshold says.

use super::*;
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
            ..Presence::headless()
        },
        load_of_others: Sensed::Known(0.05),
        graphics: None,
        memory_used: Sensed::Known(0.3),
        memory_pressure: None,
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
    // Somebody may have been there until the screen began to idle.
    let mut reading = calm();
    reading.presence.still_for = Some(Duration::from_secs(3));
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
fn memory_that_is_waited_for_closes_its_gate_and_is_shown() {
    let mut reading = calm();
    reading.memory_pressure = Some(0.0);
    let gate = memory(&reading, 0.8);
    let shown = (gate.open, gate.reading.as_str(), gate.threshold.as_str());
    assert_eq!(
        shown,
        (
            true,
            "30 %, pressure 0 %",
            "below 80 %, pressure below 20 %"
        )
    );
    reading.memory_pressure = Some(0.45);
    check(&reading, &inside(), Leave::Closed(GateKind::Memory));
    let gate = memory(&reading, 0.8);
    assert_eq!(gate.reading, "30 %, pressure 45 %");
    assert!(gate.reason.contains("waiting"), "{gate:?}");
    // What is in use all the time is named where it closes the gate by itself.
    reading.memory_pressure = None;
    let gate = memory(&reading, 0.2);
    assert!(
        gate.reason.contains("DREAMING_MEMORY_THRESHOLD=0.2"),
        "{gate:?}"
    );
    assert_eq!(gate.reading, "30 %");
}

#[test]
fn a_card_counts_beside_the_processors_and_one_that_cannot_be_read_is_named() {
    let mut reading = calm();
    reading.graphics = Some(Sensed::Unknown("the library answers 999".to_owned()));
    let gate = load(&reading, 0.7);
    assert!(gate.open && gate.reason.contains("999"), "{gate:?}");
    assert_eq!(gate.reading, "5 %, graphics unknown");
    reading.graphics = Some(Sensed::Known(0.9));
    check(&reading, &inside(), Leave::Closed(GateKind::Load));
    reading.load_of_others = Sensed::Unknown("it cannot be told apart".to_owned());
    check(&reading, &inside(), Leave::Closed(GateKind::Load));
    reading.graphics = Some(Sensed::Known(0.1));
    let gate = load(&reading, 0.7);
    assert!(gate.open && gate.reason.contains("told apart"), "{gate:?}");
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
