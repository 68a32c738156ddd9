//! Documents, their chunks, what the chunks mention, and the clusters they form. Called by `knowledge` alone.
//!
//! A document's text is stored once; a chunk is a range of it. Two entities are related where one chunk mentions both:
//! the rows of `mention` are that relation, read from either side. How often a chunk was dreamed of is kept by the hash
//! of its text, so that it survives re-ingestion and new clusters.

mod documents;
mod graph;

pub use documents::{Change, KnownDocument, NewChunk, NewDocument, RemovedDocument};
pub use graph::{ClusterRow, GraphChunk, GraphRows, KnowledgeCounts, NewCluster};

use crate::dream::FragmentKind;

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

/// A kind that a later version wrote reads as prose: its text is still text.
fn kind(name: &str) -> FragmentKind {
    match name {
        "python" => FragmentKind::Python,
        "rust" => FragmentKind::Rust,
        _ => FragmentKind::Prose,
    }
}
