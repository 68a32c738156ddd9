//! The attempts: tries that did not become dreams, kept for the night's page and for learning what to dream next.

use rusqlite::{OptionalExtension, params};

use super::row::{from_json, to_json};
use super::{Store, StoreError};
use crate::dream::Attempt;
use crate::ids::{AttemptId, SessionId};

/// The newest that are kept: about a hundred nights of a hundred tries, some 100 MB at 10 kB each.
const MAX_ATTEMPTS: i64 = 10_000;

impl Store {
    /// Keeps a try that fell; the oldest beyond 10,000 go.
    pub fn record_attempt(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        transaction.execute(
            "INSERT INTO attempts (id, session, at, outcome, title, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                attempt.attempt_id.as_str(),
                attempt.session_id.as_str(),
                attempt.at.as_millisecond(),
                attempt.outcome.as_str(),
                attempt.scenario.title,
                to_json(attempt)?,
            ],
        )?;
        // AUTOINCREMENT: numbers are never used twice, so the newest are those above this line.
        transaction.execute(
            "DELETE FROM attempts WHERE seq <= (SELECT max(seq) FROM attempts) - ?1",
            [MAX_ATTEMPTS],
        )?;
        transaction.commit()?;
        Ok(())
    }

    pub fn attempt(&self, attempt: &AttemptId) -> Result<Option<Attempt>, StoreError> {
        let found: Option<String> = self
            .lock()
            .query_row(
                "SELECT record FROM attempts WHERE id = ?1",
                [attempt.as_str()],
                |row| row.get(0),
            )
            .optional()?;
        found.map(|record| from_json(&record)).transpose()
    }

    /// A session's attempts, oldest first.
    pub fn attempts_of_session(&self, session: &SessionId) -> Result<Vec<Attempt>, StoreError> {
        self.some_attempts("session = ?1 ORDER BY seq", &session.as_str())
    }

    /// The newest attempts, newest first.
    pub fn attempts(&self, limit: usize) -> Result<Vec<Attempt>, StoreError> {
        self.some_attempts(
            "TRUE ORDER BY seq DESC LIMIT ?1",
            &i64::try_from(limit).unwrap_or(i64::MAX),
        )
    }

    fn some_attempts(
        &self,
        which: &str,
        parameter: &dyn rusqlite::ToSql,
    ) -> Result<Vec<Attempt>, StoreError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare(&format!("SELECT record FROM attempts WHERE {which}"))?;
        let rows = statement.query_map([parameter], |row| row.get::<_, String>(0))?;
        rows.map(|row| from_json(&row?)).collect()
    }
}
