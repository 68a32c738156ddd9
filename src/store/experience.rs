//! The experience that lasts: events as they were written, what each run's sinks made of theirs, and the archives that old
//! events went to.

use std::collections::BTreeSet;
use std::ops::Range;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::row::time;
use super::{Store, StoreError};

pub(super) const SCHEMA: &str = "
CREATE TABLE experience (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- 32 hexadecimal digits.
    id          TEXT NOT NULL UNIQUE,
    -- Milliseconds since 1970, UTC.
    at          INTEGER NOT NULL,
    type        TEXT NOT NULL,
    source      TEXT NOT NULL,
    trajectory  TEXT,
    caused_by   TEXT,
    record      TEXT NOT NULL
) STRICT;
CREATE INDEX experience_by_at ON experience (at);
CREATE INDEX experience_by_cause ON experience (caused_by) WHERE caused_by IS NOT NULL;
CREATE INDEX experience_by_trajectory ON experience (trajectory) WHERE trajectory IS NOT NULL;
-- One row a sink of each run of the program: written = flushed + dropped + buffered.
CREATE TABLE experience_sinks (
    run         TEXT NOT NULL,
    sink        TEXT NOT NULL,
    at          INTEGER NOT NULL,
    written     INTEGER NOT NULL,
    flushed     INTEGER NOT NULL,
    dropped     INTEGER NOT NULL,
    buffered    INTEGER NOT NULL,
    PRIMARY KEY (run, sink)
) STRICT;
CREATE TABLE experience_archives (
    file        TEXT PRIMARY KEY,
    sha256      TEXT NOT NULL,
    bytes       INTEGER NOT NULL,
    events      INTEGER NOT NULL,
    first       INTEGER NOT NULL,
    last        INTEGER NOT NULL
) STRICT;
";

/// An event on its way into the table.
#[derive(Debug)]
pub struct NewExperience<'a> {
    pub id: String,
    pub at: Timestamp,
    pub event_type: &'a str,
    pub source: &'a str,
    pub trajectory: Option<&'a str>,
    pub caused_by: Option<String>,
    /// The whole event as JSON.
    pub record: &'a str,
}

/// An event of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExperienceRow {
    pub seq: u64,
    pub record: String,
}

/// What one sink did with the events of one run, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SinkCount {
    pub written: u64,
    pub flushed: u64,
    pub dropped: u64,
    pub buffered: u64,
}

/// One file of old events.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ArchiveRow {
    pub file: String,
    pub sha256: String,
    pub bytes: u64,
    pub events: u64,
    /// Times of the oldest and the newest event in it.
    pub first: Timestamp,
    pub last: Timestamp,
}

/// Which events a reader wants; the newest of them.
#[derive(Debug, Clone, Default)]
pub struct ExperienceQuery {
    pub limit: usize,
    /// Exactly this type.
    pub event_type: Option<String>,
    pub trajectory: Option<String>,
    pub since: Option<Timestamp>,
}

/// Inside the caller's transaction: every event of these courses goes; how many.
pub(super) fn forget_courses(
    connection: &Connection,
    courses: &BTreeSet<String>,
) -> Result<u64, StoreError> {
    let mut delete = connection.prepare_cached("DELETE FROM experience WHERE trajectory = ?1")?;
    let mut gone = 0;
    for course in courses {
        gone += delete.execute([course])? as u64;
    }
    Ok(gone)
}

impl Store {
    /// Keeps events, each once however often it comes, and in the same step the run's figures.
    pub fn keep_experience(
        &self,
        events: &[NewExperience<'_>],
        run: &str,
        figures: &[(&str, SinkCount)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT OR IGNORE INTO experience (id, at, type, source, trajectory, caused_by, record)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for event in events {
                insert.execute(params![
                    event.id,
                    event.at.as_millisecond(),
                    event.event_type,
                    event.source,
                    event.trajectory,
                    event.caused_by,
                    event.record,
                ])?;
            }
            let mut account = transaction.prepare_cached(
                "INSERT INTO experience_sinks (run, sink, at, written, flushed, dropped, buffered)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (run, sink) DO UPDATE
                 SET at = ?3, written = ?4, flushed = ?5, dropped = ?6, buffered = ?7",
            )?;
            for (sink, count) in figures {
                account.execute(params![
                    run,
                    sink,
                    now.as_millisecond(),
                    number(count.written),
                    number(count.flushed),
                    number(count.dropped),
                    number(count.buffered),
                ])?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// Each sink's figures over all runs.
    pub fn experience_figures(&self) -> Result<Vec<(String, SinkCount)>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(
            "SELECT sink, sum(written), sum(flushed), sum(dropped), sum(buffered)
             FROM experience_sinks GROUP BY sink ORDER BY sink",
        )?;
        let rows = statement.query_map([], |row| {
            let count = |at| row.get(at).map(|n: i64| u64::try_from(n).unwrap_or(0));
            Ok((
                row.get(0)?,
                SinkCount {
                    written: count(1)?,
                    flushed: count(2)?,
                    dropped: count(3)?,
                    buffered: count(4)?,
                },
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A run that ended without saying so: what it still held is lost, and counted as that. Its names are those for which
    /// `is_over` answers true.
    pub fn settle_experience_runs(&self, is_over: &dyn Fn(&str) -> bool) -> Result<(), StoreError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare("SELECT DISTINCT run FROM experience_sinks WHERE buffered > 0")?;
        let runs: Vec<String> = statement
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for run in runs.iter().filter(|run| is_over(run)) {
            connection.execute(
                "UPDATE experience_sinks SET dropped = dropped + buffered, buffered = 0 WHERE run = ?1",
                [run],
            )?;
        }
        Ok(())
    }

    /// The newest events that match, oldest first.
    pub fn experience(&self, query: &ExperienceQuery) -> Result<Vec<ExperienceRow>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT seq, record FROM experience
             WHERE (?1 IS NULL OR type = ?1) AND (?2 IS NULL OR trajectory = ?2) AND (?3 IS NULL OR at >= ?3)
             ORDER BY seq DESC LIMIT ?4",
        )?;
        let rows = statement.query_map(
            params![
                query.event_type,
                query.trajectory,
                query.since.map(Timestamp::as_millisecond),
                i64::try_from(query.limit).unwrap_or(i64::MAX),
            ],
            |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)),
        )?;
        let mut found = Vec::new();
        for row in rows {
            let (seq, record) = row?;
            let seq =
                u64::try_from(seq).map_err(|_| StoreError::Row(format!("{seq} as a place")))?;
            found.push(ExperienceRow { seq, record });
        }
        found.reverse();
        Ok(found)
    }

    /// Ids of the events that name this one as their cause.
    pub fn experience_effects(&self, id: &str) -> Result<Vec<String>, StoreError> {
        let connection = self.lock();
        let mut statement = connection
            .prepare_cached("SELECT id FROM experience WHERE caused_by = ?1 ORDER BY seq")?;
        let rows = statement.query_map([id], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Events of each type, the most frequent first.
    pub fn experience_types(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(
            "SELECT type, count(*) FROM experience GROUP BY type ORDER BY count(*) DESC, type",
        )?;
        let rows = statement.query_map([], |row| {
            let count: i64 = row.get(1)?;
            Ok((row.get(0)?, u64::try_from(count).unwrap_or(0)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The oldest events that are due for an archive: those from before `aged.start`, and as many more as are needed until
    /// the rest is no more than `bytes`; `limit` at most. What claims to come from after `aged.end`, which is now, is as
    /// old as what came after it.
    pub fn experience_due(
        &self,
        aged: &Range<Timestamp>,
        bytes: u64,
        limit: usize,
    ) -> Result<Vec<ExperienceRow>, StoreError> {
        let connection = self.lock();
        // The sum reads the whole table: only where the whole file could be over.
        let file: i64 = connection.query_row(
            "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
            [],
            |row| row.get(0),
        )?;
        let mut over = 0;
        if file > number(bytes) {
            let all: i64 = connection.query_row(
                "SELECT coalesce(sum(octet_length(record)), 0) FROM experience",
                [],
                |row| row.get(0),
            )?;
            over = all - number(bytes);
        }
        let (start, end) = (aged.start.as_millisecond(), aged.end.as_millisecond());
        // In the order of their places: by time it would be a sort of all that is young.
        let young: i64 = connection.query_row(
            "SELECT coalesce((SELECT seq FROM experience WHERE +at BETWEEN ?1 AND ?2 ORDER BY seq LIMIT 1), ?3)",
            params![start, end, i64::MAX],
            |row| row.get(0),
        )?;
        let last_aged: i64 = connection.query_row(
            "SELECT coalesce(max(seq), 0) FROM experience WHERE at < ?1 AND seq < ?2",
            params![start, young],
            |row| row.get(0),
        )?;
        let mut statement =
            connection.prepare("SELECT seq, record FROM experience ORDER BY seq LIMIT ?1")?;
        let mut rows = statement.query([i64::try_from(limit).unwrap_or(i64::MAX)])?;
        let mut due = Vec::new();
        while let Some(row) = rows.next()? {
            let (seq, record): (i64, String) = (row.get(0)?, row.get(1)?);
            if seq > last_aged && over <= 0 {
                break;
            }
            over -= i64::try_from(record.len()).unwrap_or(i64::MAX);
            let seq =
                u64::try_from(seq).map_err(|_| StoreError::Row(format!("{seq} as a place")))?;
            due.push(ExperienceRow { seq, record });
        }
        Ok(due)
    }

    /// An archive stands: its row comes and the events up to `last_seq` go, in one step.
    pub fn experience_archived(
        &self,
        archive: &ArchiveRow,
        last_seq: u64,
    ) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        transaction.execute(
            "INSERT OR REPLACE INTO experience_archives (file, sha256, bytes, events, first, last)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                archive.file,
                archive.sha256,
                number(archive.bytes),
                number(archive.events),
                archive.first.as_millisecond(),
                archive.last.as_millisecond(),
            ],
        )?;
        transaction.execute("DELETE FROM experience WHERE seq <= ?1", [number(last_seq)])?;
        transaction.commit()?;
        Ok(())
    }

    /// The archives, oldest first.
    pub fn experience_archives(&self) -> Result<Vec<ArchiveRow>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare(
            "SELECT file, sha256, bytes, events, first, last FROM experience_archives ORDER BY first, file",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get::<_, i64>(2)?,
                row.get::<_, i64>(3)?,
                row.get(4)?,
                row.get(5)?,
            ))
        })?;
        rows.map(|row| {
            let (file, sha256, bytes, events, first, last) = row?;
            Ok(ArchiveRow {
                file,
                sha256,
                bytes: u64::try_from(bytes).unwrap_or(0),
                events: u64::try_from(events).unwrap_or(0),
                first: time(first)?,
                last: time(last)?,
            })
        })
        .collect()
    }
}

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
