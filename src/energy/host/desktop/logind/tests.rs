//! What the login manager's facts and signals are taken for.

use std::time::Duration;

use super::*;
use crate::clock;

fn facts(session: Session, inhibitors: &[(&str, &str)]) -> Facts {
    let line = |(what, mode): &(&str, &str)| {
        let text = |text: &str| text.to_owned();
        let who = text("player");
        (text(what), who, text("a film"), text(mode), 1000, 77)
    };
    Facts {
        sessions: [("/s/1".to_owned(), session)].into(),
        people: ["/s/1".to_owned()].into(),
        listed: ["/s/1".to_owned()].into(),
        inhibitors: inhibitors.iter().map(line).collect(),
    }
}

fn mine() -> Session {
    Session {
        user: 1000,
        screen: Screen::Here,
        silence: Silence::InUse,
        active: true,
        locked: false,
        idle: false,
    }
}

#[test]
fn a_film_holds_the_machine_and_a_delay_or_a_lid_does_not() {
    let mut known = Known::new(1000);
    let now = clock::monotonic();
    for (held, doing) in [
        (("sleep:idle", "block"), Some("player: a film".to_owned())),
        (("idle", "delay"), None),
        (("sleep:shutdown", "block"), None),
        (("handle-lid-switch", "block"), None),
    ] {
        let (word, _) = known.learn(facts(mine(), &[held]), now);
        assert_eq!(word.doing, doing, "{held:?}");
    }
}

#[test]
fn what_a_signal_should_have_told_is_found_by_the_next_look() {
    let mut known = Known::new(1000);
    let now = clock::monotonic();
    let locked = Session {
        locked: true,
        idle: true,
        ..mine()
    };
    let (word, heard) = known.learn(facts(locked.clone(), &[]), now);
    assert_eq!(heard, Heard::Nothing, "there is nothing to compare with");
    assert_eq!((word.idle, word.still_since), (None, Some(now)));
    let later = now + Duration::from_mins(1);
    let (word, heard) = known.learn(facts(locked.clone(), &[]), later);
    assert_eq!((heard, word.still_since), (Heard::Nothing, Some(now)));
    let used = Session {
        idle: false,
        ..locked.clone()
    };
    let (word, heard) = known.learn(facts(used, &[]), later);
    assert_eq!((heard, word.still_since), (Heard::Active, None));
    let (_, heard) = known.learn(facts(mine(), &[]), later);
    assert_eq!(heard, Heard::Told(Notice::Login));
    let (_, heard) = known.learn(facts(locked, &[]), later);
    assert_eq!(heard, Heard::Changed, "a timer locks too");
}

#[test]
fn a_session_whose_screen_is_elsewhere_hides_its_input_until_it_idles() {
    let mut known = Known::new(1000);
    let now = clock::monotonic();
    let used = Session {
        screen: Screen::Elsewhere,
        ..mine()
    };
    let (word, _) = known.learn(facts(used.clone(), &[]), now);
    let unseen = word.unseen.expect("it may be used");
    assert!(unseen.contains("user 1000"), "{unseen}");
    assert_eq!((word.still_since, word.foreign), (None, false), "no screen");
    let idle = Session {
        idle: true,
        ..used.clone()
    };
    let (word, _) = known.learn(facts(idle, &[]), now);
    assert_eq!((word.unseen, word.still_since), (None, None));
    let (_, heard) = known.learn(facts(used, &[]), now);
    assert_eq!(heard, Heard::Active);
}

#[test]
fn only_a_new_session_of_a_person_is_a_login() {
    let mut known = Known::new(1000);
    let now = clock::monotonic();
    let set =
        |paths: &[&str]| -> BTreeSet<String> { paths.iter().copied().map(str::to_owned).collect() };
    let mut heard = |asked: &[&str], listed: &[&str]| {
        let facts = Facts {
            people: set(asked),
            listed: set(listed),
            ..facts(mine(), &[])
        };
        known.learn(facts, now).1
    };
    assert_eq!(heard(&["/s/1"], &["/s/1"]), Heard::Nothing);
    let two = ["/s/1", "/s/2"];
    assert_eq!(heard(&two, &two), Heard::Told(Notice::Login));
    assert_eq!(heard(&["/s/2"], &["/s/2"]), Heard::Nothing, "one is over");
    // More than are asked: one that moves up has been there all along.
    assert_eq!(heard(&["/s/2"], &["/s/2", "/s/3"]), Heard::Nothing);
    assert_eq!(heard(&["/s/3"], &["/s/3"]), Heard::Nothing);
    for (class, person) in [("user", true), ("greeter", true), ("background", false)] {
        assert_eq!(is_of_a_person(class), person, "{class}");
    }
}

#[test]
fn a_session_without_a_seat_counts_by_its_screen() {
    let session = |kind: &str, state: &str| {
        let says = |text: &str| zbus::OwnedVariant::from(zbus::Str::from(text));
        let properties: Properties = [("Type", kind), ("State", state)]
            .map(|(name, text)| (name.to_owned(), says(text)))
            .into();
        Session::of(1000, Screen::Elsewhere, &properties)
    };
    assert!(session("x11", "active").is_some());
    assert!(session("wayland", "online").is_some());
    assert_eq!(session("x11", "closing"), None);
    assert_eq!(session("tty", "active"), None, "it has a terminal");
    assert_eq!(session("unspecified", "active"), None, "a copied file");
}

#[test]
fn a_screen_that_shows_somebody_elses_session_is_foreign_and_occupied_until_it_idles() {
    let mut known = Known::new(1000);
    let now = clock::monotonic();
    let other = || Session { user: 7, ..mine() };
    let mut says = |session: Session| {
        let word = known.learn(facts(session, &[]), now).0;
        (word.foreign, word.occupied)
    };
    assert_eq!(says(mine()), (false, false));
    assert_eq!(says(other()), (true, true));
    let quiet: [fn(&mut Session); 3] = [
        |session| session.idle = true,
        |session| session.locked = true,
        |session| session.silence = Silence::Nothing,
    ];
    for change in quiet {
        let mut session = other();
        change(&mut session);
        assert_eq!(says(session.clone()), (true, false), "{session:?}");
    }
    let elsewhere = Session {
        active: false,
        ..other()
    };
    assert_eq!(says(elsewhere), (false, false), "not on the screen");
}

/// One that never tells would otherwise hold us back for ever.
#[test]
fn only_a_persons_desktop_that_has_told_before_means_something_by_its_silence() {
    let text = |text: &str| zbus::OwnedVariant::from(zbus::Str::from(text));
    let silence = |kind: &str, class: &str, since: u64| {
        let properties: Properties = [
            ("Type", text(kind)),
            ("Class", text(class)),
            ("IdleSinceHint", zbus::OwnedVariant::from(since)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let session = Session::of(1000, Screen::Here, &properties);
        session.expect("it is at the seat").silence
    };
    let once = 1_700_000_000_000_000;
    assert_eq!(silence("wayland", "user", once), Silence::InUse);
    assert_eq!(silence("x11", "user-early", once), Silence::InUse);
    assert_eq!(silence("wayland", "user", 0), Silence::Nothing);
    assert_eq!(silence("wayland", "greeter", once), Silence::Nothing);
    assert_eq!(silence("tty", "user", once), Silence::Nothing);
}
