//! The learning tables: immutable facts of tries and sessions, and what offline analysis came to. Statistics are views over
//! these rows; no row is ever changed by a count. What is kept of models stands beside it in `store/models.rs`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::Deserialize;

use super::row::{from_json, time, to_json};
use super::{Store, StoreError, experience};
use crate::dream::AttemptFact;
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

/// What was done once and is never done again. A database that holds facts has its earlier nights behind it.
pub(super) const MARKS: &str = "
CREATE TABLE learning_marks (
    name        TEXT PRIMARY KEY
) STRICT;
INSERT INTO learning_marks (name) SELECT 'backfilled' WHERE EXISTS (SELECT 1 FROM attempt_facts);
";

/// Facts were made of the nights before facts were kept.
const BACKFILLED: &str = "backfilled";

/// A session of one topic as it lies in the table; what `record` says is `learning`'s business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFactRow {
    pub topic: String,
    pub session: String,
    pub at: Timestamp,
    pub record: String,
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

pub(super) fn insert_fact(connection: &Connection, fact: &AttemptFact) -> Result<bool, StoreError> {
    let written = connection.execute(
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

/// What a fact says of the events that it came of, whatever else is in its record.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    trajectory: Option<String>,
}

/// The course of events that a fact's record names.
pub(super) fn course_of(record: &str) -> Option<String> {
    from_json::<Told>(record).ok()?.trajectory
}

fn is_marked(connection: &Connection) -> Result<bool, StoreError> {
    Ok(connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM learning_marks WHERE name = ?1)",
        [BACKFILLED],
        |row| row.get(0),
    )?)
}

/// The courses of events that the facts under a condition name.
fn courses_of(
    connection: &Connection,
    condition: &str,
    parameters: [&str; 2],
) -> Result<BTreeSet<String>, StoreError> {
    let select = format!("SELECT record FROM attempt_facts WHERE {condition}");
    let mut statement = connection.prepare(&select)?;
    let records = statement.query_map(parameters, |row| row.get::<_, String>(0))?;
    let mut courses = BTreeSet::new();
    for record in records {
        courses.extend(course_of(&record?));
    }
    Ok(courses)
}

impl Store {
    /// Keeps what a try taught. False where it is known already: a fact is written once.
    pub fn record_fact(&self, fact: &AttemptFact) -> Result<bool, StoreError> {
        insert_fact(&self.lock(), fact)
    }

    /// Whether the facts of earlier nights were made.
    pub fn is_backfilled(&self) -> Result<bool, StoreError> {
        is_marked(&self.lock())
    }

    /// Keeps the facts of earlier nights, once in the database's life: what is forgotten later stays forgotten. How many
    /// are new.
    pub fn backfill_facts(&self, facts: &[AttemptFact]) -> Result<u64, StoreError> {
        let mut connection = self.lock();
        // Another process may be at it: whoever comes second finds the mark.
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if is_marked(&transaction)? {
            return Ok(0);
        }
        let mut written = 0;
        for fact in facts {
            written += u64::from(insert_fact(&transaction, fact)?);
        }
        transaction.execute(
            "INSERT INTO learning_marks (name) VALUES (?1)",
            [BACKFILLED],
        )?;
        transaction.commit()?;
        Ok(written)
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

    /// Forgets facts, of tries and of whole sessions, the offline models that were made of them, and the events that the
    /// tries came of; how many rows went, events aside. Views have forgotten them at once.
    pub fn forget_facts(&self, which: FactsOf<'_>) -> Result<u64, StoreError> {
        let (condition, [topic, session]) = which.condition();
        self.erasing(|connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let courses = courses_of(&transaction, condition, [&topic, &session])?;
            experience::forget_courses(&transaction, &courses)?;
            let mut gone = 0;
            for table in ["attempt_facts", "session_facts"] {
                gone += transaction.execute(
                    &format!("DELETE FROM {table} WHERE {condition}"),
                    params![topic, session],
                )?;
            }
            gone += match which {
                FactsOf::All => transaction.execute("DELETE FROM offline_models", [])?,
                // A session that was not there left nothing in the model.
                FactsOf::Session(..) if gone == 0 => 0,
                FactsOf::Topic(topic) | FactsOf::Session(topic, _) => {
                    transaction.execute("DELETE FROM offline_models WHERE topic = ?1", [topic])?
                }
            };
            transaction.commit()?;
            Ok(gone as u64)
        })
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

    /// Keeps a topic's offline model where none is there; false where one is.
    pub fn add_offline_model(
        &self,
        topic: &str,
        at: Timestamp,
        record: &str,
    ) -> Result<bool, StoreError> {
        let added = self.lock().execute(
            "INSERT INTO offline_models (topic, at, record) VALUES (?1, ?2, ?3)
             ON CONFLICT (topic) DO NOTHING",
            params![topic, at.as_millisecond(), record],
        )?;
        Ok(added == 1)
    }

    /// Every topic's offline model, by the topic's name.
    pub fn offline_models(&self) -> Result<Vec<(String, String)>, StoreError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare("SELECT topic, record FROM offline_models ORDER BY topic")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.map(|row| Ok(row?)).collect()
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
}
