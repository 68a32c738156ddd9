//! The dreams table: a dream's whole record, the text of its files, and what near-duplicates are found by. Only the
//! journal writes here.
//!
//! `staged` → `published` → `withdrawn`; nothing ever goes back. `todo` names work on a published dream's files that
//! has begun and must be finished after a crash.

use std::path::PathBuf;

use rusqlite::{OptionalExtension, Row, params};

use super::row::{from_json, from_word, id, path, path_bytes, to_json};
use super::{Store, StoreError};
use crate::dream::{AttemptFact, Choice, DreamRecord, Lesson, Sketch};
use crate::ids::DreamId;

pub(super) const SCHEMA: &str = "
CREATE TABLE dreams (
    id          TEXT PRIMARY KEY,
    session     TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('staged', 'published', 'withdrawn')),
    todo        TEXT CHECK (todo IN ('rewrite', 'remove')),
    created     TEXT NOT NULL,
    title       TEXT NOT NULL,
    tier        TEXT NOT NULL,
    generator   TEXT NOT NULL,
    review      TEXT NOT NULL,
    cluster     INTEGER,
    topic       TEXT,
    code_hash   TEXT NOT NULL,
    words       BLOB NOT NULL,
    calls       BLOB NOT NULL,
    -- Folder that the files were written to: the setting may change later.
    folder      BLOB NOT NULL,
    record      TEXT NOT NULL,
    code        TEXT NOT NULL,
    -- Whole files, so that a later version of the program writes the same bytes.
    code_text   TEXT NOT NULL,
    test_text   TEXT NOT NULL,
    thought     TEXT
) STRICT;
CREATE INDEX dreams_by_session ON dreams (session);
CREATE INDEX dreams_by_state ON dreams (state);
";

/// Why it was dreamed, as JSON; a fact says it too, but a fact can be forgotten while the dream stands.
pub(super) const CHOICE: &str = "ALTER TABLE dreams ADD COLUMN choice TEXT;";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DreamState {
    Staged,
    Published,
    Withdrawn,
}

/// Everything that is known of one dream; its files come from here alone.
#[derive(Debug, Clone, PartialEq)]
pub struct DreamRow {
    pub record: DreamRecord,
    pub state: DreamState,
    pub folder: PathBuf,
    /// The solution as it was proven, without the file's header.
    pub code: String,
    pub code_text: String,
    pub test_text: String,
    /// The weaver's line of thought; never leaves the database but for the journal.
    pub thought: Option<String>,
    /// Why it was dreamed; for the night's page alone.
    pub choice: Option<Choice>,
    pub sketch: Sketch,
}

/// A dream whose files may not agree with its row yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Unfinished {
    Staged(DreamRow),
    Rewrite(DreamRow),
    Remove(DreamRow),
}

const COLUMNS: &str =
    "record, state, folder, code, code_text, test_text, thought, words, calls, code_hash, choice";

struct Raw {
    record: String,
    state: String,
    folder: Vec<u8>,
    code: String,
    code_text: String,
    test_text: String,
    thought: Option<String>,
    sketch: Sketch,
    choice: Option<String>,
}

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok(Raw {
        record: row.get(0)?,
        state: row.get(1)?,
        folder: row.get(2)?,
        code: row.get(3)?,
        code_text: row.get(4)?,
        test_text: row.get(5)?,
        thought: row.get(6)?,
        sketch: Sketch {
            words: row.get(7)?,
            calls: row.get(8)?,
            code_hash: row.get(9)?,
        },
        choice: row.get(10)?,
    })
}

impl TryFrom<Raw> for DreamRow {
    type Error = StoreError;

    fn try_from(raw: Raw) -> Result<Self, StoreError> {
        Ok(Self {
            record: from_json(&raw.record)?,
            state: from_word(raw.state)?,
            folder: path(raw.folder),
            code: raw.code,
            code_text: raw.code_text,
            test_text: raw.test_text,
            thought: raw.thought,
            // One that cannot be read must not hide the dream.
            choice: raw.choice.and_then(|text| from_json(&text).ok()),
            sketch: raw.sketch,
        })
    }
}

impl Store {
    /// A new dream, not yet on the shelf, and the fact that it leaves; both or neither.
    pub(crate) fn stage_dream(
        &self,
        row: &DreamRow,
        fact: Option<&AttemptFact>,
    ) -> Result<(), StoreError> {
        let record = &row.record;
        let topic = record.topic.as_ref();
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        transaction.execute(
            "INSERT INTO dreams (id, session, state, created, title, tier, generator, review, cluster, topic,
                code_hash, words, calls, folder, record, code, code_text, test_text, thought, choice)
             VALUES (?1, ?2, 'staged', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
            params![
                record.dream_id.as_str(),
                record.session_id.as_str(),
                record.timestamp,
                record.scenario.title,
                record.tier.as_str(),
                record.generator.as_str(),
                record.review.as_str(),
                topic.and_then(|topic| topic.cluster),
                topic.map(|topic| topic.label.as_str()),
                row.sketch.code_hash,
                row.sketch.words,
                row.sketch.calls,
                path_bytes(&row.folder),
                to_json(record)?,
                row.code,
                row.code_text,
                row.test_text,
                row.thought,
                row.choice.as_ref().map(to_json).transpose()?,
            ],
        )?;
        if let Some(fact) = fact {
            super::learning::insert_fact(&transaction, fact)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// The files stand: the row says so and the lesson is learned, both or neither. False where somebody else was
    /// first or the row is gone.
    pub(crate) fn publish_dream(
        &self,
        dream: &DreamId,
        lesson: &Lesson,
    ) -> Result<bool, StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let changed = transaction.execute(
            "UPDATE dreams SET state = 'published' WHERE id = ?1 AND state = 'staged'",
            [dream.as_str()],
        )?;
        if changed == 1 {
            super::lessons::insert(&transaction, lesson, Some(dream))?;
        }
        transaction.commit()?;
        Ok(changed == 1)
    }

    /// A dream that never stood leaves no trace.
    pub(crate) fn drop_staged_dream(&self, dream: &DreamId) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        let dropped = transaction.execute(
            "DELETE FROM dreams WHERE id = ?1 AND state = 'staged'",
            [dream.as_str()],
        )?;
        if dropped == 1 {
            transaction.execute("DELETE FROM attempt_facts WHERE id = ?1", [dream.as_str()])?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// The owner no longer wants it: never written again, gone from the lessons; both or neither.
    pub(crate) fn withdraw_dream(&self, dream: &DreamId) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        transaction.execute(
            "UPDATE dreams SET state = 'withdrawn', todo = NULL WHERE id = ?1",
            [dream.as_str()],
        )?;
        transaction.execute("DELETE FROM lessons WHERE dream = ?1", [dream.as_str()])?;
        transaction.commit()?;
        Ok(())
    }

    /// Notes that a published dream's files are about to be removed.
    pub(crate) fn begin_removing_dream(&self, dream: &DreamId) -> Result<(), StoreError> {
        self.lock().execute(
            "UPDATE dreams SET todo = 'remove' WHERE id = ?1 AND state = 'published'",
            [dream.as_str()],
        )?;
        Ok(())
    }

    /// Takes a changed record of a published dream and notes that its `.json` is about to be rewritten.
    pub(crate) fn begin_rewriting_dream(&self, record: &DreamRecord) -> Result<(), StoreError> {
        self.lock().execute(
            "UPDATE dreams SET record = ?2, review = ?3, tier = ?4, todo = 'rewrite'
             WHERE id = ?1 AND state = 'published'",
            params![
                record.dream_id.as_str(),
                to_json(record)?,
                record.review.as_str(),
                record.tier.as_str(),
            ],
        )?;
        Ok(())
    }

    pub(crate) fn end_rewriting_dream(&self, dream: &DreamId) -> Result<(), StoreError> {
        self.lock().execute(
            "UPDATE dreams SET todo = NULL WHERE id = ?1 AND todo = 'rewrite'",
            [dream.as_str()],
        )?;
        Ok(())
    }

    /// Dreams whose files may not agree with their rows, oldest first.
    pub fn unfinished_dreams(&self) -> Result<Vec<Unfinished>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(&format!(
            "SELECT {COLUMNS}, todo FROM dreams WHERE state = 'staged' OR todo IS NOT NULL ORDER BY id"
        ))?;
        let rows = statement.query_map([], |row| Ok((raw(row)?, row.get("todo")?)))?;
        rows.map(|row| {
            let (raw, todo): (Raw, Option<String>) = row?;
            let row = DreamRow::try_from(raw)?;
            Ok(match (row.state, todo.as_deref()) {
                (DreamState::Staged, _) => Unfinished::Staged(row),
                (_, Some("remove")) => Unfinished::Remove(row),
                (_, _) => Unfinished::Rewrite(row),
            })
        })
        .collect()
    }

    pub fn dream(&self, dream: &DreamId) -> Result<Option<DreamRow>, StoreError> {
        let found = self
            .lock()
            .query_row(
                &format!("SELECT {COLUMNS} FROM dreams WHERE id = ?1"),
                [dream.as_str()],
                raw,
            )
            .optional()?;
        found.map(DreamRow::try_from).transpose()
    }

    /// Dreams that stand, newest first, at most `limit`.
    pub fn published_dreams(&self, limit: usize) -> Result<Vec<DreamRow>, StoreError> {
        self.some_dreams(
            "state = 'published' ORDER BY id DESC LIMIT ?1",
            &i64::try_from(limit).unwrap_or(i64::MAX),
        )
    }

    /// A session's dreams that stand, oldest first.
    pub fn dreams_of_session(
        &self,
        session: &crate::ids::SessionId,
    ) -> Result<Vec<DreamRow>, StoreError> {
        self.some_dreams(
            "state = 'published' AND session = ?1 ORDER BY id",
            &session.as_str(),
        )
    }

    fn some_dreams(
        &self,
        which: &str,
        parameter: &dyn rusqlite::ToSql,
    ) -> Result<Vec<DreamRow>, StoreError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare(&format!("SELECT {COLUMNS} FROM dreams WHERE {which}"))?;
        let rows = statement.query_map([parameter], raw)?;
        rows.map(|row| DreamRow::try_from(row?)).collect()
    }

    /// Each published dream with the folder its files are in.
    pub fn published_places(&self) -> Result<Vec<(DreamId, PathBuf)>, StoreError> {
        let connection = self.lock();
        let mut statement = connection
            .prepare("SELECT id, folder FROM dreams WHERE state = 'published' ORDER BY id")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.map(|row| {
            let (dream, folder): (String, Vec<u8>) = row?;
            Ok((id(DreamId::parse, &dream)?, path(folder)))
        })
        .collect()
    }

    /// Published dreams whose id begins with `prefix`, oldest first, at most `limit`.
    pub fn dreams_by_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<DreamId>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(
            "SELECT id FROM dreams WHERE state = 'published' AND substr(id, 1, length(?1)) = ?1
             ORDER BY id LIMIT ?2",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map(params![prefix, limit], |row| row.get::<_, String>(0))?;
        rows.map(|row| id(DreamId::parse, &row?)).collect()
    }

    /// What a new task is compared with. Withdrawn dreams count too: who removed one does not want it again.
    pub fn sketches(&self) -> Result<Vec<(DreamId, Sketch)>, StoreError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare("SELECT id, words, calls, code_hash FROM dreams ORDER BY id")?;
        let rows = statement.query_map([], |row| {
            let sketch = Sketch {
                words: row.get(1)?,
                calls: row.get(2)?,
                code_hash: row.get(3)?,
            };
            Ok((row.get::<_, String>(0)?, sketch))
        })?;
        rows.map(|row| {
            let (dream, sketch) = row?;
            Ok((id(DreamId::parse, &dream)?, sketch))
        })
        .collect()
    }
}
