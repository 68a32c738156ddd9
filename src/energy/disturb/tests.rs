//! What ends or freezes a running session, one reading at a time.

use super::*;
use crate::clock;
use crate::energy::{Presence, Sensed};

fn settings() -> Settings {
    let mut settings = Settings::defaults_in(std::path::Path::new("/nowhere"));
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

fn running(trigger: Trigger, since: Instant) -> Running {
    Running {
        trigger,
        since,
        until: None,
        strained: None,
    }
}

#[track_caller]
fn check_wake(trigger: Trigger, reading: &Reading, inside: bool, expected: Option<WakeReason>) {
    let since = clock::monotonic();
    let now = since + Duration::from_mins(1);
    let mut heavy = Heavy::default();
    let held = running(trigger, since);
    let found = Disturbance::of(reading, &settings(), held, inside, &mut heavy, now);
    assert_eq!(found.end, expected);
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
fn a_screen_that_begins_to_idle_wakes_nobody() {
    let mut reading = calm();
    reading.presence.still_for = Some(Duration::ZERO);
    check_wake(Trigger::Idle, &reading, false, None);
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
    let mut heavy = Heavy::default();
    let mut look = |reading: &Reading, second| {
        let now = start + Duration::from_secs(second);
        let held = running(Trigger::Manual, start);
        Disturbance::of(reading, &settings(), held, false, &mut heavy, now)
    };
    let overs: Vec<_> = (0..=2).map(|second| look(&reading, second).over).collect();
    assert_eq!(overs, [None, None, Some(WakeReason::Load)]);
    // Between the two limits it is neither too much nor calm.
    reading.load_of_others = Sensed::Known(0.5);
    let between = look(&reading, 3);
    assert_eq!((between.over, between.calm), (None, false));
    reading.load_of_others = Sensed::Known(0.3);
    assert!(look(&reading, 4).calm);
    reading.load_of_others = Sensed::Unknown("cannot be told apart".to_owned());
    let unknown = look(&reading, 5);
    assert_eq!((unknown.over, unknown.calm), (None, false));
}

#[test]
fn load_wakes_though_each_look_takes_its_time() {
    // The senses may take five seconds, and the next look begins half a second later.
    for between in [Duration::from_millis(2500), Duration::from_millis(5500)] {
        let start = clock::monotonic();
        let mut reading = calm();
        reading.load_of_others = Sensed::Known(1.0);
        let mut heavy = Heavy::default();
        let overs: Vec<_> = (0..3)
            .map(|look| {
                let held = running(Trigger::Manual, start);
                let now = start + between * look;
                Disturbance::of(&reading, &settings(), held, false, &mut heavy, now).over
            })
            .collect();
        let load = Some(WakeReason::Load);
        assert_eq!(overs, [None, load, load], "{between:?}");
    }
}

#[test]
fn heat_counts_at_once_and_is_over_only_well_below() {
    let start = clock::monotonic();
    let mut reading = calm();
    for (degrees, over, cool) in [
        (85.0, Some(WakeReason::Heat), false),
        (80.0, None, false),
        (76.0, None, true),
    ] {
        reading.temperature_c = Sensed::Known(degrees);
        let held = running(Trigger::Manual, start);
        let found = Disturbance::of(
            &reading,
            &settings(),
            held,
            false,
            &mut Heavy::default(),
            start,
        );
        assert_eq!((found.over, found.calm), (over, cool), "{degrees}");
    }
}

#[test]
fn time_that_was_given_ends_the_session() {
    let since = clock::monotonic();
    let held = Running {
        until: Some(since + Duration::from_secs(20)),
        ..running(Trigger::Manual, since)
    };
    let mut heavy = Heavy::default();
    let mut at = |seconds| {
        let now = since + Duration::from_secs(seconds);
        Disturbance::of(&calm(), &settings(), held, false, &mut heavy, now).end
    };
    assert_eq!(at(19), None);
    assert_eq!(at(20), Some(WakeReason::WindowClosed));
}

#[test]
fn memory_that_is_waited_for_is_full_however_much_is_available() {
    let mut reading = calm();
    reading.memory_pressure = Some(0.19);
    check_wake(Trigger::Night, &reading, true, None);
    reading.memory_pressure = Some(0.2);
    check_wake(Trigger::Night, &reading, true, Some(WakeReason::Memory));
    check_wake(Trigger::Manual, &reading, false, Some(WakeReason::Memory));
}

#[test]
fn a_busy_card_ends_a_dream_though_the_processors_cannot_be_told_apart() {
    let start = clock::monotonic();
    let mut reading = calm();
    reading.load_of_others = Sensed::Unknown("cannot be told apart".to_owned());
    reading.graphics = Some(Sensed::Known(0.9));
    let mut heavy = Heavy::default();
    let mut look = |reading: &Reading, second| {
        let now = start + Duration::from_secs(second);
        let held = running(Trigger::Night, start);
        Disturbance::of(reading, &settings(), held, true, &mut heavy, now)
    };
    let overs: Vec<_> = (0..=2).map(|second| look(&reading, second).over).collect();
    assert_eq!(overs, [None, None, Some(WakeReason::Load)]);
    // A calm card says nothing of the processors.
    reading.graphics = Some(Sensed::Known(0.1));
    let blink = look(&reading, 3);
    assert_eq!((blink.over, blink.calm), (None, false));
    // A card that cannot be read leaves the processors to judge by.
    reading.graphics = Some(Sensed::Unknown("error 999".to_owned()));
    reading.load_of_others = Sensed::Known(0.1);
    assert!(look(&reading, 4).calm);
}

/// What others use of the processors and of the card, as far as it is known.
type Shares = (Option<f64>, Option<f64>);

/// Whether all is calm at the last of these looks, a second apart, for a session that `first` froze.
fn calm_after(first: [Shares; 3], then: &[Shares]) -> bool {
    let start = clock::monotonic();
    let mut heavy = Heavy::default();
    let mut is_calm = false;
    for ((processors, card), second) in first.iter().chain(then).zip(0..) {
        let mut reading = calm();
        reading.load_of_others = processors.map_or_else(
            || Sensed::Unknown("cannot be told apart".to_owned()),
            Sensed::Known,
        );
        reading.graphics = card.map(Sensed::Known);
        let held = Running {
            strained: (second > 2).then_some(WakeReason::Load),
            ..running(Trigger::Night, start)
        };
        let now = start + Duration::from_secs(second);
        let found = Disturbance::of(&reading, &settings(), held, true, &mut heavy, now);
        assert!(second != 2 || found.over == Some(WakeReason::Load));
        is_calm = found.calm;
    }
    is_calm
}

#[test]
fn what_froze_for_the_card_alone_thaws_with_it_though_the_processors_cannot_be_told_apart() {
    let by_card = [(None, Some(0.9)); 3];
    let calm_card = (None, Some(0.1));
    assert!(calm_after(by_card, &[calm_card]));
    assert!(calm_after(by_card, &[(None, None)]), "the card sleeps");
    assert!(!calm_after(by_card, &[(None, Some(0.5))]), "not yet");
    assert!(!calm_after(by_card, &[(Some(0.5), Some(0.1))]), "known");
    assert!(calm_after(by_card, &[(Some(0.1), Some(0.1))]));
    let calm_beside = [(Some(0.1), Some(0.9)); 3];
    assert!(calm_after(calm_beside, &[calm_card]));
    // The processors had their part in it, or have had one since.
    for part in 0..3 {
        let mut both = calm_beside;
        both[part].0 = Some(0.9);
        assert!(!calm_after(both, &[calm_card]), "{part}");
    }
    let busy_since = (Some(0.9), Some(0.1));
    assert!(!calm_after(by_card, &[busy_since, calm_card]));
}

#[test]
fn heat_thaws_though_the_load_cannot_be_told_apart_and_load_does_not() {
    let mut reading = calm();
    reading.temperature_c = Sensed::Known(60.0);
    reading.load_of_others = Sensed::Unknown("an engine outside of our tree".to_owned());
    let since = clock::monotonic();
    let now = since + Duration::from_mins(1);
    for (strained, expected) in [
        (Some(WakeReason::Heat), true),
        (Some(WakeReason::Load), false),
        (None, false),
    ] {
        let held = Running {
            strained,
            ..running(Trigger::Idle, since)
        };
        let mut heavy = Heavy::default();
        let found = Disturbance::of(&reading, &settings(), held, false, &mut heavy, now);
        assert_eq!(found.calm, expected, "{strained:?}");
    }
}

#[test]
fn what_needed_sight_to_begin_ends_when_it_is_lost() {
    let mut reading = calm();
    reading.presence.blind = Some("a keyboard cannot be watched any more".to_owned());
    let gone = Some(WakeReason::Presence);
    check_wake(Trigger::Idle, &reading, false, gone);
    check_wake(Trigger::WhenAway, &reading, false, gone);
    check_wake(Trigger::WhenAway, &reading, true, None);
    check_wake(Trigger::Night, &reading, true, None);
    check_wake(Trigger::Manual, &reading, false, None);
}

#[test]
fn a_night_that_knows_nothing_of_the_machine_ends() {
    let mut reading = calm();
    reading.presence.blind = Some("the sensors do not answer".to_owned());
    check_wake(Trigger::Night, &reading, true, None);
    reading.memory_used = Sensed::Unknown("the sensors do not answer".to_owned());
    check_wake(Trigger::Night, &reading, true, Some(WakeReason::Presence));
    check_wake(Trigger::Manual, &reading, true, None);
}
