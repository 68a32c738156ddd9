//! When the preflight runs: before the first look, and again and again in safe mode. Part of the event loop; what is
//! tried is the composition root's business.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::parts::Preflight;
use super::permit;
use crate::clock::Instant;
use crate::tree::Tree;

/// A sandbox's first start takes seconds on a busy machine; what takes longer than this is no sandbox to dream in.
const PATIENCE: Duration = Duration::from_secs(45);

/// Between two tries in safe mode: what a person mends is noticed within minutes, and a try costs a sandbox's start.
const CYCLE: Duration = Duration::from_mins(1);

pub(super) struct Checks {
    preflight: Option<Preflight>,
    running: JoinSet<Option<String>>,
    due: Instant,
    /// A session began meanwhile: what it ends of the tree may have been the check's.
    disturbed: bool,
}

impl Checks {
    pub(super) fn new(preflight: Option<Preflight>, now: Instant) -> Self {
        Self {
            preflight,
            running: JoinSet::new(),
            due: now,
            disturbed: false,
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
            self.due = now + CYCLE;
            self.disturbed = false;
            let (permit, holder) = permit::preflight(Arc::clone(tree));
            self.running.spawn(async move {
                let _until_done = holder;
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
    }

    pub(super) fn disturb(&mut self) {
        self.disturbed = true;
    }

    pub(super) fn abort(&mut self) {
        self.running.abort_all();
    }

    /// The trouble that a finished check found; `None` where none runs.
    pub(super) async fn next(&mut self) -> Option<Option<String>> {
        let done = self.running.join_next().await?;
        let trouble = done.unwrap_or_else(|error| Some(format!("the preflight failed: {error}")));
        Some(trouble.filter(|_| !self.disturbed))
    }
}
