//! The learning tables: immutable facts of tries and sessions, the models that were met, versions of their configuration,
//! and what offline analysis and replays came to. Statistics are views over these rows; no row is ever changed by a count.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::row::{from_json, time, to_json};
use super::{Store, StoreError};
use crate::dream::{ArmKey, AttemptFact};
use crate::ids::SessionId;

pub(super) const SCHEMA: &str = "
CREATE TABLE attempt_facts (
    id          TEXT PRIMARY KEY,
    session     TEXT NOT NULL,
    topic       TEXT NOT NULL,
    at          INTEGER NOT NULL,
    record      TEXT NOT NULL
) STRICT;
CREATE INDEX attempt_facts_by_topic ON attempt_facts (topic, at);
CREATE INDEX attempt_facts_by_session ON attempt_facts (session);
CREATE INDEX attempt_facts_by_time ON attempt_facts (at);
-- Whole sessions, counted elsewhere: imported, or saved through the library.
CREATE TABLE session_facts (
    topic       TEXT NOT NULL,
    session     TEXT NOT NULL,
    at          INTEGER NOT NULL,
    record      TEXT NOT NULL,
    PRIMARY KEY (topic, session)
) STRICT;
CREATE TABLE offline_models (
    topic       TEXT PRIMARY KEY,
    at          INTEGER NOT NULL,
    record      TEXT NOT NULL
) STRICT;
CREATE TABLE model_arms (
    endpoint    TEXT NOT NULL,
    model       TEXT NOT NULL,
    prompt      TEXT NOT NULL,
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    PRIMARY KEY (endpoint, model, prompt)
) STRICT;
CREATE TABLE model_versions (
    version     INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    reason      TEXT NOT NULL,
    config      TEXT NOT NULL
) STRICT;
CREATE TABLE reinforcement_runs (
    id          TEXT PRIMARY KEY,
    at          INTEGER NOT NULL,
    wants_stop  INTEGER NOT NULL DEFAULT 0,
    record      TEXT NOT NULL
) STRICT;
";

/// A session of one topic as it lies in the table; what `record` says is `learning`'s business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFactRow {
    pub topic: String,
    pub session: String,
    pub at: Timestamp,
    pub record: String,
}

/// A configuration of the models' choice as it lies in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelVersionRow {
    pub version: u64,
    pub at: Timestamp,
    pub reason: String,
    pub config: String,
}

/// Which rows of a topic: all, one session, a span of time (both ends count).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactsOf<'a> {
    All,
    Topic(&'a str),
    Session(&'a str, &'a str),
}

impl FactsOf<'_> {
    fn condition(self) -> (&'static str, [String; 2]) {
        match self {
            Self::All => ("?1 = ?2", [String::new(), String::new()]),
            Self::Topic(topic) => ("topic = ?1 AND ?2 = ''", [topic.to_owned(), String::new()]),
            Self::Session(topic, session) => (
                "topic = ?1 AND session = ?2",
                [topic.to_owned(), session.to_owned()],
            ),
        }
    }
}

impl Store {
    /// Keeps what a try taught. False where it is known already: a fact is written once.
    pub fn record_fact(&self, fact: &AttemptFact) -> Result<bool, StoreError> {
        let written = self.lock().execute(
            "INSERT INTO attempt_facts (id, session, topic, at, record) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO NOTHING",
            params![
                fact.attempt_id.as_str(),
                fact.session_id.as_str(),
                fact.topic,
                fact.at.as_millisecond(),
                to_json(fact)?,
            ],
        )?;
        Ok(written == 1)
    }

    /// The newest facts of tries, oldest first.
    pub fn facts(&self, limit: usize) -> Result<Vec<AttemptFact>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut facts = self.some_facts("?1 >= 0 ORDER BY at DESC, id DESC LIMIT ?1", &[&limit])?;
        facts.reverse();
        Ok(facts)
    }

    /// The facts of tries of a session, oldest first.
    pub fn facts_of_session(&self, session: &SessionId) -> Result<Vec<AttemptFact>, StoreError> {
        self.some_facts("session = ?1 ORDER BY at, id", &[&session.as_str()])
    }

    /// The facts of tries, oldest first.
    pub fn facts_of(&self, which: FactsOf<'_>) -> Result<Vec<AttemptFact>, StoreError> {
        let (condition, [topic, session]) = which.condition();
        self.some_facts(&format!("{condition} ORDER BY at, id"), &[&topic, &session])
    }

    fn some_facts(
        &self,
        which: &str,
        parameters: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<AttemptFact>, StoreError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare(&format!("SELECT record FROM attempt_facts WHERE {which}"))?;
        let rows = statement.query_map(parameters, |row| row.get::<_, String>(0))?;
        let (mut facts, mut unread) = (Vec::new(), None);
        for row in rows {
            match from_json(&row?) {
                Ok(fact) => facts.push(fact),
                Err(error) => unread = Some((unread.map_or(1, |(n, _)| n + 1), error)),
            }
        }
        // A damaged row, or one of a newer program, must not cost the night; what is left still teaches.
        if let Some((count, error)) = unread {
            let count: u64 = count;
            tracing::warn!(count, %error, "facts of tries cannot be read and are left out");
        }
        Ok(facts)
    }

    /// Keeps a whole session's counts. False where one of that topic and name is there: a fact is never changed.
    pub fn record_session_fact(&self, row: &SessionFactRow) -> Result<bool, StoreError> {
        let written = self.lock().execute(
            "INSERT INTO session_facts (topic, session, at, record) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (topic, session) DO NOTHING",
            params![row.topic, row.session, row.at.as_millisecond(), row.record],
        )?;
        Ok(written == 1)
    }

    /// Whole sessions, oldest first.
    pub fn session_facts(&self, which: FactsOf<'_>) -> Result<Vec<SessionFactRow>, StoreError> {
        let (condition, [topic, session]) = which.condition();
        let connection = self.lock();
        let mut statement = connection.prepare(&format!(
            "SELECT topic, session, at, record FROM session_facts WHERE {condition} ORDER BY at, session"
        ))?;
        let rows = statement.query_map(params![topic, session], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        rows.map(|row| {
            let (topic, session, at, record) = row?;
            Ok(SessionFactRow {
                topic,
                session,
                at: time(at)?,
                record,
            })
        })
        .collect()
    }

    /// Forgets facts, of tries and of whole sessions; how many rows went. Views have forgotten them at once.
    pub fn forget_facts(&self, which: FactsOf<'_>) -> Result<u64, StoreError> {
        let (condition, [topic, session]) = which.condition();
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let mut gone = 0;
        for table in ["attempt_facts", "session_facts"] {
            gone += transaction.execute(
                &format!("DELETE FROM {table} WHERE {condition}"),
                params![topic, session],
            )?;
        }
        transaction.commit()?;
        Ok(gone as u64)
    }

    /// Keeps a topic's offline model; the one before it goes.
    pub fn save_offline_model(
        &self,
        topic: &str,
        at: Timestamp,
        record: &str,
    ) -> Result<(), StoreError> {
        self.lock().execute(
            "INSERT INTO offline_models (topic, at, record) VALUES (?1, ?2, ?3)
             ON CONFLICT (topic) DO UPDATE SET at = ?2, record = ?3",
            params![topic, at.as_millisecond(), record],
        )?;
        Ok(())
    }

    pub fn offline_model(&self, topic: &str) -> Result<Option<String>, StoreError> {
        let found = self
            .lock()
            .query_row(
                "SELECT record FROM offline_models WHERE topic = ?1",
                [topic],
                |row| row.get(0),
            )
            .optional()?;
        Ok(found)
    }

    /// A model answered: it is in the registry from now on.
    pub fn note_model(&self, arm: &ArmKey, at: Timestamp) -> Result<(), StoreError> {
        self.lock().execute(
            "INSERT INTO model_arms (endpoint, model, prompt, first_seen, last_seen) VALUES (?1, ?2, ?3, ?4, ?4)
             ON CONFLICT (endpoint, model, prompt) DO UPDATE SET last_seen = max(last_seen, ?4)",
            params![arm.endpoint, arm.model, arm.prompt, at.as_millisecond()],
        )?;
        Ok(())
    }

    /// Every model that ever answered, with the time of its last session.
    pub fn models(&self) -> Result<Vec<(ArmKey, Timestamp)>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(
            "SELECT endpoint, model, prompt, last_seen FROM model_arms ORDER BY endpoint, model, prompt",
        )?;
        let rows = statement.query_map([], |row| {
            let arm = ArmKey {
                endpoint: row.get(0)?,
                model: row.get(1)?,
                prompt: row.get(2)?,
            };
            Ok((arm, row.get::<_, i64>(3)?))
        })?;
        rows.map(|row| {
            let (arm, seen) = row?;
            Ok((arm, time(seen)?))
        })
        .collect()
    }

    /// A new version of the models' configuration; its number.
    pub fn add_model_version(
        &self,
        at: Timestamp,
        reason: &str,
        config: &str,
    ) -> Result<u64, StoreError> {
        let connection = self.lock();
        connection.execute(
            "INSERT INTO model_versions (at, reason, config) VALUES (?1, ?2, ?3)",
            params![at.as_millisecond(), reason, config],
        )?;
        Ok(connection.last_insert_rowid().unsigned_abs())
    }

    /// As `add_model_version`, where `newest` still is the newest; `None` where somebody came first.
    pub fn add_model_version_after(
        &self,
        newest: u64,
        at: Timestamp,
        reason: &str,
        config: &str,
    ) -> Result<Option<u64>, StoreError> {
        let connection = self.lock();
        let added = connection.execute(
            "INSERT INTO model_versions (at, reason, config) SELECT ?1, ?2, ?3
             WHERE (SELECT coalesce(max(version), 0) FROM model_versions) = ?4",
            params![
                at.as_millisecond(),
                reason,
                config,
                i64::try_from(newest).unwrap_or(i64::MAX)
            ],
        )?;
        Ok((added == 1).then(|| connection.last_insert_rowid().unsigned_abs()))
    }

    /// The number of the newest version, readable or not; 0 where there is none.
    pub fn newest_model_version(&self) -> Result<u64, StoreError> {
        let newest: i64 = self.lock().query_row(
            "SELECT coalesce(max(version), 0) FROM model_versions",
            [],
            |row| row.get(0),
        )?;
        Ok(newest.unsigned_abs())
    }

    /// All versions, oldest first.
    pub fn model_versions(&self) -> Result<Vec<ModelVersionRow>, StoreError> {
        let connection = self.lock();
        let mut statement = connection
            .prepare("SELECT version, at, reason, config FROM model_versions ORDER BY version")?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        rows.map(|row| {
            let (version, at, reason, config) = row?;
            Ok(ModelVersionRow {
                version: version.unsigned_abs(),
                at: time(at)?,
                reason,
                config,
            })
        })
        .collect()
    }

    /// Writes where a replay of outcomes stands; true where somebody asked it to stop.
    pub fn save_reinforcement(
        &self,
        id: &str,
        at: Timestamp,
        record: &str,
    ) -> Result<bool, StoreError> {
        let connection = self.lock();
        connection.execute(
            "INSERT INTO reinforcement_runs (id, at, record) VALUES (?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET record = ?3",
            params![id, at.as_millisecond(), record],
        )?;
        let stop = connection.query_row(
            "SELECT wants_stop FROM reinforcement_runs WHERE id = ?1",
            [id],
            |row| row.get(0),
        )?;
        Ok(stop)
    }

    /// Asks the newest replay to stop; false where there is none.
    pub fn stop_reinforcement(&self) -> Result<bool, StoreError> {
        let changed = self.lock().execute(
            "UPDATE reinforcement_runs SET wants_stop = 1
             WHERE id = (SELECT id FROM reinforcement_runs ORDER BY at DESC, id DESC LIMIT 1)",
            [],
        )?;
        Ok(changed == 1)
    }

    /// Where the newest replay stands.
    pub fn reinforcement(&self) -> Result<Option<String>, StoreError> {
        let found = self
            .lock()
            .query_row(
                "SELECT record FROM reinforcement_runs ORDER BY at DESC, id DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .optional()?;
        Ok(found)
    }
}
