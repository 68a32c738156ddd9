//! Small work of our own for when the machine is free and nothing is to be dreamed: going over what was learned again,
//! giving the database's room back. Called by the event loop; no model and no code of a model takes part, so no permit.
//!
//! One at a time, on a thread of the lowest priority, and told to stop with the first sign of the owner.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::memory::Remembered;

/// A database grows by some megabytes in a night; once a week is often enough to look for room to give back.
const COMPACT_EVERY_DAYS: i64 = 7;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chore {
    /// Goes over the attempts of the last sessions again, for the models that choose the next.
    Replay,
    /// Gives the room of what was deleted back, and looks after the indexes.
    Compact,
}

impl Chore {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Compact => "compact",
        }
    }
}

/// What came of one: a line for the log. `None` where it was told to stop.
pub type Done = Result<Option<String>, String>;

/// Does one; must end soon after it is told to stop.
pub type RunChore = Arc<dyn Fn(Chore, &CancellationToken) -> Done + Send + Sync>;

/// Which are due. Pure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Due {
    pub replay: bool,
    pub compact: bool,
}

impl Due {
    /// A replay once after every session; compacting every week in which there was one.
    #[must_use]
    pub fn of(known: &Remembered, now: Timestamp) -> Self {
        let Some(session) = known.session_ended else {
            return Self::default();
        };
        let week = now.checked_sub((24 * COMPACT_EVERY_DAYS).hours());
        Self {
            replay: known.replayed.is_none_or(|at| at < session),
            compact: known.compacted.is_none_or(|at| {
                // A clock that was set back must not keep it from ever being due.
                at > now || (at < session && week.is_ok_and(|week| at < week))
            }),
        }
    }
}

/// The one that is under way.
#[derive(Default)]
pub(super) struct Chores {
    run: Option<RunChore>,
    stop: CancellationToken,
    tasks: JoinSet<(Chore, Done)>,
}

impl Chores {
    pub(super) fn new(run: Option<RunChore>) -> Self {
        Self {
            run,
            ..Self::default()
        }
    }

    pub(super) fn any(&self) -> bool {
        self.run.is_some()
    }

    /// Begins one unless one is under way.
    pub(super) fn begin(&mut self, chore: Chore) {
        let Some(run) = self.run.clone().filter(|_| self.tasks.is_empty()) else {
            return;
        };
        self.stop = CancellationToken::new();
        let stop = self.stop.clone();
        self.tasks.spawn_blocking(move || {
            // A thread of its own: who has lowered a thread's priority may not raise it again.
            let work = std::thread::Builder::new().name(chore.as_str().to_owned());
            let done = work.spawn(move || {
                crate::tree::lower_this_thread();
                run(chore, &stop)
            });
            let done = done.map(std::thread::JoinHandle::join);
            let done = match done {
                Ok(Ok(done)) => done,
                Ok(Err(_)) => Err("it broke; the log has the details".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            (chore, done)
        });
    }

    /// True while one is under way.
    pub(super) fn is_at_work(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Tells the one that is under way to stop.
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// The next that is over; for ever pending where none is under way.
    pub(super) async fn next(&mut self) -> (Chore, Done) {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(over)) => return over,
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + hours.hours()
    }

    #[test]
    fn nothing_is_due_before_the_first_session() {
        assert_eq!(Due::of(&Remembered::default(), at(500)), Due::default());
    }

    #[test]
    fn a_session_is_gone_over_once_and_the_room_is_given_back_weekly() {
        let mut known = Remembered {
            session_ended: Some(at(100)),
            ..Remembered::default()
        };
        let both = Due {
            replay: true,
            compact: true,
        };
        assert_eq!(Due::of(&known, at(101)), both);
        known.replayed = Some(at(101));
        known.compacted = Some(at(101));
        assert_eq!(Due::of(&known, at(102)), Due::default());
        assert_eq!(
            Due::of(&known, at(1000)),
            Due::default(),
            "no session since"
        );
        known.session_ended = Some(at(124));
        let replay = Due {
            replay: true,
            compact: false,
        };
        assert_eq!(Due::of(&known, at(125)), replay);
        assert_eq!(Due::of(&known, at(101 + 24 * 7 + 1)), both);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_put_it_off_for_ever() {
        let known = Remembered {
            session_ended: Some(at(100)),
            replayed: Some(at(9000)),
            compacted: Some(at(9000)),
            ..Remembered::default()
        };
        assert!(Due::of(&known, at(101)).compact);
    }
}
