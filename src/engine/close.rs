//! The end of a session that could not write it down itself: its task was dropped, or it broke. Called by the supervisor's
//! side; a session that did write its end keeps that.

use super::{DreamEngine, EngineError, tell};
use crate::clock;
use crate::dream::SessionReport;

impl DreamEngine {
    /// Closes the row of a session that ended like this and renders its night anew. What comes back has the counts of what
    /// the session had done by then.
    #[must_use]
    pub fn close_session(&self, end: SessionReport) -> SessionReport {
        self.closed(&end).unwrap_or_else(|error| {
            let session = &end.session_id;
            tracing::warn!(%session, %error, "the session's end could not be written down");
            end
        })
    }

    fn closed(&self, end: &SessionReport) -> Result<SessionReport, EngineError> {
        let session = &end.session_id;
        let Some(row) = self.store.session(session)? else {
            // It fell before it had one.
            return Ok(end.clone());
        };
        if row.ended.is_some() {
            return Ok(row.report);
        }
        let saved = self.store.dreams_of_session(session)?.len() as u64;
        let mut report = SessionReport {
            status: end.status,
            duration_seconds: end.duration_seconds,
            wake_reason: end.wake_reason,
            ..row.report
        };
        // A dream may stand on the shelf whose scenario was not counted any more.
        report.dreams_successful = report.dreams_successful.max(saved);
        report.dreams_attempted = report.dreams_attempted.max(saved);
        report.rate();
        report.hints.extend_from_slice(&end.hints);
        let now = clock::local();
        if self.store.close_session(&report, now.timestamp())? {
            tell::session_ended(&self.experience, &report);
            if let Err(error) = self.write_page(session, &now) {
                tracing::warn!(%session, %error, "the night's page could not be written");
            }
        }
        Ok(report)
    }
}
