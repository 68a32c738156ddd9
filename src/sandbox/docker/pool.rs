//! Containers that are started ahead and were never used, so that nobody waits for an engine. Held by the Docker backend.
//! Each is given away once and destroyed after it; it belongs to the permit for which it was made and ends with it.
//!
//! Two kinds: one whose interpreter is ready, for a hash seed that was asked for before; and one that waits to be told its
//! seed, which saves the engine's part of the way.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::sandbox::RunnerSpec;
use crate::sandbox::runner::{Parts, Runner};
use crate::supervisor::permit::WorkPermit;

/// How many wait at most: one to be taken while the next is made. Each holds 10 to 20 MB.
const WAITING: usize = 2;
/// How many runners that were asked for are remembered.
const REMEMBERED: usize = 16;

/// How far a waiting container has come.
pub(super) enum Stage {
    Blank(Parts),
    Ready(Runner),
}

/// What shall be made next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    Blank,
    Ready,
}

impl Stage {
    fn kind(&self) -> Wish {
        match self {
            Self::Blank(_) => Wish::Blank,
            Self::Ready(_) => Wish::Ready,
        }
    }
}

impl Wish {
    /// True where one that was made for `made` serves whoever asks for `spec`.
    fn serves(&self, made: &RunnerSpec, spec: &RunnerSpec) -> bool {
        match self {
            Self::Blank => same_but_for_the_seed(made, spec),
            Self::Ready => made == spec,
        }
    }
}

/// True where all places are taken and none of them by what serves `spec`.
fn is_blocked(taken: &[(&RunnerSpec, Wish)], spec: &RunnerSpec) -> bool {
    taken.len() >= WAITING && !taken.iter().any(|(made, wish)| wish.serves(made, spec))
}

struct Waiting {
    permit: WorkPermit,
    spec: RunnerSpec,
    stage: Stage,
}

impl Waiting {
    fn is_alive(&self) -> bool {
        let lives = match &self.stage {
            Stage::Blank(parts) => parts.keeper.is_at_work(),
            Stage::Ready(runner) => runner.is_alive(),
        };
        lives && !self.permit.is_ended()
    }

    fn fits(&self, permit: &WorkPermit, spec: &RunnerSpec) -> bool {
        self.stage.kind().serves(&self.spec, spec) && self.permit.is_same(permit)
    }
}

#[derive(Default)]
struct State {
    waiting: Vec<Waiting>,
    coming: Vec<(RunnerSpec, Wish)>,
    /// How many wait for what is coming.
    hoping: usize,
    asked: VecDeque<RunnerSpec>,
    /// Counts how often the pool was emptied: what was begun before is not wanted after.
    round: u64,
}

impl State {
    fn take(&mut self, permit: &WorkPermit, spec: &RunnerSpec) -> Option<Stage> {
        self.waiting.retain(Waiting::is_alive);
        let fitting = |w: &Waiting| w.fits(permit, spec);
        let ready = |w: &Waiting| fitting(w) && matches!(w.stage, Stage::Ready(_));
        let at = self.waiting.iter().position(ready);
        let at = at.or_else(|| self.waiting.iter().position(fitting))?;
        Some(self.waiting.swap_remove(at).stage)
    }

    /// True where something that fits is on its way and nobody hopes for it yet.
    fn may_hope(&self, spec: &RunnerSpec) -> bool {
        let fits = |(coming, wish): &&(RunnerSpec, Wish)| wish.serves(coming, spec);
        self.coming.iter().filter(fits).count() > self.hoping
    }

    /// Gives up one that waits for what is no longer asked for, where all that wait do so: it would wait for ever.
    fn make_room(&mut self, spec: &RunnerSpec) {
        let kinds = self.waiting.iter().map(|w| (&w.spec, w.stage.kind()));
        let coming = self.coming.iter().map(|(spec, wish)| (spec, wish.clone()));
        if is_blocked(&kinds.chain(coming).collect::<Vec<_>>(), spec) && !self.waiting.is_empty() {
            self.waiting.remove(0);
        }
    }
}

#[derive(Default)]
pub(super) struct Pool {
    state: Mutex<State>,
    arrived: Notify,
}

/// One who waits for what is coming.
struct Hope<'a>(&'a Pool);

impl Drop for Hope<'_> {
    fn drop(&mut self) {
        self.0.lock().hoping -= 1;
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that fits, the ready before the blank, or the next that comes; what has died meanwhile is given up. `None`
    /// where there is none: then a new one is no slower.
    pub(super) async fn take(&self, permit: &WorkPermit, spec: &RunnerSpec) -> Option<Stage> {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            // From here on no arrival is missed.
            arrived.as_mut().enable();
            {
                let mut state = self.lock();
                if let Some(stage) = state.take(permit, spec) {
                    return Some(stage);
                }
                if !state.may_hope(spec) {
                    return None;
                }
                state.hoping += 1;
            }
            let hope = Hope(self);
            let came = permit.race(arrived).await;
            drop(hope);
            came.ok()?;
        }
    }

    /// Notes that such a runner was asked for, and says what to make ahead: nothing for what is asked for the first
    /// time, because most commands ask once. The number is handed to `put`.
    pub(super) fn wishes(&self, spec: &RunnerSpec) -> (Vec<Wish>, u64) {
        let mut state = self.lock();
        let same = state.asked.contains(spec);
        let alike = state.asked.iter().any(|s| same_but_for_the_seed(s, spec));
        state.asked.push_front(spec.clone());
        state.asked.truncate(REMEMBERED);
        if same || alike {
            state.make_room(spec);
        }
        let room = WAITING.saturating_sub(state.waiting.len() + state.coming.len());
        let wishes = match (same, alike) {
            (true, _) => vec![Wish::Ready; room],
            (false, true) => vec![Wish::Blank; room],
            (false, false) => Vec::new(),
        };
        let coming = wishes.iter().map(|wish| (spec.clone(), wish.clone()));
        state.coming.extend(coming);
        (wishes, state.round)
    }

    /// Takes what was wished for, or that it could not be made.
    pub(super) fn put(
        &self,
        round: u64,
        permit: WorkPermit,
        of: (RunnerSpec, Wish),
        made: Option<Stage>,
    ) {
        let mut state = self.lock();
        if let Some(at) = state.coming.iter().position(|c| *c == of) {
            state.coming.swap_remove(at);
        }
        if let Some(stage) = made
            && round == state.round
        {
            let (spec, _) = of;
            state.waiting.push(Waiting {
                permit,
                spec,
                stage,
            });
        }
        drop(state);
        self.arrived.notify_waiters();
    }

    /// Gives up what waits and what is still being made.
    pub(super) fn empty(&self) {
        let mut state = self.lock();
        state.round += 1;
        state.waiting.clear();
    }
}

fn same_but_for_the_seed(one: &RunnerSpec, other: &RunnerSpec) -> bool {
    let with_seed = RunnerSpec {
        hash_seed: other.hash_seed,
        ..one.clone()
    };
    with_seed == *other
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::Limits;

    fn spec(hash_seed: u32) -> RunnerSpec {
        RunnerSpec {
            hash_seed,
            limits: Limits::default(),
        }
    }

    #[test]
    fn only_what_was_asked_for_before_is_made_ahead() {
        let pool = Pool::default();
        assert_eq!(pool.wishes(&spec(1)).0, []);
        // The same limits with another seed: the seed comes later.
        assert_eq!(pool.wishes(&spec(2)).0, [Wish::Blank, Wish::Blank]);
        // No more than may wait.
        assert_eq!(pool.wishes(&spec(2)).0, []);
    }

    #[test]
    fn a_seed_that_comes_again_is_made_ready() {
        let pool = Pool::default();
        pool.wishes(&spec(1));
        assert_eq!(pool.wishes(&spec(1)).0, [Wish::Ready, Wish::Ready]);
    }

    #[test]
    fn what_nobody_asks_for_any_more_makes_room() {
        let (old, new) = (spec(1), spec(2));
        let ready = (&old, Wish::Ready);
        assert!(is_blocked(&[ready.clone(), ready.clone()], &new));
        assert!(!is_blocked(&[ready.clone(), ready.clone()], &old));
        assert!(!is_blocked(&[ready.clone(), (&old, Wish::Blank)], &new));
        assert!(!is_blocked(&[ready], &new));
    }

    #[test]
    fn other_limits_are_another_kind() {
        let pool = Pool::default();
        pool.wishes(&spec(1));
        let mut other = spec(1);
        other.limits.cpu_ms += 1;
        assert_eq!(pool.wishes(&other).0, []);
    }
}
