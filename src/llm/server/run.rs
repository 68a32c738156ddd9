//! What the present run of a server is for: the sessions that work with it, and whoever waits for it. Called by the servers
//! and by the keeper; starts and stops no process.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Server, lock};
use crate::supervisor::permit::{Pace, WorkPermit};

#[derive(Default)]
pub(super) struct Run {
    pub(super) stop: CancellationToken,
    /// Permits that it works under; over with the first that ends.
    pub(super) permits: Vec<WorkPermit>,
    /// Those who asked for it by its name and wait until it is up.
    waiting: u32,
    /// It came up for one of them.
    stays: bool,
    /// Means this run and no later one of the same server.
    itself: Arc<()>,
}

impl Run {
    pub(super) fn is_over(&self) -> bool {
        self.permits.iter().any(WorkPermit::is_ended)
    }

    /// A session works with it.
    pub(super) fn is_held(&self) -> bool {
        !self.permits.is_empty() && !self.is_over()
    }

    /// A session that works with it stands still, and it with that session.
    pub(super) fn is_frozen(&self) -> bool {
        let frozen = |permit: &WorkPermit| matches!(permit.pace(), Pace::Frozen { .. });
        self.permits.iter().any(frozen)
    }
}

/// Somebody waits for the server that he asked for. Where he goes away before it is up and nobody else wants it, it ends: it
/// would load a model for nobody.
pub(super) struct Asking {
    server: Arc<Server>,
    run: Arc<()>,
}

impl Asking {
    /// `run` is the server's own.
    pub(super) fn of(server: &Arc<Server>, run: &mut Run) -> Self {
        run.waiting += 1;
        Self {
            server: Arc::clone(server),
            run: Arc::clone(&run.itself),
        }
    }

    /// It is up, and stays when he goes.
    pub(super) fn answered(self) {
        let mut run = lock(&self.server.run);
        if Arc::ptr_eq(&run.itself, &self.run) {
            run.stays = true;
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut run = lock(&self.server.run);
        if !Arc::ptr_eq(&run.itself, &self.run) {
            return;
        }
        run.waiting -= 1;
        if run.waiting == 0 && !run.stays && run.permits.is_empty() {
            run.stop.cancel();
        }
    }
}
