//! The transition table: single rows, and that no sequence of events dreams without a permit.

use proptest::prelude::*;

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
        State::Dreaming {
            trigger: Trigger::Night,
            ..
        }
    ));
    assert_eq!(effects.len(), 1);
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
    let (state, _) = transition(state, Event::Wake(WakeReason::Presence), now);
    let later = now + Duration::from_secs(1);
    let (state, effects) = transition(state, Event::Disturbed(WakeReason::Load), later);
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

fn events() -> impl Strategy<Value = Event> {
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
            .prop_map(|(service, when_away, next)| Event::Looked { service, when_away, next }),
        2 => reasons().prop_map(Event::Disturbed),
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
        let mut ended = false;
        for (event, seconds) in steps.into_iter().chain([(Event::Shutdown, 0), (Event::Tick, 2)]) {
            now += Duration::from_secs(seconds);
            let (next, effects) = transition(state, event, now);
            for effect in effects {
                match effect {
                    Effect::Begin { session, .. } => {
                        prop_assert!(held.is_none(), "two sessions at once");
                        held = Some(session);
                        ended = false;
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
                State::Dreaming { session, .. } => {
                    prop_assert_eq!(held.as_ref(), Some(session));
                    prop_assert!(!ended, "dreaming on an ended permit");
                }
                State::Waking { session, deadline, .. } => {
                    prop_assert_eq!(held.as_ref(), Some(session));
                    prop_assert!(ended);
                    prop_assert!(*deadline <= now + WAKE_DEADLINE);
                }
                State::Stopping { session, .. } => {
                    if session.is_none() { held = None; }
                    prop_assert!(held.is_none() || ended);
                }
                State::Starting | State::Awake { .. } | State::Settling { .. } => {
                    prop_assert!(held.is_none());
                }
            }
            state = next;
        }
        let stopped = matches!(state, State::Stopping { session: None, .. });
        prop_assert!(stopped, "the end is reached by its deadline");
    }
}
