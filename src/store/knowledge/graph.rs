//! The graph of chunks and entities, and the clusters made from it.

use std::collections::HashMap;

use rusqlite::{Connection, TransactionBehavior, params};

use super::kind;
use crate::dream::{Fragment, Source};
use crate::store::{Store, StoreError};

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
