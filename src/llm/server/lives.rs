//! The lives of a server of ours as those see them who ask it: it falls, and answers again after a while, at another port
//! perhaps. Held by the client alone; starts and stops nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::{Server, State};
use crate::clock::Instant;

/// A connection breaks off a moment before the keeper has buried the process behind it.
const NOTICED: Duration = Duration::from_millis(500);

#[derive(Debug, Clone)]
pub(in crate::llm) struct Lives {
    state: watch::Receiver<State>,
    in_flight: Arc<AtomicUsize>,
    /// Until the keeper knows that one with which no request is does not answer.
    until_hung: Duration,
}

/// A request is with the server, for as long as this is kept: until then its silence means nothing.
pub(in crate::llm) struct Busy(Arc<AtomicUsize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One life: where it answers, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::llm) struct Life {
    pub(in crate::llm) url: String,
    since: Instant,
}

fn life(state: &State) -> Option<Life> {
    match state {
        State::Ready { url, since, .. } => Some(Life {
            url: url.clone(),
            since: *since,
        }),
        State::Stopped | State::Starting { .. } | State::Waiting { .. } | State::Failed { .. } => {
            None
        }
    }
}

impl Lives {
    pub(super) fn of(server: &Server) -> Self {
        Self {
            state: server.state.subscribe(),
            in_flight: Arc::clone(&server.in_flight),
            until_hung: server.until_hung,
        }
    }

    /// Held around every request.
    pub(in crate::llm) fn busy(&self) -> Busy {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(&self.in_flight))
    }

    /// The one that answers now.
    pub(in crate::llm) fn now(&self) -> Option<Life> {
        life(&self.state.borrow())
    }

    /// True once another life than `before` answers; false where that one lives on, or none comes after it. What fell is
    /// noticed at once, what is `silent` only once the keeper has asked it.
    pub(in crate::llm) async fn come_after(&self, before: Option<&Life>, silent: bool) -> bool {
        let noticed_within = if silent { self.until_hung } else { NOTICED };
        let mut state = self.state.clone();
        let fell = |now: &State| before.is_none() || life(now).as_ref() != before;
        let noticed = tokio::time::timeout(noticed_within, state.wait_for(fell))
            .await
            .is_ok_and(|now| now.is_ok());
        if !noticed {
            return false;
        }
        let settled = |now: &State| {
            fell(now) && !matches!(now, State::Starting { .. } | State::Waiting { .. })
        };
        let now = state.wait_for(settled).await;
        now.is_ok_and(|now| life(&now).is_some())
    }
}
