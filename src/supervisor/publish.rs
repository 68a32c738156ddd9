//! What the event loop tells: the snapshot that everybody sees after each event, and the record of transitions. Part of
//! the event loop.

use super::original::Original;
use super::parts::Transition;
use super::state::{SAFE_EXIT, State};
use super::{Safe, StateName, Supervisor, Told};

impl Supervisor {
    /// A change of state into the log and the record. The way into safe mode and out of it is told to who asked for warnings
    /// alone, which is what a service says to its journal: a night without dreams must be found there.
    pub(super) fn note(&mut self, from: StateName, to: StateName) {
        let trigger = Original::of(from).trigger(Original::of(to));
        let (was, is) = (from.as_str(), to.as_str());
        match &self.state {
            State::Safe { reason, .. } => tracing::warn!(
                from = was, to = is, trigger, %reason,
                "safe mode: nothing is dreamed until {SAFE_EXIT} checks in a row were good"
            ),
            State::Awake { .. } if from == StateName::Safe => {
                tracing::warn!(from = was, to = is, trigger, "safe mode is over");
            }
            State::Starting
            | State::Awake { .. }
            | State::Settling { .. }
            | State::Dreaming { .. }
            | State::Frozen { .. }
            | State::Waking { .. }
            | State::Stopping { .. } => tracing::info!(from = was, to = is, trigger, "state"),
        }
        let Some(note) = &mut self.note else { return };
        let why = match &self.state {
            State::Safe { reason, .. } => Some(reason.clone()),
            State::Frozen { hold, .. } => Some(hold.reason().as_str().to_owned()),
            State::Waking { reason, .. } => Some(reason.as_str().to_owned()),
            State::Starting
            | State::Awake { .. }
            | State::Settling { .. }
            | State::Dreaming { .. }
            | State::Stopping { .. } => None,
        };
        note(&Transition {
            at: (self.wall)().timestamp(),
            from,
            to,
            session: self.state.session().cloned(),
            why,
        });
    }

    pub(super) fn publish(&mut self) {
        let name = StateName::of(&self.state);
        let (trigger, waking) = match &self.state {
            State::Dreaming { run } => (Some(run.trigger), None),
            State::Frozen { run, hold } => (Some(run.trigger), Some(hold.reason())),
            State::Waking { run, reason, .. } => (Some(run.trigger), Some(*reason)),
            State::Starting
            | State::Safe { .. }
            | State::Awake { .. }
            | State::Settling { .. }
            | State::Stopping { .. } => (None, None),
        };
        let renamed = self.current.name != name;
        if renamed {
            self.current.since = Some((self.wall)().timestamp());
        }
        self.current.name = name;
        self.current.session = self.state.session().cloned();
        self.current.trigger = trigger;
        self.current.waking = waking;
        self.current.safe = Safe::of(&self.state);
        self.current.waiting = self.state.waiting().cloned();
        self.current.closing = self.closing.sessions().to_vec();
        self.current.pause = self.memory.get().pause;
        // Nobody else writes: a conflict would be a bug, and the newest state wins.
        let written = self
            .snapshot
            .compare_and_set(self.current.version, self.current.clone());
        debug_assert!(written.is_ok(), "the supervisor is the only writer");
        self.current.version = written.unwrap_or_else(|conflict| conflict.found);
        if renamed {
            self.told
                .send(Told::State {
                    version: self.current.version,
                    supervisor: name,
                })
                .ok();
        }
    }
}
