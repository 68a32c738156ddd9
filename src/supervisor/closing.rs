//! The end of sessions that could not write it down themselves: dropped because they did not hear, or broken. Part of the
//! event loop, which never waits for it; what is written is the composition root's business.

use std::time::Duration;

use tokio::task::JoinSet;

use super::parts::CloseSession;
use crate::dream::SessionReport;
use crate::ids::SessionId;

/// A commit takes some ten milliseconds. For a database that does not answer nobody waits: the service has five seconds to
/// stop in, of which two are the session's.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Closing {
    close: Option<CloseSession>,
    tasks: JoinSet<SessionReport>,
    /// Whose reports are on their way.
    sessions: Vec<SessionId>,
}

impl Closing {
    pub(super) fn new(close: Option<CloseSession>) -> Self {
        Self {
            close,
            ..Self::default()
        }
    }

    /// Has the session's end written down. Where nobody does that the report comes back at once.
    pub(super) fn begin(&mut self, report: SessionReport) -> Option<SessionReport> {
        let Some(close) = self.close.clone() else {
            return Some(report);
        };
        self.sessions.push(report.session_id.clone());
        self.tasks.spawn(async move {
            let unwritten = report.clone();
            let written = tokio::task::spawn_blocking(move || close(report));
            let Ok(Ok(report)) = tokio::time::timeout(PATIENCE, written).await else {
                let session = &unwritten.session_id;
                tracing::warn!(%session, "the session's end may not have been written down");
                return unwritten;
            };
            report
        });
        None
    }

    pub(super) fn sessions(&self) -> &[SessionId] {
        &self.sessions
    }

    /// The next report; `None` where none is on its way.
    pub(super) async fn next(&mut self) -> Option<SessionReport> {
        let report = self.tasks.join_next().await?.ok()?;
        self.sessions
            .retain(|session| *session != report.session_id);
        Some(report)
    }
}
