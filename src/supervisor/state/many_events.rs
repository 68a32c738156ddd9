//! A million random events into the table: what must hold whatever happens.

use super::*;
use crate::clock;
use crate::energy::gate::GateKind;

fn id(n: u8) -> SessionId {
    SessionId::parse(&format!("{n:08x}")).expect("eight digits")
}

fn disturbed_by(reason: WakeReason, at: Instant) -> Event {
    Event::Disturbed { reason, at }
}

const SHUT: Leave = Leave::Closed(GateKind::Presence);

/// A million events from a generator of our own: fast enough for every test run.
#[test]
fn a_million_random_events_reach_no_illegal_state() {
    const EVENTS: u32 = 1_000_000;
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let mut now = clock::monotonic();
    let mut state = State::Starting;
    let mut held: Option<SessionId> = None;
    let (mut ended, mut dreams, mut freezes, mut wakes) = (false, 0_u32, 0_u32, 0_u32);
    let (mut stops, mut idles) = (0_u32, 0_u32);
    let mut woken_by: Vec<WakeReason> = Vec::new();
    for number in 0..EVENTS {
        now += Duration::from_millis(random(4000));
        let at = now
            .checked_sub(Duration::from_millis(random(300)))
            .unwrap_or(now);
        let session = id(u8::try_from(random(4)).expect("small"));
        let reason = WakeReason::ALL[usize::try_from(random(12)).expect("small")];
        let leave = |trigger, open: u64| if open > 0 { Leave::May(trigger) } else { SHUT };
        let event = match random(26) {
            0 => Event::Ready,
            1 => {
                let trigger = [Trigger::Manual, Trigger::WhenAway][usize::from(random(2) == 0)];
                Event::Request { session, trigger }
            }
            2..=9 => {
                let by_itself = [Trigger::Night, Trigger::Idle][usize::from(random(2) == 0)];
                Event::Looked {
                    service: leave(by_itself, random(30)),
                    when_away: leave(Trigger::WhenAway, random(30)),
                    next: session,
                    settle: SETTLE,
                }
            }
            10 => disturbed_by(reason, at),
            11 => Event::Wake(reason),
            12 => Event::Input { at },
            13 | 14 => Event::Pointer { at },
            15 | 16 => Event::Strain {
                over: (random(4) == 0)
                    .then_some([WakeReason::Load, WakeReason::Heat][usize::from(random(2) == 0)]),
                calm: random(3) > 0,
            },
            17 => Event::NightFell,
            // Safe mode must end again, or nothing is tried.
            24 | 25 => Event::Checked {
                trouble: (random(8) == 0).then(|| "broken".to_owned()),
            },
            18 => Event::Ended {
                session: state
                    .session()
                    .cloned()
                    .filter(|_| random(3) > 0)
                    .unwrap_or(session),
            },
            // A service lives for a while, or nothing is tried.
            19 if random(50) == 0 => Event::Shutdown,
            _ => Event::Tick,
        };
        let (before, told) = (state.clone(), event.clone());
        let (next, effects) = transition(state, event, now);
        for effect in effects {
            match effect {
                Effect::Begin { session, trigger } => {
                    assert!(
                        may_begin(&before, &told, trigger, now),
                        "no gate was open for {trigger:?}, event {number}: {before:?} {told:?}"
                    );
                    idles += u32::from(trigger == Trigger::Idle);
                    assert!(
                        held.replace(session).is_none(),
                        "two at once, event {number}"
                    );
                    ended = false;
                    dreams += 1;
                }
                Effect::End {
                    session, reason, ..
                } => {
                    assert_eq!(held.as_ref(), Some(&session));
                    if !woken_by.contains(&reason) {
                        woken_by.push(reason);
                    }
                    ended = true;
                    wakes += 1;
                }
                Effect::Abandon { session, .. } | Effect::Settle { session, .. } => {
                    assert_eq!(held.take(), Some(session));
                }
                Effect::Freeze { .. } => freezes += 1,
                Effect::Thaw { .. }
                | Effect::Accept { .. }
                | Effect::Refuse { .. }
                | Effect::Cancel { .. } => {}
            }
        }
        // A service that stops does not go over how its session counts: that it is over is all.
        if let (State::Stopping { .. }, Event::Ended { session }) = (&before, &told)
            && held.as_ref() == Some(session)
        {
            held = None;
        }
        assert_eq!(
            next.session(),
            held.as_ref(),
            "who holds a permit, event {number}"
        );
        match &next {
            State::Dreaming { .. } | State::Frozen { .. } => assert!(!ended),
            State::Waking { deadline, .. } => assert!(ended && *deadline <= now + WAKE_DEADLINE),
            State::Stopping { session, deadline } => {
                assert!(session.is_none() || (ended && *deadline <= now + WAKE_DEADLINE));
            }
            State::Starting | State::Safe { .. } | State::Awake { .. } | State::Settling { .. } => {
            }
        }
        // Every Waking ends by its deadline: the loop ticks at it.
        if let State::Waking { deadline, .. } = &next {
            let (over, _) = transition(next.clone(), Event::Tick, *deadline);
            assert!(matches!(over, State::Awake { .. }));
        }
        state = match next {
            State::Stopping {
                session: Some(_),
                deadline,
            } => {
                let (over, _) = transition(next.clone(), Event::Tick, deadline);
                assert!(matches!(over, State::Stopping { session: None, .. }));
                next
            }
            // It is over, and started again.
            State::Stopping { session: None, .. } => {
                assert_eq!(held, None);
                stops += 1;
                State::Starting
            }
            other => other,
        };
    }
    assert!(
        dreams > 1000 && freezes > 1000 && wakes > 1000,
        "{dreams} {freezes} {wakes}"
    );
    assert!(stops > 100 && idles > 100, "{stops} {idles}");
    for reason in WakeReason::ALL {
        assert!(woken_by.contains(&reason), "nothing ended by {reason:?}");
    }
}

/// A session begins because a person started it, or because every gate is open now and has been for the settling.
fn may_begin(before: &State, event: &Event, trigger: Trigger, now: Instant) -> bool {
    match (before, event) {
        (
            State::Settling { since, goal },
            Event::Looked {
                service,
                when_away,
                settle,
                ..
            },
        ) => {
            let open = match goal {
                Goal::Waiting(_) => when_away,
                Goal::Automatic(_) => service,
            };
            *open == Leave::May(trigger) && now.saturating_duration_since(*since) >= *settle
        }
        (_, Event::Request { trigger: asked, .. }) => {
            *asked == Trigger::Manual && trigger == Trigger::Manual
        }
        _ => false,
    }
}
