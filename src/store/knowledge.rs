//! Documents, their chunks, what the chunks mention, and the clusters they form. Called by `knowledge` alone.
//!
//! A document's text is stored once; a chunk is a range of it. Two entities are related where one chunk mentions both:
//! the rows of `mention` are that relation, read from either side. How often a chunk was dreamed of is kept by the hash
//! of its text, so that it survives re-ingestion and new clusters.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{
    Connection, OptionalExtension, Row, Transaction, TransactionBehavior, named_params, params,
};

use super::{Store, StoreError};
use crate::dream::{Document, Fragment, FragmentKind, Source};

pub(super) const SCHEMA: &str = "
CREATE TABLE document (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    -- When the file was last read; a change right after that may leave size and time as they were.
    read_ns INTEGER NOT NULL,
    parser INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    spdx TEXT NOT NULL,
    licence TEXT NOT NULL,
    has_examples INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX document_examples ON document (id) WHERE has_examples;
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY,
    document INTEGER NOT NULL REFERENCES document ON DELETE CASCADE,
    first_byte INTEGER NOT NULL,
    end_byte INTEGER NOT NULL,
    first_line INTEGER NOT NULL,
    last_line INTEGER NOT NULL,
    heading TEXT NOT NULL,
    hash BLOB NOT NULL,
    cluster INTEGER REFERENCES cluster ON DELETE SET NULL
) STRICT;
CREATE INDEX chunk_document ON chunk (document);
CREATE INDEX chunk_cluster ON chunk (cluster);
CREATE INDEX chunk_hash ON chunk (hash);
CREATE TABLE entity (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE mention (
    chunk INTEGER NOT NULL REFERENCES chunk ON DELETE CASCADE,
    entity INTEGER NOT NULL REFERENCES entity,
    weight REAL NOT NULL,
    PRIMARY KEY (chunk, entity)
) STRICT, WITHOUT ROWID;
CREATE INDEX mention_entity ON mention (entity);
CREATE TABLE link (
    a INTEGER NOT NULL REFERENCES chunk ON DELETE CASCADE,
    b INTEGER NOT NULL REFERENCES chunk ON DELETE CASCADE,
    weight REAL NOT NULL,
    PRIMARY KEY (a, b)
) STRICT, WITHOUT ROWID;
CREATE INDEX link_b ON link (b);
-- AUTOINCREMENT: a number that was given out never means another cluster.
CREATE TABLE cluster (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    label TEXT NOT NULL,
    concepts TEXT NOT NULL,
    degree INTEGER NOT NULL
) STRICT;
CREATE TABLE dreamed (
    hash BLOB PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- `changed` counts changes of documents, `clustered` is the count that the clusters were made from.
CREATE TABLE knowledge_state (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    changed INTEGER NOT NULL,
    clustered INTEGER NOT NULL
) STRICT;
INSERT INTO knowledge_state VALUES (1, 0, 0);
";

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

/// The whole graph as it is read for clustering, chunks in the order of path and place.
#[derive(Debug, Default)]
pub struct GraphRows {
    /// Changes of documents when it was read.
    pub changed: i64,
    pub chunks: Vec<GraphChunk>,
    pub entities: HashMap<u32, String>,
}

#[derive(Debug)]
pub struct GraphChunk {
    pub id: i64,
    pub document: i64,
    pub mentions: Vec<(u32, f32)>,
}

#[derive(Debug)]
pub struct NewCluster {
    pub label: String,
    pub concepts: Vec<String>,
    pub degree: u64,
    pub chunks: Vec<i64>,
}

/// A cluster without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRow {
    pub id: i64,
    pub label: String,
    pub concepts: Vec<String>,
    pub degree: u64,
    pub dreamed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct KnowledgeCounts {
    pub total_nodes: u64,
    pub total_edges: u64,
    pub documents: u64,
    pub chunks: u64,
    pub clusters: u64,
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
        let mut connection = self.lock();
        connection.pragma_update(None, "secure_delete", "on")?;
        let removed = forget(&mut connection, below);
        connection.pragma_update(None, "secure_delete", "off")?;
        let removed = removed?;
        if !removed.is_empty() {
            // The log still holds the old pages; a reader in another process may delay this, never fail it.
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(removed)
    }

    /// True where documents changed since the clusters were made.
    pub fn clusters_are_stale(&self) -> Result<bool, StoreError> {
        let stale = self.lock().query_row(
            "SELECT changed <> clustered FROM knowledge_state",
            [],
            |row| row.get(0),
        )?;
        Ok(stale)
    }

    /// The graph for clustering. Forgets entities that nothing mentions any more.
    pub fn graph_rows(&self) -> Result<GraphRows, StoreError> {
        let mut connection = self.lock();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute(
            "DELETE FROM entity WHERE NOT EXISTS (SELECT 1 FROM mention WHERE entity = entity.id)",
            [],
        )?;
        let changed = tx.query_row("SELECT changed FROM knowledge_state", [], |row| row.get(0))?;
        let mut graph = GraphRows {
            changed,
            ..GraphRows::default()
        };
        {
            let mut query = tx.prepare(
                "SELECT chunk.id, chunk.document FROM chunk JOIN document ON document.id = chunk.document
                 ORDER BY document.path, chunk.first_byte",
            )?;
            let rows = query.query_map([], |row| {
                Ok(GraphChunk {
                    id: row.get(0)?,
                    document: row.get(1)?,
                    mentions: Vec::new(),
                })
            })?;
            graph.chunks = rows.collect::<Result<_, _>>()?;
            // By name, so that equal knowledge gives equal numbers whatever the history of the rows.
            let mut numbers: HashMap<i64, u32> = HashMap::new();
            let mut query = tx.prepare(
                "SELECT id, name FROM entity WHERE id IN
                 (SELECT entity FROM mention GROUP BY entity HAVING count(*) > 1) ORDER BY name",
            )?;
            let mut rows = query.query([])?;
            let mut next = 0_u32;
            while let Some(row) = rows.next()? {
                numbers.insert(row.get(0)?, next);
                graph.entities.insert(next, row.get(1)?);
                next += 1;
            }
            let mut query = tx.prepare("SELECT entity, weight FROM mention WHERE chunk = ?1")?;
            for chunk in &mut graph.chunks {
                let rows = query.query_map([chunk.id], |row| {
                    let weight: f64 = row.get(1)?;
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "weights are small; halves the memory"
                    )]
                    Ok((row.get::<_, i64>(0)?, weight as f32))
                })?;
                for mention in rows {
                    let (entity, weight) = mention?;
                    if let Some(&number) = numbers.get(&entity) {
                        chunk.mentions.push((number, weight));
                    }
                }
                chunk.mentions.sort_by_key(|&(entity, _)| entity);
            }
        }
        tx.commit()?;
        Ok(graph)
    }

    /// Replaces clusters and links; `false`, and nothing is written, where documents changed since the graph was read.
    pub fn replace_clusters(
        &self,
        changed: i64,
        links: &[(i64, i64, f64)],
        clusters: &[NewCluster],
    ) -> Result<bool, StoreError> {
        let mut connection = self.lock();
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let now: i64 = tx.query_row("SELECT changed FROM knowledge_state", [], |row| row.get(0))?;
        if now != changed {
            return Ok(false);
        }
        tx.execute("UPDATE chunk SET cluster = NULL", [])?;
        tx.execute("DELETE FROM cluster", [])?;
        tx.execute("DELETE FROM link", [])?;
        {
            let mut insert = tx.prepare("INSERT INTO link (a, b, weight) VALUES (?1, ?2, ?3)")?;
            for link in links {
                insert.execute(params![link.0, link.1, link.2])?;
            }
            let mut insert =
                tx.prepare("INSERT INTO cluster (label, concepts, degree) VALUES (?1, ?2, ?3)")?;
            let mut place = tx.prepare("UPDATE chunk SET cluster = ?2 WHERE id = ?1")?;
            for cluster in clusters {
                let concepts = serde_json::to_string(&cluster.concepts)
                    .map_err(|error| StoreError::Row(error.to_string()))?;
                let degree = i64::try_from(cluster.degree).unwrap_or(i64::MAX);
                insert.execute(params![cluster.label, concepts, degree])?;
                let id = tx.last_insert_rowid();
                for chunk in &cluster.chunks {
                    place.execute(params![chunk, id])?;
                }
            }
        }
        tx.execute("UPDATE knowledge_state SET clustered = changed", [])?;
        tx.commit()?;
        Ok(true)
    }

    pub fn knowledge_counts(&self) -> Result<KnowledgeCounts, StoreError> {
        let connection = self.lock();
        let count = |table: &str| -> Result<u64, StoreError> {
            let sql = format!("SELECT count(*) FROM {table}");
            let rows: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
            Ok(rows.unsigned_abs())
        };
        let chunks = count("chunk")?;
        Ok(KnowledgeCounts {
            total_nodes: chunks + count("entity")?,
            total_edges: count("mention")? + count("link")?,
            documents: count("document")?,
            chunks,
            clusters: count("cluster")?,
        })
    }

    /// Clusters in the order in which to dream of them: least dreamed first, then by degree.
    pub fn ranked_clusters(&self, count: usize) -> Result<Vec<ClusterRow>, StoreError> {
        let connection = self.lock();
        // The mean over the chunks, rounded: a new chunk in an old cluster does not make the cluster new.
        let mut query = connection.prepare(
            "SELECT cluster.id, label, concepts, degree, CAST(round(avg(coalesce(dreamed.count, 0))) AS INTEGER) AS dreams
             FROM cluster JOIN chunk ON chunk.cluster = cluster.id LEFT JOIN dreamed USING (hash)
             GROUP BY cluster.id ORDER BY dreams, degree DESC, cluster.id LIMIT ?1",
        )?;
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        let mut rows = query.query([limit])?;
        let mut clusters = Vec::new();
        while let Some(row) = rows.next()? {
            let concepts: String = row.get(2)?;
            clusters.push(ClusterRow {
                id: row.get(0)?,
                label: row.get(1)?,
                concepts: serde_json::from_str(&concepts)
                    .map_err(|error| StoreError::Row(error.to_string()))?,
                degree: row.get::<_, i64>(3)?.unsigned_abs(),
                dreamed: row.get::<_, i64>(4)?.unsigned_abs(),
            });
        }
        Ok(clusters)
    }

    /// Fragments of a cluster, those that mention most of `concepts` first, until `max_bytes` of text are reached.
    /// At least one, where the cluster has any.
    pub fn cluster_fragments(
        &self,
        cluster: i64,
        concepts: &[String],
        max_bytes: usize,
    ) -> Result<Vec<Fragment>, StoreError> {
        let connection = self.lock();
        let names =
            serde_json::to_string(concepts).map_err(|error| StoreError::Row(error.to_string()))?;
        // A chunk that shows an example says more than one that only mentions.
        let mut query = connection.prepare(
            "SELECT chunk.id, end_byte - first_byte,
                coalesce((SELECT sum(weight) FROM mention JOIN entity ON entity.id = mention.entity
                    WHERE mention.chunk = chunk.id AND name IN (SELECT value FROM json_each(?2))), 0) AS strength
             FROM chunk WHERE cluster = ?1 ORDER BY strength DESC, chunk.id",
        )?;
        let mut rows = query.query(params![cluster, names])?;
        let mut chosen = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let size = usize::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
            if !chosen.is_empty() && bytes + size > max_bytes {
                continue;
            }
            bytes += size;
            chosen.push(row.get::<_, i64>(0)?);
        }
        chosen
            .into_iter()
            .map(|chunk| fragment(&connection, chunk))
            .collect()
    }

    /// Document and cluster of every chunk, in the order of the text.
    pub fn chunk_places(&self) -> Result<Vec<(i64, Option<i64>)>, StoreError> {
        let connection = self.lock();
        let mut query = connection
            .prepare("SELECT document, cluster FROM chunk ORDER BY document, first_byte")?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds one dream to every chunk of the cluster; `false` where there is no such cluster (any more).
    pub fn mark_cluster_dreamed(&self, cluster: i64) -> Result<bool, StoreError> {
        let rows = self.lock().execute(
            "INSERT INTO dreamed (hash, count) SELECT DISTINCT hash, 1 FROM chunk WHERE cluster = ?1
             ON CONFLICT (hash) DO UPDATE SET count = count + 1",
            [cluster],
        )?;
        Ok(rows > 0)
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

fn fragment(connection: &Connection, chunk: i64) -> Result<Fragment, StoreError> {
    let found = connection
        .prepare_cached(
            "SELECT path, sha256, licence, kind, heading, first_line, last_line,
                substr(CAST(text AS BLOB), first_byte + 1, end_byte - first_byte)
             FROM chunk JOIN document ON document.id = document WHERE chunk.id = ?1",
        )?
        .query_row([chunk], |row| {
            let bytes: Vec<u8> = row.get(7)?;
            Ok(Fragment {
                id: chunk,
                source: Source {
                    path: row.get(0)?,
                    sha256: row.get(1)?,
                    licence: row.get(2)?,
                    lines: (row.get(5)?, row.get(6)?),
                },
                kind: kind(&row.get::<_, String>(3)?),
                heading: row.get(4)?,
                text: String::from_utf8_lossy(&bytes).into_owned(),
            })
        })?;
    Ok(found)
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

/// A kind that a later version wrote reads as prose: its text is still text.
fn kind(name: &str) -> FragmentKind {
    match name {
        "python" => FragmentKind::Python,
        "rust" => FragmentKind::Rust,
        _ => FragmentKind::Prose,
    }
}

fn to_i64(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
