//! The way into safe mode and out of it again (the original's SAFE_MODE): one broken check while nothing runs leads in,
//! `SAFE_EXIT` good ones in a row lead out. Pure; called by `transition` alone.

use super::steps::awake;
use super::{Effect, SAFE_EXIT, State};
use crate::clock::Instant;
use crate::dream::WakeReason;

pub(super) fn checked(state: State, trouble: Option<String>, now: Instant) -> (State, Vec<Effect>) {
    match (state, trouble) {
        (
            state @ (State::Starting | State::Awake { .. } | State::Settling { .. }),
            Some(reason),
        ) => {
            let cancel = state.waiting().map(|session| Effect::Cancel {
                session: session.clone(),
                reason: WakeReason::Failure,
            });
            let (since, good) = (now, 0);
            let safe = State::Safe {
                since,
                reason,
                good,
            };
            (safe, cancel.into_iter().collect())
        }
        (
            State::Safe {
                since,
                reason,
                good,
            },
            None,
        ) if good + 1 < SAFE_EXIT => {
            let good = good + 1;
            let safe = State::Safe {
                since,
                reason,
                good,
            };
            (safe, vec![])
        }
        // What never was broken, or has been well for long enough.
        (State::Starting | State::Safe { .. }, None) => (awake(now), vec![]),
        (State::Safe { since, .. }, Some(reason)) => {
            let good = 0;
            let safe = State::Safe {
                since,
                reason,
                good,
            };
            (safe, vec![])
        }
        (other, _) => (other, vec![]),
    }
}
