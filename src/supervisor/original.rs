//! Our states and what changes them in the words of the original state machine (seed 004). Pure; for `status` and the log.

use super::StateName;

/// The original's states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Original {
    Booting,
    Idle,
    Active,
    SafeMode,
    Shutdown,
}

impl Original {
    /// Its ERROR_STATE is left as soon as it is safe to: here that is at once, so it is SAFE_MODE from the beginning.
    #[must_use]
    pub fn of(name: StateName) -> Self {
        match name {
            StateName::Starting => Self::Booting,
            StateName::Safe => Self::SafeMode,
            StateName::Awake | StateName::Settling | StateName::Frozen | StateName::Waking => {
                Self::Idle
            }
            StateName::Dreaming => Self::Active,
            StateName::Stopping => Self::Shutdown,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Booting => "BOOTING",
            Self::Idle => "IDLE",
            Self::Active => "ACTIVE",
            Self::SafeMode => "SAFE_MODE",
            Self::Shutdown => "SHUTDOWN",
        }
    }

    /// Its trigger for what led from here to `next`.
    #[must_use]
    pub fn trigger(self, next: Self) -> &'static str {
        if self == next {
            return "NO_CHANGE";
        }
        match next {
            Self::Booting => "COLD_START",
            Self::Active => "PROPOSALS_RECEIVED",
            Self::SafeMode => "BIOS_ERROR",
            // It had the state, and nothing that led there.
            Self::Shutdown => "SHUTDOWN",
            Self::Idle => match self {
                Self::Booting => "BOOT_COMPLETE",
                Self::SafeMode => "ERROR_CLEARED",
                Self::Idle | Self::Active | Self::Shutdown => "NO_PROPOSALS",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::hold::Thaws;
    use super::super::state::{Event, Goal, Run, SAFE_EXIT, State, transition};
    use super::*;
    use crate::clock;
    use crate::dream::{Trigger, WakeReason};
    use crate::energy::gate::{GateKind, Leave};
    use crate::ids::SessionId;

    #[test]
    fn every_event_is_one_of_the_originals_triggers_where_it_changes_something() {
        let (since, at) = (clock::monotonic(), clock::monotonic());
        let session = SessionId::new();
        let dreaming = || State::Dreaming {
            run: Run {
                session: session.clone(),
                began: Trigger::Night,
                trigger: Trigger::Night,
                since,
                thaws: Thaws::default(),
            },
        };
        let awake = || State::Awake {
            since,
            waiting: None,
        };
        let settling = || State::Settling {
            since,
            goal: Goal::Automatic(Trigger::Night),
        };
        let safe = |good| State::Safe {
            since,
            reason: "broken".to_owned(),
            good,
        };
        let checked = |trouble: Option<&str>| Event::Checked {
            trouble: trouble.map(str::to_owned),
        };
        let request = Event::Request {
            session: SessionId::new(),
            trigger: Trigger::Manual,
        };
        let looked = Event::Looked {
            service: Leave::May(Trigger::Night),
            when_away: Leave::Closed(GateKind::Presence),
            next: SessionId::new(),
            settle: Duration::ZERO,
        };
        let disturbed = Event::Disturbed {
            reason: WakeReason::Memory,
            at,
        };
        let strain = Event::Strain {
            over: Some(WakeReason::Load),
            calm: false,
        };
        let ended = Event::Ended {
            session: session.clone(),
        };
        for (state, event, trigger) in [
            (State::Starting, Event::Ready, "BOOT_COMPLETE"),
            (State::Starting, checked(None), "BOOT_COMPLETE"),
            (State::Starting, checked(Some("none")), "BIOS_ERROR"),
            (awake(), checked(Some("none")), "BIOS_ERROR"),
            (safe(1), checked(Some("none")), "NO_CHANGE"),
            (safe(0), checked(None), "NO_CHANGE"),
            (safe(SAFE_EXIT - 1), checked(None), "ERROR_CLEARED"),
            (awake(), request, "PROPOSALS_RECEIVED"),
            (settling(), looked, "PROPOSALS_RECEIVED"),
            (dreaming(), disturbed, "NO_PROPOSALS"),
            (dreaming(), Event::Input { at }, "NO_PROPOSALS"),
            (dreaming(), Event::Pointer { at }, "NO_PROPOSALS"),
            (dreaming(), strain, "NO_PROPOSALS"),
            (dreaming(), Event::Wake(WakeReason::Wake), "NO_PROPOSALS"),
            (dreaming(), ended, "NO_PROPOSALS"),
            (dreaming(), Event::NightFell, "NO_CHANGE"),
            (dreaming(), Event::Tick, "NO_CHANGE"),
            (dreaming(), Event::Shutdown, "SHUTDOWN"),
        ] {
            let told = format!("{state:?} {event:?}");
            let before = Original::of(StateName::of(&state));
            let (after, _) = transition(state, event, at);
            let after = Original::of(StateName::of(&after));
            assert_eq!(before.trigger(after), trigger, "{told}");
        }
    }
}
