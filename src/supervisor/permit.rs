//! The right to work. Every call to a model or a sandbox carries one, asks it before it starts and puts its processes
//! where it says. Only this file makes them.
//!
//! A permit is a cheap handle on one cancellation token and one pace. Whoever holds the `PermitHolder` ends it;
//! dropping the holder ends it too, so that no work outlives its reason.

use std::sync::{Arc, OnceLock};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Instant;
use crate::dream::WakeReason;
use crate::ids::SessionId;
use crate::tree::Tree;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermitKind {
    /// A session of the event loop; the only kind that leads to the shelf.
    Session(SessionId),
    /// A command that a person started.
    Operator,
    /// Doctor and boot canaries.
    Preflight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    Running,
    Frozen { since: Instant },
    Ended(WakeReason),
}

/// Why work must stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted ({})", .0.as_str())]
pub struct Ended(pub WakeReason);

#[derive(Debug, Clone)]
pub struct WorkPermit {
    kind: PermitKind,
    token: CancellationToken,
    pace: watch::Receiver<Pace>,
    tree: Arc<Tree>,
    woken: Arc<OnceLock<Instant>>,
}

impl WorkPermit {
    #[must_use]
    pub fn kind(&self) -> &PermitKind {
        &self.kind
    }

    /// True for handles on one and the same permit.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.pace.same_channel(&other.pace)
    }

    /// The process tree that holds everything this permit starts.
    #[must_use]
    pub fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    #[must_use]
    pub fn pace(&self) -> Pace {
        *self.pace.borrow()
    }

    /// Asked before each piece of work.
    ///
    /// # Errors
    /// `Ended` once the permit is over.
    pub fn ask(&self) -> Result<(), Ended> {
        match self.pace() {
            Pace::Running | Pace::Frozen { .. } => Ok(()),
            Pace::Ended(reason) => Err(Ended(reason)),
        }
    }

    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ask().is_err()
    }

    /// When what ended the permit happened: the key press, not the moment at which it was heard of.
    #[must_use]
    pub fn woken_at(&self) -> Option<Instant> {
        self.woken.get().copied()
    }

    /// Returns when the permit is not frozen, at once where it is not.
    ///
    /// # Errors
    /// `Ended` once the permit is over.
    pub async fn running(&self) -> Result<(), Ended> {
        self.paced(|pace| !matches!(pace, Pace::Frozen { .. }))
            .await;
        self.ask()
    }

    /// Returns when the permit is frozen or over.
    pub async fn not_running(&self) {
        self.paced(|pace| !matches!(pace, Pace::Running)).await;
    }

    async fn paced(&self, holds: impl Fn(&Pace) -> bool) {
        let mut pace = self.pace.clone();
        if pace.wait_for(|now| holds(now)).await.is_err() {
            // The holder is gone, and with it the permit.
            self.token.cancelled().await;
        }
    }

    /// Returns when the permit is over, with the reason.
    pub async fn ended(&self) -> Ended {
        self.token.cancelled().await;
        match self.pace() {
            Pace::Ended(reason) => Ended(reason),
            Pace::Running | Pace::Frozen { .. } => Ended(WakeReason::Shutdown),
        }
    }

    /// Runs `work` until it is done or the permit is over, whichever comes first; the loser is dropped.
    ///
    /// # Errors
    /// `Ended` where the permit was over first.
    pub async fn race<T>(&self, work: impl Future<Output = T>) -> Result<T, Ended> {
        tokio::select! {
            biased;
            ended = self.ended() => Err(ended),
            done = work => Ok(done),
        }
    }
}

/// The other end of a permit.
#[derive(Debug)]
pub struct PermitHolder {
    token: CancellationToken,
    pace: watch::Sender<Pace>,
    woken: Arc<OnceLock<Instant>>,
}

impl PermitHolder {
    /// Stops every clock and keeps new work from beginning, until `thaw`.
    pub fn freeze(&self, now: Instant) {
        self.pace.send_if_modified(|pace| {
            let running = *pace == Pace::Running;
            if running {
                *pace = Pace::Frozen { since: now };
            }
            running
        });
    }

    pub fn thaw(&self) {
        self.pace.send_if_modified(|pace| {
            let frozen = matches!(pace, Pace::Frozen { .. });
            if frozen {
                *pace = Pace::Running;
            }
            frozen
        });
    }

    /// As `end`, for something that happened a moment ago.
    pub fn end_since(&self, reason: WakeReason, at: Instant) {
        // The first event counts: from there on the owner waits.
        self.woken.get_or_init(|| at);
        self.end(reason);
    }

    /// Ends the permit. A weaker reason never replaces a stronger one.
    pub fn end(&self, reason: WakeReason) {
        self.pace.send_if_modified(|pace| {
            let stronger = match *pace {
                Pace::Ended(before) => reason > before,
                Pace::Running | Pace::Frozen { .. } => true,
            };
            if stronger {
                *pace = Pace::Ended(reason);
            }
            stronger
        });
        self.token.cancel();
    }
}

impl Drop for PermitHolder {
    fn drop(&mut self) {
        self.end(WakeReason::WindowClosed);
    }
}

/// The only maker of permits.
pub(super) fn mint(
    kind: PermitKind,
    tree: Arc<Tree>,
    parent: &CancellationToken,
) -> (WorkPermit, PermitHolder) {
    let token = parent.child_token();
    let (sender, pace) = watch::channel(Pace::Running);
    let woken = Arc::new(OnceLock::new());
    let permit = WorkPermit {
        kind,
        token: token.clone(),
        pace,
        tree,
        woken: Arc::clone(&woken),
    };
    (
        permit,
        PermitHolder {
            token,
            pace: sender,
            woken,
        },
    )
}

/// A permit for a command that a person started; it ends when the holder is dropped.
#[must_use]
pub fn operator(tree: Arc<Tree>) -> (WorkPermit, PermitHolder) {
    mint(PermitKind::Operator, tree, &CancellationToken::new())
}

/// A permit for live checks before any session.
#[must_use]
pub fn preflight(tree: Arc<Tree>) -> (WorkPermit, PermitHolder) {
    mint(PermitKind::Preflight, tree, &CancellationToken::new())
}
