//! When the preflight runs: before the first look, and again and again in safe mode. It starts a sandbox, so whoever
//! needs the machine ends it as he would end a dream; it is made up for once a dream could begin. Part of the event loop;
//! what is tried is the composition root's business.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::parts::Preflight;
use super::permit::{self, PermitHolder};
use crate::clock::Instant;
use crate::dream::WakeReason;
use crate::tree::Tree;

/// A sandbox's first start takes seconds on a busy machine; what takes longer than this is no sandbox to dream in.
const PATIENCE: Duration = Duration::from_secs(45);

/// Between two tries in safe mode, good ones and the first that fails: a try costs a sandbox's start. Who has mended something
/// and will not wait asks for a session, or sends SIGHUP.
const CYCLE: Duration = Duration::from_mins(1);
/// After each one that fails the next comes twice as late, up to 16 minutes: a model's server that stayed at home will not
/// come back by being asked for on the train.
const MOST_DOUBLED: u32 = 4;

/// How long the service's end waits for what a check has to take away. A container engine takes some tenths of a second.
const TAKE_AWAY: Duration = Duration::from_millis(1500);

pub(super) struct Checks {
    preflight: Option<Preflight>,
    running: JoinSet<Option<String>>,
    /// Of the check that runs, until it is over or told to end.
    holder: Option<PermitHolder>,
    due: Instant,
    began: Instant,
    /// That failed since one was good.
    failed: u32,
    /// A session began meanwhile: what it ends of the tree may have been the check's.
    disturbed: bool,
    /// The one that runs was told to end before it was done: it found nothing out.
    given_up: bool,
    /// The last one found nothing out: nothing begins by itself before another one has.
    owed: bool,
    /// When a person asked for what they keep from him: until they fail again he waits for them.
    asked: Option<Instant>,
}

impl Checks {
    pub(super) fn new(preflight: Option<Preflight>, now: Instant) -> Self {
        Self {
            preflight,
            running: JoinSet::new(),
            holder: None,
            due: now,
            began: now,
            failed: 0,
            disturbed: false,
            given_up: false,
            owed: false,
            asked: None,
        }
    }

    pub(super) fn any(&self) -> bool {
        self.preflight.is_some()
    }

    /// Starts a check, unless one runs; false where there is nothing to check.
    pub(super) fn begin(&mut self, tree: &Arc<Tree>, now: Instant) -> bool {
        let Some(preflight) = self.preflight.clone() else {
            return false;
        };
        if self.running.is_empty() {
            self.began = now;
            self.due = now + CYCLE * 2_u32.pow(self.failed.min(MOST_DOUBLED));
            self.disturbed = false;
            self.given_up = false;
            let (permit, holder) = permit::preflight(Arc::clone(tree));
            self.holder = Some(holder);
            self.running.spawn(async move {
                let tried = tokio::time::timeout(PATIENCE, preflight(permit)).await;
                tried.unwrap_or_else(|_| Some(format!("the preflight took over {PATIENCE:?}")))
            });
        }
        true
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.due && self.running.is_empty()
    }

    pub(super) fn hurry(&mut self, now: Instant) {
        self.due = now;
        self.failed = 0;
    }

    /// A person asks for a session: the next one comes at once, and good ones follow each other without a pause. Keys that he
    /// presses meanwhile end none of them, or they would never come to their end.
    pub(super) fn ask(&mut self, now: Instant) {
        self.hurry(now);
        self.asked = Some(now);
    }

    pub(super) fn are_asked_for(&self) -> bool {
        self.asked.is_some()
    }

    /// There is nothing left to wait for.
    pub(super) fn unask(&mut self) {
        self.asked = None;
    }

    pub(super) fn disturb(&mut self) {
        self.disturbed = true;
    }

    /// Ends the check that runs, because somebody needs the machine; false where none runs, or where he waits for it. Another
    /// one is owed.
    pub(super) fn give_up(&mut self, reason: WakeReason, now: Instant) -> bool {
        if self.are_asked_for() && reason == WakeReason::Presence {
            return false;
        }
        let Some(holder) = self.holder.take() else {
            return false;
        };
        tracing::info!(reason = reason.as_str(), "the preflight is put off");
        holder.end(reason);
        self.given_up = true;
        self.owed = true;
        self.asked = None;
        self.due = self.due.max(now + CYCLE);
        true
    }

    /// True where the last one found nothing out: put off, or disturbed.
    pub(super) fn are_owed(&self) -> bool {
        self.owed
    }

    /// Returns once nothing of a check is left, or when that takes too long.
    pub(super) async fn gone(&mut self) {
        let over = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(TAKE_AWAY, over).await.is_err() {
            tracing::warn!("the preflight does not end; the next sweep takes away what is left");
            self.running.abort_all();
        }
    }

    /// The trouble that a finished check found, if any; `None` where none runs, or where it found nothing out: it was told to
    /// end, or its trouble may be a session's doing.
    pub(super) async fn next(&mut self) -> Option<Option<String>> {
        let done = self.running.join_next().await?;
        self.holder = None;
        let trouble = done.unwrap_or_else(|error| Some(format!("the preflight failed: {error}")));
        if self.given_up {
            return None;
        }
        self.owed = self.disturbed && trouble.is_some();
        if self.owed {
            return None;
        }
        if trouble.is_some() {
            self.failed += 1;
            // One that began before he asked may have found what he mended meanwhile.
            self.asked = self.asked.filter(|at| *at > self.began);
        } else {
            self.failed = 0;
            self.due = if self.are_asked_for() {
                self.began
            } else {
                self.due.min(self.began + CYCLE)
            };
        }
        Some(trouble)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[tokio::test]
    async fn what_fails_again_and_again_is_tried_less_and_less_until_it_is_good() {
        let tree = Arc::new(Tree::without_groups(19));
        let good = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let asked = Arc::clone(&good);
        let preflight: Preflight = Arc::new(move |_| {
            let good = asked.load(std::sync::atomic::Ordering::SeqCst);
            Box::pin(async move { (!good).then(|| "no model".to_owned()) })
        });
        let mut now = clock::monotonic();
        let mut checks = Checks::new(Some(preflight), now);
        let mut waited = Vec::new();
        for round in 0..8 {
            good.store(round == 6, std::sync::atomic::Ordering::SeqCst);
            checks.begin(&tree, now);
            if round == 4 {
                // Somebody types: nothing was found out, and nothing comes sooner for it.
                checks.give_up(WakeReason::Presence, now);
                assert!(checks.next().await.is_none());
                assert_eq!(checks.due - now, 16 * CYCLE);
                checks.begin(&tree, now);
            }
            checks.next().await.expect("it comes to its end");
            waited.push((checks.due - now).as_secs() / 60);
            now = checks.due;
        }
        assert_eq!(waited, [1, 2, 4, 8, 16, 16, 1, 1]);
        checks.hurry(now);
        checks.begin(&tree, now);
        assert_eq!(checks.due - now, CYCLE, "a person mended it");
    }

    #[tokio::test]
    async fn who_asks_waits_for_no_cycle_until_it_fails_again_and_only_typing_ends_no_check() {
        let tree = Arc::new(Tree::without_groups(19));
        let good = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let asked = Arc::clone(&good);
        let preflight: Preflight = Arc::new(move |_| {
            let good = asked.load(std::sync::atomic::Ordering::SeqCst);
            Box::pin(async move { (!good).then(|| "no model".to_owned()) })
        });
        let began = clock::monotonic();
        let second = Duration::from_secs(1);
        let mut checks = Checks::new(Some(preflight), began);
        checks.begin(&tree, began);
        let now = began + second;
        checks.ask(now);
        assert!(!checks.give_up(WakeReason::Presence, now), "he types");
        assert_eq!(checks.next().await, Some(None));
        assert!(checks.is_due(now), "and the next at once");
        good.store(false, std::sync::atomic::Ordering::SeqCst);
        checks.begin(&tree, now + second);
        checks.next().await.expect("it comes to its end");
        assert!(!checks.are_asked_for() && !checks.is_due(now + CYCLE));
        checks.begin(&tree, now);
        checks.ask(now + second);
        checks.next().await.expect("it comes to its end");
        assert!(checks.are_asked_for(), "that one had begun before");
        checks.begin(&tree, now + 2 * second);
        assert!(checks.give_up(WakeReason::Pause, now + 2 * second));
        assert!(!checks.are_asked_for());
    }
}
