//! The sessions table: each session with its report and what happened in it, and the tasks that were tried. Also the
//! schema of the attempts, which `attempts.rs` fills.

use std::collections::HashSet;

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use super::row::{from_json, from_word, time, to_json, word};
use super::{Store, StoreError};
use crate::dream::{SessionReport, Trigger};
use crate::ids::SessionId;

pub(super) const SCHEMA: &str = "
CREATE TABLE sessions (
    id          TEXT PRIMARY KEY,
    trigger     TEXT NOT NULL,
    -- The day whose page it belongs to, as the owner's calendar had it then.
    night       TEXT NOT NULL,
    -- Milliseconds since 1970, UTC.
    started     INTEGER NOT NULL,
    ended       INTEGER,
    attempted   INTEGER NOT NULL,
    successful  INTEGER NOT NULL,
    wake_ms     REAL,
    report      TEXT NOT NULL
) STRICT;
CREATE INDEX sessions_by_night ON sessions (night);
CREATE TABLE session_events (
    seq         INTEGER PRIMARY KEY,
    session     TEXT NOT NULL REFERENCES sessions (id),
    at          INTEGER NOT NULL,
    text        TEXT NOT NULL
) STRICT;
CREATE INDEX session_events_by_session ON session_events (session);
CREATE TABLE attempts (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    session     TEXT NOT NULL,
    at          INTEGER NOT NULL,
    outcome     TEXT NOT NULL,
    title       TEXT NOT NULL,
    record      TEXT NOT NULL
) STRICT;
CREATE INDEX attempts_by_session ON attempts (session);
CREATE TABLE tried (
    key         TEXT PRIMARY KEY,
    session     TEXT NOT NULL,
    outcome     TEXT NOT NULL,
    at          INTEGER NOT NULL
) STRICT;
";

/// Events kept of one session: a night of ten hours with one a minute fits.
const MAX_EVENTS: i64 = 600;

/// One line in the night's page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEvent {
    pub at: Timestamp,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionRow {
    pub report: SessionReport,
    pub trigger: Trigger,
    pub night: Date,
    pub started: Timestamp,
    /// `None` while it runs, and for ever where the program was killed.
    pub ended: Option<Timestamp>,
    /// From the decision to wake until nothing of ours ran any more, in milliseconds.
    pub wake_ms: Option<f64>,
    pub events: Vec<SessionEvent>,
}

/// What `get_statistics` counts over the life of the database.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Statistics {
    /// Scenarios that reached a verdict.
    pub total_dreams: u64,
    pub successful_dreams: u64,
    /// 0 to 1; 0 where nothing was attempted.
    pub success_rate: f64,
    /// Dreams that stand on the shelf now.
    pub saved_dreams_count: u64,
}

const COLUMNS: &str = "report, trigger, night, started, ended, wake_ms";

type Raw = (String, String, String, i64, Option<i64>, Option<f64>);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
    ))
}

impl Store {
    /// A session begins; `report` is what is to be said of it should the program be killed.
    pub fn begin_session(
        &self,
        report: &SessionReport,
        trigger: Trigger,
        night: Date,
        started: Timestamp,
    ) -> Result<(), StoreError> {
        self.lock().execute(
            "INSERT INTO sessions (id, trigger, night, started, attempted, successful, report)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                report.session_id.as_str(),
                word(&trigger)?,
                night.to_string(),
                started.as_millisecond(),
                count(report.dreams_attempted),
                count(report.dreams_successful),
                to_json(report)?,
            ],
        )?;
        Ok(())
    }

    /// The report as it stands, so that a kill loses no count.
    pub fn update_session(&self, report: &SessionReport) -> Result<(), StoreError> {
        self.lock().execute(
            "UPDATE sessions SET report = ?2, attempted = ?3, successful = ?4 WHERE id = ?1",
            params![
                report.session_id.as_str(),
                to_json(report)?,
                count(report.dreams_attempted),
                count(report.dreams_successful),
            ],
        )?;
        Ok(())
    }

    /// The session is over; `wake_ms` where something woke it and the way to stillness was measured.
    pub fn finish_session(
        &self,
        report: &SessionReport,
        ended: Timestamp,
        wake_ms: Option<f64>,
    ) -> Result<(), StoreError> {
        self.update_session(report)?;
        self.lock().execute(
            "UPDATE sessions SET ended = ?2, wake_ms = ?3 WHERE id = ?1",
            params![report.session_id.as_str(), ended.as_millisecond(), wake_ms],
        )?;
        Ok(())
    }

    /// As above, for a session that could not do it itself; false where it has an end already, which stays.
    pub fn close_session(
        &self,
        report: &SessionReport,
        ended: Timestamp,
    ) -> Result<bool, StoreError> {
        let closed = self.lock().execute(
            "UPDATE sessions SET report = ?2, attempted = ?3, successful = ?4, ended = ?5
             WHERE id = ?1 AND ended IS NULL",
            params![
                report.session_id.as_str(),
                to_json(report)?,
                count(report.dreams_attempted),
                count(report.dreams_successful),
                ended.as_millisecond(),
            ],
        )?;
        Ok(closed > 0)
    }

    /// Notes something worth a line in the night's page; the first 600 of a session are kept.
    pub fn note_session_event(
        &self,
        session: &SessionId,
        at: Timestamp,
        text: &str,
    ) -> Result<(), StoreError> {
        self.lock().execute(
            "INSERT INTO session_events (session, at, text)
             SELECT ?1, ?2, ?3
             WHERE (SELECT count(*) FROM session_events WHERE session = ?1) < ?4",
            params![session.as_str(), at.as_millisecond(), text, MAX_EVENTS],
        )?;
        Ok(())
    }

    pub fn session(&self, session: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        let found = self
            .lock()
            .query_row(
                &format!("SELECT {COLUMNS} FROM sessions WHERE id = ?1"),
                [session.as_str()],
                raw,
            )
            .optional()?;
        found.map(|raw| self.session_row(raw)).transpose()
    }

    /// The newest sessions, newest first.
    pub fn sessions(&self, limit: usize) -> Result<Vec<SessionRow>, StoreError> {
        self.some_sessions(
            "TRUE ORDER BY started DESC, id DESC LIMIT ?1",
            &i64::try_from(limit).unwrap_or(i64::MAX),
        )
    }

    /// The sessions of one night's page, oldest first.
    pub fn sessions_of_night(&self, night: Date) -> Result<Vec<SessionRow>, StoreError> {
        self.some_sessions("night = ?1 ORDER BY started, id", &night.to_string())
    }

    fn some_sessions(
        &self,
        which: &str,
        parameter: &dyn rusqlite::ToSql,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let raws = {
            let connection = self.lock();
            let mut statement =
                connection.prepare(&format!("SELECT {COLUMNS} FROM sessions WHERE {which}"))?;
            let rows = statement.query_map([parameter], raw)?;
            rows.collect::<Result<Vec<_>, _>>()?
        };
        raws.into_iter().map(|raw| self.session_row(raw)).collect()
    }

    fn session_row(&self, raw: Raw) -> Result<SessionRow, StoreError> {
        let (report, trigger, night, started, ended, wake_ms) = raw;
        let report: SessionReport = from_json(&report)?;
        let events = self.events_of(&report.session_id)?;
        Ok(SessionRow {
            report,
            trigger: from_word(trigger)?,
            night: night
                .parse()
                .map_err(|error: jiff::Error| StoreError::Row(error.to_string()))?,
            started: time(started)?,
            ended: ended.map(time).transpose()?,
            wake_ms,
            events,
        })
    }

    fn events_of(&self, session: &SessionId) -> Result<Vec<SessionEvent>, StoreError> {
        let connection = self.lock();
        let mut statement = connection
            .prepare("SELECT at, text FROM session_events WHERE session = ?1 ORDER BY seq")?;
        let rows = statement.query_map([session.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.map(|row| {
            let (at, text) = row?;
            Ok(SessionEvent {
                at: time(at)?,
                text,
            })
        })
        .collect()
    }

    /// Remembers that the task with this key was tried.
    pub fn mark_tried(
        &self,
        key: &str,
        session: &SessionId,
        outcome: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.lock().execute(
            "INSERT INTO tried (key, session, outcome, at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (key) DO UPDATE SET session = ?2, outcome = ?3, at = ?4",
            params![key, session.as_str(), outcome, at.as_millisecond()],
        )?;
        Ok(())
    }

    /// The task was interrupted and is to be tried again.
    pub fn forget_tried(&self, key: &str) -> Result<(), StoreError> {
        self.lock()
            .execute("DELETE FROM tried WHERE key = ?1", [key])?;
        Ok(())
    }

    pub fn is_tried(&self, key: &str) -> Result<bool, StoreError> {
        let found = self
            .lock()
            .query_row("SELECT 1 FROM tried WHERE key = ?1", [key], |_| Ok(()))
            .optional()?;
        Ok(found.is_some())
    }

    pub fn tried_keys(&self) -> Result<HashSet<String>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare("SELECT key FROM tried")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Counts over the life of the database.
    pub fn statistics(&self) -> Result<Statistics, StoreError> {
        let (total, successful, saved): (i64, i64, i64) = self.lock().query_row(
            "SELECT (SELECT coalesce(sum(attempted), 0) FROM sessions),
                    (SELECT coalesce(sum(successful), 0) FROM sessions),
                    (SELECT count(*) FROM dreams WHERE state = 'published')",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        let [total_dreams, successful_dreams, saved_dreams_count] =
            [total, successful, saved].map(|n| u64::try_from(n).unwrap_or(0));
        Ok(Statistics {
            total_dreams,
            successful_dreams,
            success_rate: if total_dreams == 0 {
                0.0
            } else {
                successful_dreams as f64 / total_dreams as f64
            },
            saved_dreams_count,
        })
    }
}

fn count(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
