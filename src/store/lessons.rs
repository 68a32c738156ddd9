//! The lessons table with its full-text index. A dream's lesson comes and goes with the dream, in one transaction.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::row::{from_json, id, to_json};
use super::{Store, StoreError};
use crate::dream::Lesson;
use crate::ids::{DreamId, LessonId};

pub(super) const SCHEMA: &str = "
CREATE TABLE lessons (
    seq         INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    dream       TEXT UNIQUE REFERENCES dreams (id),
    created     TEXT NOT NULL,
    situation   TEXT NOT NULL,
    action      TEXT NOT NULL,
    result      TEXT NOT NULL,
    feedback    TEXT NOT NULL,
    -- JSON.
    tags        TEXT NOT NULL,
    metadata    TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE lessons_text USING fts5 (
    situation, action, result, feedback, tags, metadata,
    content = 'lessons', content_rowid = 'seq', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER lessons_added AFTER INSERT ON lessons BEGIN
    INSERT INTO lessons_text (rowid, situation, action, result, feedback, tags, metadata)
    VALUES (new.seq, new.situation, new.action, new.result, new.feedback, new.tags, new.metadata);
END;
CREATE TRIGGER lessons_removed AFTER DELETE ON lessons BEGIN
    INSERT INTO lessons_text (lessons_text, rowid, situation, action, result, feedback, tags, metadata)
    VALUES ('delete', old.seq, old.situation, old.action, old.result, old.feedback, old.tags, old.metadata);
END;
";

const COLUMNS: &str =
    "l.id, l.created, l.situation, l.action, l.result, l.feedback, l.tags, l.metadata";

type Raw = [String; 8];

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    let mut columns = Raw::default();
    for (at, column) in columns.iter_mut().enumerate() {
        *column = row.get(at)?;
    }
    Ok(columns)
}

fn lesson(raw: Raw) -> Result<Lesson, StoreError> {
    let [
        key,
        timestamp,
        situation,
        action,
        result,
        feedback,
        tags,
        metadata,
    ] = raw;
    Ok(Lesson {
        lesson_id: id(LessonId::parse, &key)?,
        situation,
        action,
        result,
        feedback,
        tags: from_json(&tags)?,
        metadata: from_json(&metadata)?,
        timestamp,
    })
}

/// Inside the caller's transaction.
pub(super) fn insert(
    connection: &Connection,
    lesson: &Lesson,
    dream: Option<&DreamId>,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO lessons (id, dream, created, situation, action, result, feedback, tags, metadata)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            lesson.lesson_id.as_str(),
            dream.map(DreamId::as_str),
            lesson.timestamp,
            lesson.situation,
            lesson.action,
            lesson.result,
            lesson.feedback,
            to_json(&lesson.tags)?,
            to_json(&lesson.metadata)?,
        ],
    )?;
    Ok(())
}

impl Store {
    /// A lesson that no dream stands behind.
    pub fn add_lesson(&self, lesson: &Lesson) -> Result<(), StoreError> {
        insert(&self.lock(), lesson, None)
    }

    pub fn lesson(&self, key: &LessonId) -> Result<Option<Lesson>, StoreError> {
        let found = self
            .lock()
            .query_row(
                &format!("SELECT {COLUMNS} FROM lessons l WHERE l.id = ?1"),
                [key.as_str()],
                raw,
            )
            .optional()?;
        found.map(lesson).transpose()
    }

    /// Newest first.
    pub fn lessons(&self, limit: usize) -> Result<Vec<Lesson>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(&format!(
            "SELECT {COLUMNS} FROM lessons l ORDER BY l.seq DESC LIMIT ?1"
        ))?;
        let rows = statement.query_map([limited(limit)], raw)?;
        rows.map(|row| lesson(row?)).collect()
    }

    pub fn count_lessons(&self) -> Result<u64, StoreError> {
        let count: i64 = self
            .lock()
            .query_row("SELECT count(*) FROM lessons", [], |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Lessons that hold every word (or a word that begins so), best first. No words: none.
    pub fn search_lessons(&self, words: &str, limit: usize) -> Result<Vec<Lesson>, StoreError> {
        let Some(query) = full_text_query(words) else {
            return Ok(Vec::new());
        };
        let connection = self.lock();
        let mut statement = connection.prepare(&format!(
            "SELECT {COLUMNS} FROM lessons_text t JOIN lessons l ON l.seq = t.rowid
             WHERE lessons_text MATCH ?1 ORDER BY bm25(lessons_text), l.seq DESC LIMIT ?2"
        ))?;
        let rows = statement.query_map(params![query, limited(limit)], raw)?;
        rows.map(|row| lesson(row?)).collect()
    }

    /// Lessons whose id begins with `prefix`, at most `limit`.
    pub fn lessons_by_prefix(
        &self,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<LessonId>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(
            "SELECT id FROM lessons WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![prefix, limited(limit)], |row| {
            row.get::<_, String>(0)
        })?;
        rows.map(|row| id(LessonId::parse, &row?)).collect()
    }
}

fn limited(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Each word as a quoted prefix, so that nothing a person types is read as an operator.
fn full_text_query(words: &str) -> Option<String> {
    let terms: Vec<String> = words
        .split_whitespace()
        .map(|word| word.replace('\0', "").replace('"', "\"\""))
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(|word| format!("\"{word}\"*"))
        .collect();
    (!terms.is_empty()).then(|| terms.join(" "))
}

#[cfg(test)]
mod tests {
    use super::full_text_query;

    #[test]
    fn what_a_person_types_is_never_an_operator() {
        assert_eq!(
            full_text_query("merge OR \"lists NEAR( --"),
            Some("\"merge\"* \"OR\"* \"\"\"lists\"* \"NEAR(\"*".to_owned())
        );
        assert_eq!(full_text_query(" -- \0 "), None);
    }
}
