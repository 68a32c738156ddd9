//! The supervisor's transition table: `State` × `Event` → (`State`, effects). Pure and total; called by the event loop
//! alone. Time is an argument, and nothing here starts, ends or asks anything: effects are carried out by the loop.
//!
//! ```text
//!  Starting ──Ready──► Awake ◄──────────────── Ended ───────────────┐
//!                       │  ▲ gate closed, input                     │
//!              may dream│  │                                        │
//!                       ▼  │     calm for SETTLE                    │
//!                     Settling ───────────────► Dreaming ───────────┤
//!                       ▲                      ▲   │  │             │
//!       Request(Manual) └──── from Awake too ──┘   │  │ key, person,│
//!                                     quiet again ││  │ memory, …   │
//!                        pointer, load, heat ────►││  │             │
//!                                                Frozen             │
//!                                     key, person, │  │             │
//!                      second pointer, it lasts ──►│  │             │
//!                                                  ▼  ▼             │
//!                                                 Waking ──Ended────┤
//!                                                     └──deadline───┘ (abandoned)
//!  every state ──Shutdown──► Stopping
//! ```
//!
//! Everything that speaks against going on freezes first; whether the session is then released or goes on is decided
//! while nothing of it can run (`hold.rs`).

use std::time::Duration;

use super::hold::{Hold, Next, Thaws};
use crate::clock::Instant;
use crate::dream::{Trigger, WakeReason};
use crate::energy::gate::Leave;
use crate::ids::SessionId;

/// How long every gate must stay open before a session begins: longer than a pause between two commands of a build.
pub const SETTLE: Duration = Duration::from_secs(30);

/// A woken session that has not reported by then is abandoned: the promise is that nothing is left after two seconds.
pub const WAKE_DEADLINE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Before the first look.
    Starting,
    /// Nothing runs. `waiting` is a request that waits until nobody is there.
    Awake {
        since: Instant,
        waiting: Option<SessionId>,
    },
    /// Every gate is open; they must stay open for a while.
    Settling { since: Instant, goal: Goal },
    /// A session runs and holds a permit.
    Dreaming {
        session: SessionId,
        /// What it began as.
        began: Trigger,
        /// What it is held to now: an idle session becomes the night's when the window opens.
        trigger: Trigger,
        since: Instant,
        thaws: Thaws,
    },
    /// The session's processes have no CPU; it may yet go on.
    Frozen {
        session: SessionId,
        began: Trigger,
        trigger: Trigger,
        /// When the session began.
        since: Instant,
        hold: Hold,
        thaws: Thaws,
    },
    /// The permit is over; the session has until the deadline to report.
    Waking {
        session: SessionId,
        began: Trigger,
        trigger: Trigger,
        reason: WakeReason,
        deadline: Instant,
    },
    /// For good. Over once `session` is none.
    Stopping {
        session: Option<SessionId>,
        deadline: Instant,
    },
}

/// What begins after settling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    Automatic(Trigger),
    Waiting(SessionId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Ready,
    /// A person asks; only `Manual` and `WhenAway` come this way.
    Request {
        session: SessionId,
        trigger: Trigger,
    },
    /// A look at the machine while nothing runs. `next` is the identity of the session that may begin, `settle` how
    /// long the gates must have stayed open.
    Looked {
        service: Leave,
        when_away: Leave,
        next: SessionId,
        settle: Duration,
    },
    /// The machine says that a session must end; `at` is when it happened.
    Disturbed {
        reason: WakeReason,
        at: Instant,
    },
    /// A key, a terminal, a login: somebody is there. Means nothing to a session that a person started.
    Input {
        at: Instant,
    },
    /// A pointer moved: somebody is there, or the desk was bumped.
    Pointer {
        at: Instant,
    },
    /// A look at load and heat: what stands over its limit for long enough, and whether all is under the lower limits.
    Strain {
        over: Option<WakeReason>,
        calm: bool,
    },
    /// The night window opened while an idle session runs.
    NightFell,
    /// A person, or a signal, says stop.
    Wake(WakeReason),
    /// The session's task is over.
    Ended {
        session: SessionId,
    },
    /// Time passed.
    Tick,
    Shutdown,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Accept {
        session: SessionId,
    },
    /// `by` is the session that stands in the way, `None` where the supervisor starts or stops.
    Refuse {
        session: SessionId,
        by: Option<SessionId>,
    },
    /// Mint a permit, run the session.
    Begin {
        session: SessionId,
        trigger: Trigger,
    },
    /// Take the CPU from everything of the session.
    Freeze {
        session: SessionId,
    },
    /// Give it back.
    Thaw {
        session: SessionId,
    },
    /// End the permit, kill the tree; `at` is when the reason arose.
    End {
        session: SessionId,
        reason: WakeReason,
        at: Instant,
    },
    /// Drop the session's task: it did not report in time.
    Abandon {
        session: SessionId,
        reason: WakeReason,
    },
    /// A waiting request will never begin.
    Cancel {
        session: SessionId,
        reason: WakeReason,
    },
    /// How the session's end counts: what it began as and ended as, and what woke it.
    Settle {
        session: SessionId,
        began: Trigger,
        trigger: Trigger,
        woken: Option<WakeReason>,
    },
}

impl State {
    /// The session that holds, or lately held, a permit.
    #[must_use]
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            Self::Dreaming { session, .. }
            | Self::Frozen { session, .. }
            | Self::Waking { session, .. } => Some(session),
            Self::Stopping { session, .. } => session.as_ref(),
            Self::Starting | Self::Awake { .. } | Self::Settling { .. } => None,
        }
    }

    /// The request that waits until nobody is there.
    #[must_use]
    pub fn waiting(&self) -> Option<&SessionId> {
        match self {
            Self::Awake { waiting, .. } => waiting.as_ref(),
            Self::Settling {
                goal: Goal::Waiting(session),
                ..
            } => Some(session),
            Self::Starting
            | Self::Settling { .. }
            | Self::Dreaming { .. }
            | Self::Frozen { .. }
            | Self::Waking { .. }
            | Self::Stopping { .. } => None,
        }
    }
}

/// The table.
#[must_use]
pub fn transition(state: State, event: Event, now: Instant) -> (State, Vec<Effect>) {
    match event {
        Event::Ready => ready(state, now),
        Event::Request { session, trigger } => request(state, session, trigger, now),
        Event::Looked {
            service,
            when_away,
            next,
            settle,
        } => looked(state, (service, when_away), next, settle, now),
        Event::Disturbed { reason, at } => disturbed(state, reason, at, now),
        Event::Input { at } => input(state, at, now),
        Event::Pointer { at } => pointer(state, at, now),
        Event::Strain { over, calm } => strain(state, over, calm, now),
        Event::NightFell => night_fell(state),
        Event::Wake(reason) => wake(state, reason, now),
        Event::Ended { session } => ended(state, &session, now),
        Event::Tick => tick(state, now),
        Event::Shutdown => shutdown(state, now),
    }
}

fn awake(now: Instant) -> State {
    State::Awake {
        since: now,
        waiting: None,
    }
}

fn ready(state: State, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Starting => (awake(now), vec![]),
        other => (other, vec![]),
    }
}

fn request(
    state: State,
    session: SessionId,
    trigger: Trigger,
    now: Instant,
) -> (State, Vec<Effect>) {
    let in_the_way = state.session().or(state.waiting()).cloned();
    let free =
        matches!(state, State::Awake { .. } | State::Settling { .. }) && in_the_way.is_none();
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

fn begin(session: SessionId, trigger: Trigger, now: Instant) -> (State, Vec<Effect>) {
    let effect = Effect::Begin {
        session: session.clone(),
        trigger,
    };
    let state = State::Dreaming {
        session,
        began: trigger,
        trigger,
        since: now,
        thaws: Thaws::default(),
    };
    (state, vec![effect])
}

fn looked(
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
        | State::Dreaming { .. }
        | State::Frozen { .. }
        | State::Waking { .. }
        | State::Stopping { .. }) => (other, vec![]),
    }
}

fn disturbed(state: State, reason: WakeReason, at: Instant, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Dreaming { .. } | State::Frozen { .. } | State::Waking { .. } => {
            release(state, reason, at, now)
        }
        other @ (State::Starting
        | State::Awake { .. }
        | State::Settling { .. }
        | State::Stopping { .. }) => (other, vec![]),
    }
}

fn input(state: State, at: Instant, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Settling { goal, .. } => {
            let waiting = match goal {
                Goal::Waiting(session) => Some(session),
                Goal::Automatic(_) => None,
            };
            let since = now;
            (State::Awake { since, waiting }, vec![])
        }
        State::Dreaming { trigger, .. } | State::Frozen { trigger, .. }
            if trigger != Trigger::Manual =>
        {
            release(state, WakeReason::Presence, at, now)
        }
        other @ (State::Starting
        | State::Awake { .. }
        | State::Dreaming { .. }
        | State::Frozen { .. }
        | State::Waking { .. }
        | State::Stopping { .. }) => (other, vec![]),
    }
}

fn pointer(state: State, at: Instant, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Dreaming {
            session,
            began,
            trigger,
            since,
            thaws,
        } if trigger != Trigger::Manual => {
            let freeze = Effect::Freeze {
                session: session.clone(),
            };
            let hold = Hold::bumped(at);
            let frozen = State::Frozen {
                session,
                began,
                trigger,
                since,
                hold,
                thaws,
            };
            (frozen, vec![freeze])
        }
        State::Frozen {
            session,
            began,
            trigger,
            since,
            mut hold,
            thaws,
        } if trigger != Trigger::Manual => {
            let again = hold.pointer(at, &thaws);
            let state = State::Frozen {
                session,
                began,
                trigger,
                since,
                hold,
                thaws,
            };
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

fn strain(
    state: State,
    over: Option<WakeReason>,
    calm: bool,
    now: Instant,
) -> (State, Vec<Effect>) {
    match (state, over) {
        (
            State::Dreaming {
                session,
                began,
                trigger,
                since,
                thaws,
            },
            Some(reason),
        ) => {
            let freeze = Effect::Freeze {
                session: session.clone(),
            };
            let hold = Hold::strained(reason, now);
            let frozen = State::Frozen {
                session,
                began,
                trigger,
                since,
                hold,
                thaws,
            };
            (frozen, vec![freeze])
        }
        (
            State::Frozen {
                session,
                began,
                trigger,
                since,
                mut hold,
                thaws,
            },
            over,
        ) => {
            hold.strain(over, calm, now);
            let state = State::Frozen {
                session,
                began,
                trigger,
                since,
                hold,
                thaws,
            };
            tick(state, now)
        }
        (other, _) => (other, vec![]),
    }
}

/// Freezes what is not frozen, then ends the permit: from here on the way leads to Awake alone.
fn release(state: State, reason: WakeReason, at: Instant, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Dreaming {
            session,
            began,
            trigger,
            ..
        } => {
            let freeze = Effect::Freeze {
                session: session.clone(),
            };
            let (state, mut effects) = leave(session, began, trigger, (reason, at, now));
            effects.insert(0, freeze);
            (state, effects)
        }
        State::Frozen {
            session,
            began,
            trigger,
            ..
        } => leave(session, began, trigger, (reason, at, now)),
        State::Waking {
            session,
            began,
            trigger,
            reason: before,
            deadline,
        } => {
            // A stronger reason is told, a weaker one changes nothing, and neither buys time.
            let effects = if reason > before {
                vec![Effect::End {
                    session: session.clone(),
                    reason,
                    at,
                }]
            } else {
                vec![]
            };
            let state = State::Waking {
                session,
                began,
                trigger,
                reason: reason.max(before),
                deadline,
            };
            (state, effects)
        }
        other @ (State::Starting
        | State::Awake { .. }
        | State::Settling { .. }
        | State::Stopping { .. }) => (other, vec![]),
    }
}

/// The two seconds count from the event, not from when it was heard of; but never from the future.
fn leave(
    session: SessionId,
    began: Trigger,
    trigger: Trigger,
    (reason, at, now): (WakeReason, Instant, Instant),
) -> (State, Vec<Effect>) {
    let at = at.min(now);
    let end = Effect::End {
        session: session.clone(),
        reason,
        at,
    };
    let state = State::Waking {
        session,
        began,
        trigger,
        reason,
        deadline: at + WAKE_DEADLINE,
    };
    (state, vec![end])
}

fn night_fell(mut state: State) -> (State, Vec<Effect>) {
    if let State::Dreaming { trigger, .. } | State::Frozen { trigger, .. } = &mut state
        && *trigger == Trigger::Idle
    {
        *trigger = Trigger::Night;
    }
    (state, vec![])
}

fn wake(state: State, reason: WakeReason, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Starting | State::Stopping { .. } => (state, vec![]),
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

fn ended(state: State, over: &SessionId, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Dreaming {
            session,
            began,
            trigger,
            ..
        }
        | State::Frozen {
            session,
            began,
            trigger,
            ..
        } if session == *over => {
            let settle = Effect::Settle {
                session,
                began,
                trigger,
                woken: None,
            };
            (awake(now), vec![settle])
        }
        State::Waking {
            session,
            began,
            trigger,
            reason,
            deadline: _,
        } if session == *over => {
            let settle = Effect::Settle {
                session,
                began,
                trigger,
                woken: Some(reason),
            };
            (awake(now), vec![settle])
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

fn tick(state: State, now: Instant) -> (State, Vec<Effect>) {
    match state {
        State::Frozen {
            session,
            began,
            trigger,
            since,
            hold,
            mut thaws,
        } => match hold.next(&thaws, now) {
            Next::Stay => {
                let state = State::Frozen {
                    session,
                    began,
                    trigger,
                    since,
                    hold,
                    thaws,
                };
                (state, vec![])
            }
            Next::Thaw => {
                thaws.note(now);
                let thaw = Effect::Thaw {
                    session: session.clone(),
                };
                let state = State::Dreaming {
                    session,
                    began,
                    trigger,
                    since,
                    thaws,
                };
                (state, vec![thaw])
            }
            Next::GiveUp(reason) => leave(session, began, trigger, (reason, now, now)),
        },
        State::Waking {
            session,
            reason,
            deadline,
            ..
        } if now >= deadline => (awake(now), vec![Effect::Abandon { session, reason }]),
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
                reason: WakeReason::Shutdown,
            }],
        ),
        other => (other, vec![]),
    }
}

fn shutdown(state: State, now: Instant) -> (State, Vec<Effect>) {
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
        | State::Awake { .. }
        | State::Settling { .. }
        | State::Dreaming { .. }
        | State::Frozen { .. }
        | State::Stopping { .. } => now + WAKE_DEADLINE,
    };
    (State::Stopping { session, deadline }, effects)
}

#[cfg(test)]
mod many_events;
#[cfg(test)]
mod tests;
