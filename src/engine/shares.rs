//! The machine's time, divided among the scenarios that are in play at once: what one of them cost. Pure: the time is
//! handed in.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Instant;

/// Who is in play, and how much time each of them had so far.
#[derive(Debug)]
pub(super) struct Shares(Mutex<State>);

#[derive(Debug)]
struct State {
    playing: u32,
    since: Instant,
    /// What one that is in play from the beginning had until `since`.
    each: Duration,
}

/// One scenario's part, for as long as it is held.
#[derive(Debug)]
pub(super) struct Share<'a> {
    of: &'a Shares,
    before: Duration,
}

impl Shares {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new(State {
            playing: 0,
            since: now,
            each: Duration::ZERO,
        }))
    }

    pub(super) fn begin(&self, now: Instant) -> Share<'_> {
        let mut state = self.until(now);
        state.playing += 1;
        Share {
            of: self,
            before: state.each,
        }
    }

    fn until(&self, now: Instant) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(state.since);
        if state.playing > 0 {
            let part = passed / state.playing;
            state.each += part;
        }
        state.since = now;
        state
    }
}

impl Share<'_> {
    /// Time of the machine that this scenario had until `now`: all of it where it played alone.
    pub(super) fn spent(&self, now: Instant) -> Duration {
        self.of.until(now).each.saturating_sub(self.before)
    }

    pub(super) fn end(self, now: Instant) {
        self.of.until(now).playing -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn who_plays_beside_another_has_half_of_the_time() {
        let start = clock::monotonic();
        let at = |seconds| start + Duration::from_secs(seconds);
        let shares = Shares::new(start);
        let first = shares.begin(at(1));
        assert_eq!(first.spent(at(5)), Duration::from_secs(4));
        let second = shares.begin(at(5));
        assert_eq!(first.spent(at(11)), Duration::from_secs(7));
        first.end(at(11));
        assert_eq!(second.spent(at(12)), Duration::from_secs(4));
        second.end(at(12));
        // Time that nobody played in is nobody's.
        let third = shares.begin(at(100));
        assert_eq!(third.spent(at(101)), Duration::from_secs(1));
    }
}
