//! Documents in and out of the database, with their chunks and mentions.

use std::collections::BTreeMap;

use rusqlite::{
    Connection, OptionalExtension, Row, Transaction, TransactionBehavior, named_params, params,
};

use super::kind;
use crate::dream::{Document, FragmentKind};
use crate::store::{Store, StoreError};

/// What is known of a file from the last ingestion, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDocument {
    pub id: i64,
    pub size: i64,
    pub mtime_ns: i64,
    pub read_ns: i64,
    pub parser: i64,
    pub sha256: String,
    pub spdx: String,
    pub licence: String,
}

#[derive(Debug)]
pub struct NewDocument {
    pub path: String,
    pub kind: FragmentKind,
    pub size: i64,
    pub mtime_ns: i64,
    pub read_ns: i64,
    pub parser: i64,
    pub sha256: String,
    pub spdx: String,
    pub licence: String,
    pub has_examples: bool,
    pub text: String,
    pub chunks: Vec<NewChunk>,
}

#[derive(Debug)]
pub struct NewChunk {
    pub first_byte: usize,
    pub end_byte: usize,
    pub lines: (u32, u32),
    pub heading: String,
    pub hash: [u8; 16],
    /// Entity names with their weights.
    pub mentions: Vec<(String, f64)>,
}

/// One change of the documents.
#[derive(Debug)]
pub enum Change {
    Replace(Box<NewDocument>),
    /// The content is as it was; the file's times or its licence are not.
    Refresh {
        id: i64,
        size: i64,
        mtime_ns: i64,
        read_ns: i64,
        licence: String,
    },
    Drop {
        id: i64,
    },
}

/// A document that was removed: enough for others to find what they derived from it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RemovedDocument {
    pub path: String,
    pub sha256: String,
}

impl Store {
    /// Every document at or below a path, by its path.
    pub fn known_documents(
        &self,
        below: &str,
    ) -> Result<BTreeMap<String, KnownDocument>, StoreError> {
        let connection = self.lock();
        let mut query = connection.prepare(
            "SELECT path, id, size, mtime_ns, read_ns, parser, sha256, spdx, licence FROM document
             WHERE path = :path OR substr(path, 1, length(:folder)) = :folder",
        )?;
        let rows = query.query_map(
            named_params! {":path": below, ":folder": folder(below)},
            |row| {
                Ok((
                    row.get(0)?,
                    KnownDocument {
                        id: row.get(1)?,
                        size: row.get(2)?,
                        mtime_ns: row.get(3)?,
                        read_ns: row.get(4)?,
                        parser: row.get(5)?,
                        sha256: row.get(6)?,
                        spdx: row.get(7)?,
                        licence: row.get(8)?,
                    },
                ))
            },
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Applies changes in one transaction.
    pub fn change_documents(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut any = false;
        for change in changes {
            match change {
                Change::Replace(document) => {
                    insert_document(&tx, document)?;
                    any = true;
                }
                Change::Refresh {
                    id,
                    size,
                    mtime_ns,
                    read_ns,
                    licence,
                } => {
                    tx.prepare_cached(
                        "UPDATE document SET size = ?2, mtime_ns = ?3, read_ns = ?4, licence = ?5 WHERE id = ?1",
                    )?
                    .execute(params![id, size, mtime_ns, read_ns, licence])?;
                }
                Change::Drop { id } => {
                    tx.execute("DELETE FROM document WHERE id = ?1", [id])?;
                    any = true;
                }
            }
        }
        if any {
            note_change(&tx)?;
        }
        tx.commit()?;
        Ok(())
    }

    /// Removes the documents at or below a path with all that came from them, and overwrites their bytes in the file.
    pub fn forget_documents(&self, below: &str) -> Result<Vec<RemovedDocument>, StoreError> {
        self.erasing(|connection| forget(connection, below))
    }

    /// The next document after `after` (0 to begin) that may hold examples.
    pub fn next_document_with_examples(
        &self,
        after: i64,
    ) -> Result<Option<(i64, Document)>, StoreError> {
        let connection = self.lock();
        let found = connection
            .prepare_cached(
                "SELECT id, path, sha256, kind, licence, text FROM document
                 WHERE has_examples AND id > ?1 ORDER BY id LIMIT 1",
            )?
            .query_row([after], |row| Ok((row.get(0)?, document(row)?)))
            .optional()?;
        Ok(found)
    }

    pub fn document(&self, id: i64) -> Result<Option<Document>, StoreError> {
        let found = self
            .lock()
            .prepare_cached(
                "SELECT id, path, sha256, kind, licence, text FROM document WHERE id = ?1",
            )?
            .query_row([id], document)
            .optional()?;
        Ok(found)
    }
}

/// The prefix that all paths below a folder share.
fn folder(path: &str) -> String {
    format!("{}/", path.trim_end_matches('/'))
}

fn note_change(tx: &Transaction<'_>) -> Result<(), StoreError> {
    tx.execute("UPDATE knowledge_state SET changed = changed + 1", [])?;
    Ok(())
}

fn forget(connection: &mut Connection, below: &str) -> Result<Vec<RemovedDocument>, StoreError> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let gone = "path = :path OR substr(path, 1, length(:folder)) = :folder";
    let removed = {
        let mut query = tx.prepare(&format!(
            "SELECT path, sha256 FROM document WHERE {gone} ORDER BY path"
        ))?;
        let rows = query.query_map(
            named_params! {":path": below, ":folder": folder(below)},
            |row| {
                Ok(RemovedDocument {
                    path: row.get(0)?,
                    sha256: row.get(1)?,
                })
            },
        )?;
        rows.collect::<Result<Vec<_>, _>>()?
    };
    if removed.is_empty() {
        return Ok(removed);
    }
    tx.execute(
        &format!(
            "DELETE FROM dreamed WHERE hash IN (SELECT hash FROM chunk JOIN document ON document.id = document WHERE {gone})
             AND hash NOT IN (SELECT hash FROM chunk JOIN document ON document.id = document WHERE NOT ({gone}))"
        ),
        named_params! {":path": below, ":folder": folder(below)},
    )?;
    tx.execute(
        &format!("DELETE FROM document WHERE {gone}"),
        named_params! {":path": below, ":folder": folder(below)},
    )?;
    // Labels and concepts are words of the documents too: none may outlive them until the clusters are made anew.
    tx.execute(
        "DELETE FROM cluster WHERE NOT EXISTS (SELECT 1 FROM chunk WHERE cluster = cluster.id)",
        [],
    )?;
    tx.execute(
        "DELETE FROM entity WHERE NOT EXISTS (SELECT 1 FROM mention WHERE entity = entity.id)",
        [],
    )?;
    note_change(&tx)?;
    tx.commit()?;
    Ok(removed)
}

fn insert_document(tx: &Transaction<'_>, new: &NewDocument) -> Result<(), StoreError> {
    tx.prepare_cached("DELETE FROM document WHERE path = ?1")?
        .execute([&new.path])?;
    tx.prepare_cached(
        "INSERT INTO document (path, kind, size, mtime_ns, read_ns, parser, sha256, spdx, licence, has_examples, text)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        new.path,
        kind_name(new.kind),
        new.size,
        new.mtime_ns,
        new.read_ns,
        new.parser,
        new.sha256,
        new.spdx,
        new.licence,
        new.has_examples,
        new.text,
    ])?;
    let document = tx.last_insert_rowid();
    let mut insert_chunk = tx.prepare_cached(
        "INSERT INTO chunk (document, first_byte, end_byte, first_line, last_line, heading, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let mut find_entity = tx.prepare_cached("SELECT id FROM entity WHERE name = ?1")?;
    let mut insert_entity = tx.prepare_cached("INSERT INTO entity (name) VALUES (?1)")?;
    let mut insert_mention =
        tx.prepare_cached("INSERT INTO mention (chunk, entity, weight) VALUES (?1, ?2, ?3)")?;
    for chunk in &new.chunks {
        insert_chunk.execute(params![
            document,
            to_i64(chunk.first_byte),
            to_i64(chunk.end_byte),
            chunk.lines.0,
            chunk.lines.1,
            chunk.heading,
            chunk.hash,
        ])?;
        let id = tx.last_insert_rowid();
        for (name, weight) in &chunk.mentions {
            let known: Option<i64> = find_entity.query_row([name], |row| row.get(0)).optional()?;
            let entity = if let Some(known) = known {
                known
            } else {
                insert_entity.execute([name])?;
                tx.last_insert_rowid()
            };
            insert_mention.execute(params![id, entity, weight])?;
        }
    }
    Ok(())
}

fn document(row: &Row<'_>) -> rusqlite::Result<Document> {
    Ok(Document {
        path: row.get("path")?,
        sha256: row.get("sha256")?,
        kind: kind(&row.get::<_, String>("kind")?),
        licence: row.get("licence")?,
        text: row.get("text")?,
    })
}

fn kind_name(kind: FragmentKind) -> &'static str {
    match kind {
        FragmentKind::Prose => "prose",
        FragmentKind::Python => "python",
        FragmentKind::Rust => "rust",
    }
}

fn to_i64(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
