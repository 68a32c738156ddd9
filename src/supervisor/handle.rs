//! The cheap handle through which everybody else speaks with the event loop. Called by the control socket and by the
//! command line. A call returns once it has been accepted or refused.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::state_store::StateStore;
use super::view::{self, Counts, Snapshot, Status, Told, Why};
use crate::clock;
use crate::config::Settings;
use crate::dream::{Finding, RemRequest, SessionReport, SessionStatus, Trigger, WakeReason};
use crate::energy::EnergyManager;
use crate::ids::SessionId;

/// Totals of all sessions, read from the store when somebody asks.
pub type ReadCounts = Arc<dyn Fn() -> Result<Counts, String> + Send + Sync>;

/// What does not work beside the dreaming now, each with what mends it; read when somebody asks. Must not wait.
pub type ReadTroubles = Arc<dyn Fn() -> Vec<Finding> + Send + Sync>;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("session {running} is running or waiting")]
    Busy { running: SessionId },
    #[error("the supervisor is stopping")]
    Stopping,
    #[error("safe mode: {reason}")]
    Safe { reason: String },
}

impl Refusal {
    /// The refusal as a session report: `busy`, with all six keys.
    #[must_use]
    pub fn report(&self) -> SessionReport {
        let mut status = SessionStatus::Busy;
        let (session, hint) = match self {
            Self::Busy { running } => (
                running.clone(),
                format!("session {running} is running or waiting; `dreamer wake` ends it"),
            ),
            Self::Stopping => (SessionId::new(), "the service is stopping".to_owned()),
            Self::Safe { reason } => {
                status = SessionStatus::Error;
                let hint = format!(
                    "safe mode: {reason}; it is tried again now, so ask once more in a minute; `dreamer doctor` says what mends it"
                );
                (SessionId::new(), hint)
            }
        };
        let mut report = SessionReport::empty(session, status);
        report.hints.push(hint);
        report
    }
}

/// What waits its turn.
#[derive(Debug)]
pub(super) enum Command {
    Request {
        request: RemRequest,
        reply: oneshot::Sender<Result<SessionId, Refusal>>,
    },
    Why {
        reply: oneshot::Sender<Arc<Why>>,
    },
    Resume {
        reply: oneshot::Sender<()>,
    },
    Reload {
        settings: Arc<Settings>,
    },
    Ping {
        reply: oneshot::Sender<()>,
    },
}

/// What never waits behind a command.
#[derive(Debug)]
pub(super) enum Urgent {
    Wake {
        reason: WakeReason,
        reply: oneshot::Sender<bool>,
    },
    Pause {
        length: Option<Duration>,
        reply: oneshot::Sender<()>,
    },
}

#[derive(Clone)]
pub struct SupervisorHandle {
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) urgent: mpsc::Sender<Urgent>,
    pub(super) snapshot: watch::Receiver<Snapshot>,
    /// Weak: the loop's end is seen by its store's.
    pub(super) store: Weak<StateStore<Snapshot>>,
    pub(super) told: broadcast::Sender<Told>,
    pub(super) nudge: Arc<tokio::sync::Notify>,
    pub(super) root: CancellationToken,
    pub(super) counts: ReadCounts,
    pub(super) troubles: ReadTroubles,
    pub(super) energy: EnergyManager,
    pub(super) settings: watch::Receiver<Arc<Settings>>,
}

impl std::fmt::Debug for SupervisorHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SupervisorHandle")
    }
}

impl SupervisorHandle {
    /// Asks for a session. Its trigger must be `Manual` or `WhenAway`; anything else is taken as `Manual`.
    ///
    /// # Errors
    /// `Busy` while another session runs or waits, `Safe` while something is broken, which is then tried again at once,
    /// `Stopping` when it is too late.
    pub async fn request(&self, mut request: RemRequest) -> Result<SessionId, Refusal> {
        if request.trigger != Trigger::WhenAway {
            request.trigger = Trigger::Manual;
        }
        let (reply, answer) = oneshot::channel();
        let command = Command::Request { request, reply };
        self.commands
            .send(command)
            .await
            .map_err(|_| Refusal::Stopping)?;
        answer.await.unwrap_or(Err(Refusal::Stopping))
    }

    /// Ends the session that runs, or drops the request that waits; true where there was one.
    pub async fn wake(&self, reason: WakeReason) -> bool {
        let (reply, answer) = oneshot::channel();
        if self
            .urgent
            .send(Urgent::Wake { reason, reply })
            .await
            .is_err()
        {
            return false;
        }
        answer.await.unwrap_or(false)
    }

    /// No session by itself for `length`, or until `resume`; ends the one that runs.
    pub async fn pause(&self, length: Option<Duration>) {
        let (reply, answer) = oneshot::channel();
        if self
            .urgent
            .send(Urgent::Pause { length, reply })
            .await
            .is_ok()
        {
            answer.await.ok();
        }
    }

    /// Ends a pause.
    pub async fn resume(&self) {
        let (reply, answer) = oneshot::channel();
        if self.commands.send(Command::Resume { reply }).await.is_ok() {
            answer.await.ok();
        }
    }

    /// The newest published state.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.borrow().clone()
    }

    /// Follows the published state.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.clone()
    }

    /// Follows progress, states and reports. A follower that falls far behind misses some, never the supervisor's time.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<Told> {
        self.told.subscribe()
    }

    /// Every gate, by a fresh look at the machine; `None` once the supervisor is gone.
    pub async fn why(&self) -> Option<Arc<Why>> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Why { reply }).await.ok()?;
        answer.await.ok()
    }

    /// The original's `get_statistics`.
    #[must_use]
    pub fn get_statistics(&self) -> Status {
        let counts = (self.counts)().unwrap_or_else(|error| {
            tracing::warn!(%error, "the totals cannot be read");
            Counts::default()
        });
        let mut status = Status::new(
            &self.snapshot.borrow(),
            counts,
            self.settings().output_dir.display().to_string(),
            true,
        );
        status.energy = Some(self.energy.get_status(clock::monotonic()));
        status.troubles = (self.troubles)();
        if let Some(store) = self.store.upgrade() {
            status.transitions = view::transitions(&store.history(), &store.get());
        }
        status
    }

    /// The settings that this supervisor goes by now.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.borrow())
    }

    /// Returns once the event loop has come round; false where it does not any more.
    pub async fn answers(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        let asked = self.commands.send(Command::Ping { reply }).await;
        asked.is_ok() && answer.await.is_ok()
    }

    /// Goes by other settings from the next look on; a session that runs is judged by them too.
    pub async fn reload(&self, settings: Settings) {
        let settings = Arc::new(settings);
        self.commands.send(Command::Reload { settings }).await.ok();
    }

    /// Waits for the end of a session; `None` where no such session runs, waits or ended lately.
    pub async fn finished(&self, session: &SessionId) -> Option<Arc<SessionReport>> {
        let mut snapshot = self.snapshot.clone();
        let over = snapshot
            .wait_for(|now| now.report(session).is_some() || !now.knows(session))
            .await;
        match over {
            Ok(now) => now.report(session),
            Err(_) => self.snapshot.borrow().report(session),
        }
    }

    /// Looks at the machine now instead of at the next tick.
    pub fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Ends whatever runs and waits until the supervisor is gone: at most the wake deadline.
    pub async fn shutdown(&self) {
        self.root.cancel();
        self.gone().await;
    }

    /// Returns when the supervisor is gone, whoever ended it.
    pub async fn gone(&self) {
        let mut snapshot = self.snapshot.clone();
        while snapshot.changed().await.is_ok() {}
    }
}
