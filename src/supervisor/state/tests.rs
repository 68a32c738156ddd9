//! The transition table: single rows, and that no sequence of events dreams without a permit.

use proptest::prelude::*;

use super::steps::{awake, begin};
use super::*;
use crate::clock;
use crate::energy::gate::GateKind;

const SHUT: Leave = Leave::Closed(GateKind::Load);

fn id(n: u8) -> SessionId {
    SessionId::parse(&format!("{n:08x}")).expect("eight digits")
}

fn look(service: Leave, when_away: Leave) -> Event {
    Event::Looked {
        service,
        when_away,
        next: id(9),
        settle: SETTLE,
    }
}

#[test]
fn a_session_begins_only_after_the_gates_stayed_open() {
    let start = clock::monotonic();
    let may = || look(Leave::May(Trigger::Night), SHUT);
    let (state, _) = transition(awake(start), may(), start);
    assert!(matches!(state, State::Settling { .. }));
    let early = start + SETTLE.saturating_sub(Duration::from_secs(1));
    let (state, effects) = transition(state, may(), early);
    assert_eq!(effects, []);
    let (shut, _) = transition(state.clone(), look(SHUT, SHUT), early);
    assert!(matches!(shut, State::Awake { .. }));
    let (state, effects) = transition(state, may(), start + SETTLE);
    assert!(matches!(
        state,
        State::Dreaming { run } if run.trigger == Trigger::Night
    ));
    assert_eq!(effects.len(), 1);
}

#[test]
fn what_is_broken_is_safe_until_three_good_checks_in_a_row() {
    let now = clock::monotonic();
    let check = |state, trouble: Option<&str>| {
        let trouble = trouble.map(str::to_owned);
        transition(state, Event::Checked { trouble }, now).0
    };
    assert!(matches!(check(State::Starting, None), State::Awake { .. }));
    let mut state = check(State::Starting, Some("no sandbox"));
    let request = Event::Request {
        session: id(1),
        trigger: Trigger::Manual,
    };
    let may = look(Leave::May(Trigger::Night), SHUT);
    for event in [request, may, Event::Tick, Event::Wake(WakeReason::Wake)] {
        let (still, effects) = transition(state.clone(), event, now);
        assert_eq!(still, state);
        assert!(!effects.iter().any(|e| matches!(e, Effect::Begin { .. })));
    }
    for trouble in [None, None, Some("again"), None, None] {
        state = check(state, trouble);
        assert!(matches!(&state, State::Safe { .. }));
    }
    assert!(matches!(&state, State::Safe { reason, good: 2, .. } if reason == "again"));
    assert!(matches!(check(state, None), State::Awake { .. }));
    let (dreaming, _) = begin(id(1), Trigger::Night, now);
    let went_on = check(dreaming.clone(), Some("no model"));
    assert_eq!(went_on, dreaming, "a check ends no dream");
}

#[test]
fn a_person_need_not_wait_for_anything() {
    let now = clock::monotonic();
    let request = Event::Request {
        session: id(1),
        trigger: Trigger::Manual,
    };
    let (state, effects) = transition(awake(now), request.clone(), now);
    assert_eq!(state.session(), Some(&id(1)));
    assert!(matches!(
        effects[..],
        [Effect::Accept { .. }, Effect::Begin { .. }]
    ));
    let again = Event::Request {
        session: id(2),
        trigger: Trigger::Manual,
    };
    let (_, effects) = transition(state, again, now);
    assert_eq!(
        effects,
        [Effect::Refuse {
            session: id(2),
            by: Some(id(1))
        }]
    );
}

#[test]
fn waking_keeps_the_stronger_reason_and_its_first_deadline() {
    let now = clock::monotonic();
    let (state, _) = begin(id(1), Trigger::Night, now);
    let (state, _) = transition(state, Event::Input { at: now }, now);
    let later = now + Duration::from_secs(1);
    let (state, effects) = transition(state, disturbed_by(WakeReason::Memory, later), later);
    assert_eq!(effects, []);
    let (state, effects) = transition(state, Event::Wake(WakeReason::Interrupt), later);
    assert_eq!(effects.len(), 1);
    let State::Waking {
        reason, deadline, ..
    } = &state
    else {
        panic!("{state:?}")
    };
    assert_eq!(
        (*reason, *deadline),
        (WakeReason::Interrupt, now + WAKE_DEADLINE)
    );
    let (state, effects) = transition(state, Event::Tick, now + WAKE_DEADLINE);
    assert!(matches!(state, State::Awake { .. }));
    assert!(matches!(effects[..], [Effect::Abandon { .. }]));
}

#[test]
fn an_idle_session_becomes_the_nights_and_remembers_what_it_began_as() {
    let now = clock::monotonic();
    let (state, _) = begin(id(1), Trigger::Idle, now);
    let (state, _) = transition(state, Event::NightFell, now);
    let (_, effects) = transition(state, Event::Ended { session: id(1) }, now);
    assert_eq!(
        effects,
        [Effect::Settle {
            session: id(1),
            began: Trigger::Idle,
            trigger: Trigger::Night,
            woken: None
        }]
    );
}

fn dreaming(trigger: Trigger, now: Instant) -> State {
    begin(id(1), trigger, now).0
}

#[test]
fn a_key_freezes_first_then_releases_and_the_time_counts_from_the_key() {
    let at = clock::monotonic();
    let now = at + Duration::from_millis(40);
    for state in [
        dreaming(Trigger::Idle, at),
        pointer(dreaming(Trigger::Night, at), at, at).0,
        strain(
            dreaming(Trigger::Night, at),
            Some(WakeReason::Heat),
            false,
            at,
        )
        .0,
    ] {
        let thawed = matches!(state, State::Dreaming { .. });
        let (state, effects) = transition(state, Event::Input { at }, now);
        let freeze = Effect::Freeze { session: id(1) };
        assert_eq!(effects.first() == Some(&freeze), thawed, "{effects:?}");
        let reason = WakeReason::Presence;
        let session = id(1);
        assert_eq!(
            effects.last(),
            Some(&Effect::End {
                session,
                reason,
                at
            })
        );
        let State::Waking { deadline, .. } = state else {
            panic!("{state:?}")
        };
        assert_eq!(deadline, at + WAKE_DEADLINE);
    }
}

#[test]
fn a_bump_is_forgiven_and_a_hand_on_the_mouse_is_not() {
    let now = clock::monotonic();
    let second = |n| now + Duration::from_secs(n);
    let (frozen, effects) = transition(
        dreaming(Trigger::Idle, now),
        Event::Pointer { at: now },
        now,
    );
    assert_eq!(effects, [Effect::Freeze { session: id(1) }]);
    let (still, effects) = transition(frozen.clone(), Event::Tick, second(19));
    assert!(matches!(still, State::Frozen { .. }) && effects.is_empty());
    let (back, effects) = transition(still, Event::Tick, second(20));
    assert!(matches!(back, State::Dreaming { .. }), "the same session");
    assert_eq!(effects, [Effect::Thaw { session: id(1) }]);
    let at = second(12);
    let (woken, _) = transition(frozen, Event::Pointer { at }, at);
    assert!(matches!(
        woken,
        State::Waking {
            reason: WakeReason::Presence,
            ..
        }
    ));
}

#[test]
fn load_freezes_thaws_when_it_stays_low_and_ends_what_it_outlasts() {
    let now = clock::monotonic();
    let second = |n| now + Duration::from_secs(n);
    let look = |over, calm| Event::Strain { over, calm };
    let state = dreaming(Trigger::Manual, now);
    let (frozen, effects) = transition(state, look(Some(WakeReason::Load), false), now);
    assert_eq!(
        effects,
        [Effect::Freeze { session: id(1) }],
        "a person's session too"
    );
    let (frozen, _) = transition(frozen, look(None, true), second(5));
    let (early, _) = transition(frozen.clone(), look(None, true), second(34));
    assert!(matches!(early, State::Frozen { .. }));
    let (back, _) = transition(frozen.clone(), look(None, true), second(35));
    assert!(matches!(back, State::Dreaming { .. }));
    let (over, effects) = transition(frozen, look(Some(WakeReason::Load), false), second(600));
    assert!(
        matches!(
            over,
            State::Waking {
                reason: WakeReason::Load,
                ..
            }
        ),
        "{over:?}"
    );
    assert!(
        matches!(effects[..], [Effect::End { .. }]),
        "it is frozen already"
    );
}

#[test]
fn input_means_nothing_to_a_session_that_a_person_started() {
    let at = clock::monotonic();
    for event in [Event::Input { at }, Event::Pointer { at }] {
        let (state, effects) = transition(dreaming(Trigger::Manual, at), event, at);
        assert!(matches!(state, State::Dreaming { .. }) && effects.is_empty());
    }
}

#[test]
fn input_while_settling_begins_the_quiet_anew() {
    let at = clock::monotonic();
    let goal = Goal::Waiting(id(3));
    let (state, _) = transition(
        State::Settling { since: at, goal },
        Event::Pointer { at },
        at,
    );
    assert_eq!(state.waiting(), Some(&id(3)));
    assert!(matches!(state, State::Awake { .. }));
}

fn reasons() -> impl Strategy<Value = WakeReason> {
    prop_oneof![
        Just(WakeReason::WindowClosed),
        Just(WakeReason::Load),
        Just(WakeReason::Presence),
        Just(WakeReason::Pause),
        Just(WakeReason::Wake),
        Just(WakeReason::Interrupt),
    ]
}

fn leaves(trigger: Trigger) -> impl Strategy<Value = Leave> {
    prop_oneof![Just(Leave::May(trigger)), Just(SHUT)]
}

fn disturbed_by(reason: WakeReason, at: Instant) -> Event {
    Event::Disturbed { reason, at }
}

/// Events at a moment that only the test's own clock knows: milliseconds ago.
#[derive(Debug, Clone)]
enum Step {
    Timeless(Event),
    Disturbed(WakeReason, u64),
    Input(u64),
    Pointer(u64),
}

impl Step {
    fn at(self, now: Instant) -> Event {
        let ago = |ms| now.checked_sub(Duration::from_millis(ms)).unwrap_or(now);
        match self {
            Self::Timeless(event) => event,
            Self::Disturbed(reason, ms) => disturbed_by(reason, ago(ms)),
            Self::Input(ms) => Event::Input { at: ago(ms) },
            Self::Pointer(ms) => Event::Pointer { at: ago(ms) },
        }
    }
}

fn events() -> impl Strategy<Value = Step> {
    let past = || 0u64..1500;
    let strains = prop_oneof![
        3 => Just(None),
        1 => Just(Some(WakeReason::Load)),
        1 => Just(Some(WakeReason::Heat)),
    ];
    prop_oneof![
        18 => timeless().prop_map(Step::Timeless),
        2 => (reasons(), past()).prop_map(|(reason, ms)| Step::Disturbed(reason, ms)),
        1 => past().prop_map(Step::Input),
        4 => past().prop_map(Step::Pointer),
        4 => (strains, any::<bool>())
            .prop_map(|(over, calm)| Step::Timeless(Event::Strain { over, calm })),
    ]
}

fn timeless() -> impl Strategy<Value = Event> {
    let any_id = || (0u8..6).prop_map(id);
    prop_oneof![
        1 => Just(Event::Ready),
        3 => (any_id(), any::<bool>()).prop_map(|(session, away)| Event::Request {
            session,
            trigger: if away { Trigger::WhenAway } else { Trigger::Manual },
        }),
        8 => (
            prop_oneof![leaves(Trigger::Night), leaves(Trigger::Idle)],
            leaves(Trigger::WhenAway),
            any_id(),
        )
            .prop_map(|(service, when_away, next)| Event::Looked {
                service,
                when_away,
                next,
                settle: SETTLE,
            }),
        1 => Just(Event::NightFell),
        2 => reasons().prop_map(Event::Wake),
        3 => any_id().prop_map(|session| Event::Ended { session }),
        5 => Just(Event::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Follows who holds a permit by the effects alone and compares it with the state after each event.
    #[test]
    fn no_sequence_of_events_dreams_without_a_permit(
        steps in prop::collection::vec((events(), 0u64..40), 1..200)
    ) {
        let mut now = clock::monotonic();
        let mut state = State::Starting;
        let mut held: Option<SessionId> = None;
        let (mut ended, mut frozen) = (false, false);
        let last = [(Step::Timeless(Event::Shutdown), 0), (Step::Timeless(Event::Tick), 2)];
        for (step, seconds) in steps.into_iter().chain(last) {
            now += Duration::from_secs(seconds);
            let (next, effects) = transition(state, step.at(now), now);
            for effect in effects {
                match effect {
                    Effect::Begin { session, .. } => {
                        prop_assert!(held.is_none(), "two sessions at once");
                        held = Some(session);
                        (ended, frozen) = (false, false);
                    }
                    Effect::Freeze { session } => {
                        prop_assert_eq!(held.as_ref(), Some(&session));
                        prop_assert!(!ended && !frozen);
                        frozen = true;
                    }
                    Effect::Thaw { session } => {
                        prop_assert_eq!(held.as_ref(), Some(&session));
                        prop_assert!(!ended && frozen, "what was released goes on");
                        frozen = false;
                    }
                    Effect::End { session, .. } => {
                        prop_assert_eq!(held.as_ref(), Some(&session));
                        ended = true;
                    }
                    Effect::Abandon { session, .. } => {
                        prop_assert!(ended, "abandoned without being told");
                        prop_assert_eq!(held.take(), Some(session));
                    }
                    Effect::Settle { session, .. } => {
                        prop_assert_eq!(held.take(), Some(session));
                    }
                    Effect::Accept { .. } | Effect::Refuse { .. } | Effect::Cancel { .. } => {}
                }
            }
            match &next {
                State::Dreaming { run } => {
                    prop_assert_eq!(held.as_ref(), Some(&run.session));
                    prop_assert!(!ended && !frozen, "dreaming on an ended permit");
                }
                State::Frozen { run, hold } => {
                    prop_assert_eq!(held.as_ref(), Some(&run.session));
                    prop_assert!(!ended && frozen);
                    prop_assert!(run.trigger != Trigger::Manual || hold.reason() != WakeReason::Presence);
                }
                State::Waking { run, deadline, .. } => {
                    prop_assert_eq!(held.as_ref(), Some(&run.session));
                    prop_assert!(ended);
                    prop_assert!(*deadline <= now + WAKE_DEADLINE);
                }
                State::Stopping { session, .. } => {
                    if session.is_none() { held = None; }
                    prop_assert!(held.is_none() || ended);
                }
                State::Starting
                | State::Safe { .. }
                | State::Awake { .. }
                | State::Settling { .. } => {
                    prop_assert!(held.is_none());
                }
            }
            state = next;
        }
        let stopped = matches!(state, State::Stopping { session: None, .. });
        prop_assert!(stopped, "the end is reached by its deadline");
    }
}
