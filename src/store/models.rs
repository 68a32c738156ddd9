//! What is kept of models: those that answered, the versions of how they are chosen, and where replays stand. Written by
//! the engine and `models`; the tables are made in `store/learning.rs`.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::row::time;
use super::{Store, StoreError};
use crate::dream::ArmKey;

/// A configuration of the models' choice as it lies in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelVersionRow {
    pub version: u64,
    pub at: Timestamp,
    pub reason: String,
    pub config: String,
}

impl Store {
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

    /// A new replay of outcomes, where `newest` still is the newest; false where somebody came first.
    pub fn add_reinforcement_after(
        &self,
        newest: Option<&str>,
        id: &str,
        at: Timestamp,
        record: &str,
    ) -> Result<bool, StoreError> {
        let added = self.lock().execute(
            "INSERT INTO reinforcement_runs (id, at, record) SELECT ?1, ?2, ?3
             WHERE (SELECT id FROM reinforcement_runs ORDER BY at DESC, id DESC LIMIT 1) IS ?4",
            params![id, at.as_millisecond(), record, newest],
        )?;
        Ok(added == 1)
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
