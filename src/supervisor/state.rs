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
//!  Starting, Awake, Settling ──a broken check──► Safe ──SAFE_EXIT good checks──► Awake
//!  every state ──Shutdown──► Stopping
//! ```
//!
//! In the words of the original state machine (seed 004), which `original.rs` tells `status` and the log:
//!
//! | its trigger | what it is here |
//! |---|---|
//! | COLD_START | the start, before any event |
//! | BOOT_COMPLETE | `Ready`, or `Checked` without trouble, in Starting |
//! | BIOS_ERROR | `Checked` with a trouble, which leads to Safe (SAFE_MODE, and what it calls ERROR_STATE) |
//! | ERROR_CLEARED | the last good `Checked` in Safe (EXIT_CONFIRMED; those before are RECOVERING_k_OF_n) |
//! | PROPOSALS_RECEIVED | `Request`; `Looked` with open gates; `Tick` where it thaws |
//! | NO_PROPOSALS | what freezes or ends a session: `Disturbed`, `Input`, `Pointer`, `Strain`, `Wake`, `Ended` |
//! | NO_CHANGE | `NightFell`, `Tick`, and whatever changes nothing that it has a state for |
//!
//! For `Shutdown` it has a state and no trigger.
//!
//! Everything that speaks against going on freezes first; whether the session is then released or goes on is decided
//! while nothing of it can run (`hold.rs`).

use std::time::Duration;

use super::hold::{Hold, Thaws};
use crate::clock::Instant;
use crate::dream::{Trigger, WakeReason};
use crate::energy::gate::Leave;
use crate::ids::SessionId;

mod safe;
mod steps;

use safe::checked;
use steps::{
    disturbed, ended, input, looked, night_fell, pointer, ready, request, shutdown, strain, tick,
    wake,
};

/// How long every gate must stay open before a session begins.
pub const SETTLE: Duration = crate::config::night::SETTLING;

/// Good checks in a row that end safe mode (the original's own number).
pub const SAFE_EXIT: u32 = 3;

/// A woken session that has not reported by then is abandoned: the promise is that nothing is left after two seconds.
pub const WAKE_DEADLINE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Before the preflight.
    Starting,
    /// Something that dreaming needs is broken: nothing begins until `SAFE_EXIT` checks in a row were good.
    Safe {
        since: Instant,
        reason: String,
        good: u32,
    },
    /// Nothing runs. `waiting` is a request that waits until nobody is there.
    Awake {
        since: Instant,
        waiting: Option<SessionId>,
    },
    /// Every gate is open; they must stay open for a while.
    Settling { since: Instant, goal: Goal },
    /// A session runs and holds a permit.
    Dreaming { run: Run },
    /// The session's processes have no CPU; it may yet go on.
    Frozen { run: Run, hold: Hold },
    /// The permit is over; the session has until the deadline to report.
    Waking {
        run: Run,
        reason: WakeReason,
        deadline: Instant,
    },
    /// For good. Over once `session` is none.
    Stopping {
        session: Option<SessionId>,
        deadline: Instant,
    },
}

/// A session that was begun and has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub session: SessionId,
    /// What it began as.
    pub began: Trigger,
    /// What it is held to now: an idle session becomes the night's when the window opens.
    pub trigger: Trigger,
    /// When it began.
    pub since: Instant,
    pub thaws: Thaws,
}

/// What begins after settling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    Automatic(Trigger),
    Waiting(SessionId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// There is nothing to check first, or somebody came before it was checked.
    Ready,
    /// A preflight is over, or a session failed: what is broken, if anything.
    Checked {
        trouble: Option<String>,
    },
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
    /// The night window opened while an idle session runs; one that begins later stays the absence's.
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
    /// `began` is what it began as, unless the service stops: its end counts all the same, and why it had to end.
    Abandon {
        session: SessionId,
        began: Option<Trigger>,
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
            Self::Dreaming { run } | Self::Frozen { run, .. } | Self::Waking { run, .. } => {
                Some(&run.session)
            }
            Self::Stopping { session, .. } => session.as_ref(),
            Self::Starting | Self::Safe { .. } | Self::Awake { .. } | Self::Settling { .. } => None,
        }
    }

    /// What the session that runs or is frozen is held to.
    #[must_use]
    pub fn dreams(&self) -> Option<&Run> {
        match self {
            Self::Dreaming { run } | Self::Frozen { run, .. } => Some(run),
            Self::Starting
            | Self::Safe { .. }
            | Self::Awake { .. }
            | Self::Settling { .. }
            | Self::Waking { .. }
            | Self::Stopping { .. } => None,
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
            | Self::Safe { .. }
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
        Event::Checked { trouble } => checked(state, trouble, now),
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

#[cfg(test)]
mod many_events;
#[cfg(test)]
mod tests;
