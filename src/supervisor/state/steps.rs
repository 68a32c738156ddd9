//! The rows of the table, one function an event. Pure; called by `transition` alone.

use std::time::Duration;

use super::super::hold::{Hold, Next, Thaws};
use super::{Effect, Goal, Run, State, WAKE_DEADLINE};
use crate::clock::Instant;
use crate::dream::{Trigger, WakeReason};
use crate::energy::gate::Leave;
use crate::ids::SessionId;

impl Run {
    fn freeze(&self) -> Effect {
        Effect::Freeze {
            session: self.session.clone(),
        }
    }

    fn settle(self, woken: Option<WakeReason>) -> Effect {
        Effect::Settle {
            session: self.session,
            began: self.began,
            trigger: self.trigger,
            woken,
        }
    }
}

pub(super) fn awake(now: Instant) -> State {
    State::Awake {
        since: now,
        waiting: None,
    }
}

pub(super) fn ready(state: State, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Starting => (awake(now), vec![]),
        other => (other, vec![]),
    }
}

pub(super) fn request(
    state: State,
    session: SessionId,
    trigger: Trigger,
    now: Instant,
) -> (State, Vec<Effect>) {
    let in_the_way = state.session().or(state.waiting()).cloned();
    let free = matches!(
        state,
        State::Starting | State::Awake { .. } | State::Settling { .. }
    ) && in_the_way.is_none();
    if !free {
        let refuse = Effect::Refuse {
            session,
            by: in_the_way,
        };
        return (state, vec![refuse]);
    }
    let accept = Effect::Accept {
        session: session.clone(),
    };
    if trigger == Trigger::WhenAway {
        let waiting = State::Awake {
            since: now,
            waiting: Some(session),
        };
        return (waiting, vec![accept]);
    }
    let (state, mut effects) = begin(session, trigger, now);
    effects.insert(0, accept);
    (state, effects)
}

pub(super) fn begin(session: SessionId, trigger: Trigger, now: Instant) -> (State, Vec<Effect>) {
    let effect = Effect::Begin {
        session: session.clone(),
        trigger,
    };
    let run = Run {
        session,
        began: trigger,
        trigger,
        since: now,
        thaws: Thaws::default(),
    };
    (State::Dreaming { run }, vec![effect])
}

pub(super) fn looked(
    state: State,
    (service, when_away): (Leave, Leave),
    next: SessionId,
    settle: Duration,
    now: Instant,
) -> (State, Vec<Effect>) {
    match state {
        State::Awake { waiting, since } => {
            let goal = match (waiting, service, when_away) {
                // What a person asked for goes before what the service would do by itself.
                (Some(session), _, Leave::May(_)) => Goal::Waiting(session),
                (None, Leave::May(trigger), _) => Goal::Automatic(trigger),
                (waiting, _, _) => return (State::Awake { waiting, since }, vec![]),
            };
            (State::Settling { since: now, goal }, vec![])
        }
        State::Settling { since, goal } => {
            let settled = now.saturating_duration_since(since) >= settle;
            match (goal, service, when_away) {
                (Goal::Waiting(session), _, Leave::May(trigger)) if settled => {
                    begin(session, trigger, now)
                }
                (Goal::Automatic(_), Leave::May(trigger), _) if settled => {
                    begin(next, trigger, now)
                }
                (goal @ Goal::Waiting(_), _, Leave::May(_)) => {
                    (State::Settling { since, goal }, vec![])
                }
                (Goal::Automatic(_), Leave::May(trigger), _) => {
                    let goal = Goal::Automatic(trigger);
                    (State::Settling { since, goal }, vec![])
                }
                (Goal::Waiting(session), _, Leave::Closed(_)) => (
                    State::Awake {
                        since: now,
                        waiting: Some(session),
                    },
                    vec![],
                ),
                (Goal::Automatic(_), Leave::Closed(_), _) => (awake(now), vec![]),
            }
        }
        other @ (State::Starting
        | State::Safe { .. }
        | State::Dreaming { .. }
        | State::Frozen { .. }
        | State::Waking { .. }
        | State::Stopping { .. }) => (other, vec![]),
    }
}

pub(super) fn disturbed(
    state: State,
    reason: WakeReason,
    at: Instant,
    now: Instant,
) -> (State, Vec<Effect>) {
    match state {
        State::Dreaming { .. } | State::Frozen { .. } | State::Waking { .. } => {
            release(state, reason, at, now)
        }
        other @ (State::Starting
        | State::Safe { .. }
        | State::Awake { .. }
        | State::Settling { .. }
        | State::Stopping { .. }) => (other, vec![]),
    }
}

pub(super) fn input(state: State, at: Instant, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Settling { goal, .. } => {
            let waiting = match goal {
                Goal::Waiting(session) => Some(session),
                Goal::Automatic(_) => None,
            };
            let since = now;
            (State::Awake { since, waiting }, vec![])
        }
        State::Dreaming { ref run } | State::Frozen { ref run, .. }
            if run.trigger != Trigger::Manual =>
        {
            release(state, WakeReason::Presence, at, now)
        }
        other @ (State::Starting
        | State::Safe { .. }
        | State::Awake { .. }
        | State::Dreaming { .. }
        | State::Frozen { .. }
        | State::Waking { .. }
        | State::Stopping { .. }) => (other, vec![]),
    }
}

pub(super) fn pointer(state: State, at: Instant, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Dreaming { run } if run.trigger != Trigger::Manual => freeze(run, Hold::bumped(at)),
        State::Frozen { run, mut hold } if run.trigger != Trigger::Manual => {
            let again = hold.pointer(at, &run.thaws);
            let state = State::Frozen { run, hold };
            if again {
                release(state, WakeReason::Presence, at, now)
            } else {
                (state, vec![])
            }
        }
        // Before a session it is input as any other.
        other => input(other, at, now),
    }
}

pub(super) fn freeze(run: Run, hold: Hold) -> (State, Vec<Effect>) {
    let freeze = run.freeze();
    (State::Frozen { run, hold }, vec![freeze])
}

pub(super) fn strain(
    state: State,
    over: Option<WakeReason>,
    calm: bool,
    now: Instant,
) -> (State, Vec<Effect>) {
    match (state, over) {
        (State::Dreaming { run }, Some(reason)) => freeze(run, Hold::strained(reason, now)),
        (State::Frozen { run, mut hold }, over) => {
            hold.strain(over, calm, now);
            tick(State::Frozen { run, hold }, now)
        }
        (other, _) => (other, vec![]),
    }
}

/// Freezes what is not frozen, then ends the permit: from here on the way leads to Awake alone.
pub(super) fn release(
    state: State,
    reason: WakeReason,
    at: Instant,
    now: Instant,
) -> (State, Vec<Effect>) {
    match state {
        State::Dreaming { run } => {
            let freeze = run.freeze();
            let (state, mut effects) = leave(run, (reason, at, now));
            effects.insert(0, freeze);
            (state, effects)
        }
        State::Frozen { run, .. } => leave(run, (reason, at, now)),
        State::Waking {
            run,
            reason: before,
            deadline,
        } => {
            // A stronger reason is told, a weaker one changes nothing, and neither buys time.
            let effects = if reason > before {
                vec![Effect::End {
                    session: run.session.clone(),
                    reason,
                    at,
                }]
            } else {
                vec![]
            };
            let state = State::Waking {
                run,
                reason: reason.max(before),
                deadline,
            };
            (state, effects)
        }
        other @ (State::Starting
        | State::Safe { .. }
        | State::Awake { .. }
        | State::Settling { .. }
        | State::Stopping { .. }) => (other, vec![]),
    }
}

/// The two seconds count from the event, not from when it was heard of; but never from the future.
pub(super) fn leave(
    run: Run,
    (reason, at, now): (WakeReason, Instant, Instant),
) -> (State, Vec<Effect>) {
    let at = at.min(now);
    let end = Effect::End {
        session: run.session.clone(),
        reason,
        at,
    };
    let state = State::Waking {
        run,
        reason,
        deadline: at + WAKE_DEADLINE,
    };
    (state, vec![end])
}

pub(super) fn night_fell(mut state: State) -> (State, Vec<Effect>) {
    if let State::Dreaming { run } | State::Frozen { run, .. } = &mut state
        && run.trigger == Trigger::Idle
    {
        run.trigger = Trigger::Night;
    }
    (state, vec![])
}

pub(super) fn wake(state: State, reason: WakeReason, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Starting | State::Safe { .. } | State::Stopping { .. } => (state, vec![]),
        State::Awake { .. } | State::Settling { .. } if reason == WakeReason::Pause => {
            // What waits for every gate waits for this one too.
            let waiting = state.waiting().cloned();
            let since = now;
            (State::Awake { since, waiting }, vec![])
        }
        State::Awake { .. } | State::Settling { .. } => {
            let effects = state
                .waiting()
                .map(|session| Effect::Cancel {
                    session: session.clone(),
                    reason,
                })
                .into_iter()
                .collect();
            (awake(now), effects)
        }
        State::Dreaming { .. } | State::Frozen { .. } | State::Waking { .. } => {
            release(state, reason, now, now)
        }
    }
}

pub(super) fn ended(state: State, over: &SessionId, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Dreaming { run } | State::Frozen { run, .. } if run.session == *over => {
            (awake(now), vec![run.settle(None)])
        }
        State::Waking { run, reason, .. } if run.session == *over => {
            (awake(now), vec![run.settle(Some(reason))])
        }
        State::Stopping {
            session: Some(session),
            deadline,
        } if session == *over => (
            State::Stopping {
                session: None,
                deadline,
            },
            vec![],
        ),
        // An abandoned session that ends after all.
        other => (other, vec![]),
    }
}

pub(super) fn tick(state: State, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Frozen { mut run, hold } => match hold.next(&run.thaws, now) {
            Next::Stay => (State::Frozen { run, hold }, vec![]),
            Next::Thaw => {
                run.thaws.note(now);
                let session = run.session.clone();
                (State::Dreaming { run }, vec![Effect::Thaw { session }])
            }
            Next::GiveUp(reason) => leave(run, (reason, now, now)),
        },
        State::Waking {
            run,
            reason,
            deadline,
        } if now >= deadline => {
            let abandon = Effect::Abandon {
                session: run.session,
                began: Some(run.began),
                reason,
            };
            (awake(now), vec![abandon])
        }
        State::Stopping {
            session: Some(session),
            deadline,
        } if now >= deadline => (
            State::Stopping {
                session: None,
                deadline,
            },
            vec![Effect::Abandon {
                session,
                began: None,
                reason: WakeReason::Shutdown,
            }],
        ),
        other => (other, vec![]),
    }
}

pub(super) fn shutdown(state: State, now: Instant) -> (State, Vec<Effect>) {
    let reason = WakeReason::Shutdown;
    if matches!(state, State::Stopping { .. }) {
        return (state, vec![]);
    }
    let mut effects: Vec<Effect> = state
        .waiting()
        .map(|session| Effect::Cancel {
            session: session.clone(),
            reason,
        })
        .into_iter()
        .collect();
    let session = state.session().cloned();
    if let Some(session) = session.clone() {
        let at = now;
        effects.push(Effect::End {
            session,
            reason,
            at,
        });
    }
    let deadline = match state {
        // It was already told to end: its time does not begin anew.
        State::Waking { deadline, .. } => deadline,
        State::Starting
        | State::Safe { .. }
        | State::Awake { .. }
        | State::Settling { .. }
        | State::Dreaming { .. }
        | State::Frozen { .. }
        | State::Stopping { .. } => now + WAKE_DEADLINE,
    };
    (State::Stopping { session, deadline }, effects)
}
