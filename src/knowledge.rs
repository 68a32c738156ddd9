//! Documents in, clusters out: what the owner's files say, cut into chunks, linked by what they mention, grouped by topic.
//! Called by the engine, the command line and the HTTP side; everything is synchronous, so async callers use a blocking task.
//!
//! It never runs what it reads, never follows a link out of a folder, and no file can make an ingestion fail.

mod chunk;
mod community;
mod entities;
mod graph;
mod html;
mod ingest;
mod licence;
mod markdown;
mod read;
mod rst;
mod source;
mod walk;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::dream::{Cluster, Document};
use crate::store::{Store, StoreError};

pub use crate::store::{ClusterRow, KnowledgeCounts as KnowledgeStats, RemovedDocument};
pub use ingest::{IngestReport, LeftOut, Progress};
pub use read::Refusal;

/// Text that a cluster carries, about four thousand tokens: more than any prompt takes, little enough to hold dozens.
const MAX_CLUSTER_BYTES: usize = 16_000;

#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    #[error("cannot ingest {path}")]
    Path {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the path {path:?} is not UTF-8 and cannot be ingested")]
    PathName { path: PathBuf },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The owner's documents and what they are about.
#[derive(Debug, Clone)]
pub struct Knowledge {
    store: Arc<Store>,
    excluded: Vec<PathBuf>,
}

impl Knowledge {
    #[must_use]
    pub fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            excluded: Vec::new(),
        }
    }

    /// Folders and files that are never ingested: what dreaming itself writes must not become what it dreams of.
    #[must_use]
    pub fn excluding(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let real = |path: PathBuf| path.canonicalize().unwrap_or(path);
        self.excluded.extend(paths.into_iter().map(real));
        self
    }

    /// Reads files and folders. What did not change is left alone; what vanished below a given folder is dropped.
    ///
    /// # Errors
    /// Where a given path does not exist or the database fails; never because of a file's content.
    pub fn ingest(
        &self,
        paths: &[PathBuf],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<IngestReport, KnowledgeError> {
        let mut report = ingest::run(&self.store, &self.excluded, paths, progress)?;
        progress(Progress::Clustering);
        community::refresh(&self.store)?;
        report.stats = self.stats()?;
        Ok(report)
    }

    pub fn stats(&self) -> Result<KnowledgeStats, KnowledgeError> {
        Ok(self.store.knowledge_counts()?)
    }

    /// The clusters to dream of next, with their text: never dreamed of before dreamed of, then by degree. The same
    /// answer until something changes.
    pub fn clusters(&self, count: usize) -> Result<Vec<Cluster>, KnowledgeError> {
        let rows = self.ranked(count)?.into_iter();
        rows.map(|row| self.with_text(row)).collect()
    }

    /// Every cluster in the same order, without its text.
    pub fn ranking(&self) -> Result<Vec<ClusterRow>, KnowledgeError> {
        self.ranked(usize::MAX)
    }

    fn ranked(&self, count: usize) -> Result<Vec<ClusterRow>, KnowledgeError> {
        // A change whose clustering was interrupted, or a removal by another process.
        community::refresh(&self.store)?;
        Ok(self.store.ranked_clusters(count)?)
    }

    /// A cluster of the ranking with its text, at most 16 kB of it; no text where the clusters were made anew since.
    pub fn with_text(&self, row: ClusterRow) -> Result<Cluster, KnowledgeError> {
        let fragments = self
            .store
            .cluster_fragments(row.id, &row.concepts, MAX_CLUSTER_BYTES)?;
        Ok(Cluster {
            id: row.id,
            label: row.label,
            concepts: row.concepts,
            fragments,
            degree: row.degree,
            dreamed: row.dreamed,
        })
    }

    /// Notes one dream of the cluster; `false` where it is no longer known. The count stays with the text, whatever
    /// clusters it forms later.
    pub fn mark_dreamed(&self, cluster: i64) -> Result<bool, KnowledgeError> {
        Ok(self.store.mark_cluster_dreamed(cluster)?)
    }

    /// The first document after `after` (0 to begin) that may hold doctests or asserts, with its id for the next call.
    pub fn next_document_with_examples(
        &self,
        after: i64,
    ) -> Result<Option<(i64, Document)>, KnowledgeError> {
        Ok(self.store.next_document_with_examples(after)?)
    }

    /// All documents that may hold examples, one in memory at a time.
    pub fn documents_with_examples(
        &self,
    ) -> impl Iterator<Item = Result<Document, KnowledgeError>> + '_ {
        let mut after = Some(0);
        std::iter::from_fn(move || match self.next_document_with_examples(after?) {
            Ok(Some((id, document))) => {
                after = Some(id);
                Some(Ok(document))
            }
            Ok(None) => {
                after = None;
                None
            }
            Err(error) => {
                after = None;
                Some(Err(error))
            }
        })
    }

    pub fn document(&self, id: i64) -> Result<Option<Document>, KnowledgeError> {
        Ok(self.store.document(id)?)
    }

    /// A path as documents are named, also where nothing stands there any more; `None` where no document can be.
    pub fn place(path: &Path) -> Result<Option<String>, KnowledgeError> {
        let path = walk::absolute(path).map_err(|source| KnowledgeError::Path {
            path: path.to_owned(),
            source,
        })?;
        Ok(path.into_os_string().into_string().ok())
    }

    /// Removes the documents at or below a path, which need not exist any more, with everything derived from them here, and
    /// returns them. What was dreamed of them is the journal's to forget.
    pub fn forget(&self, path: &Path) -> Result<Vec<RemovedDocument>, KnowledgeError> {
        let Some(name) = Self::place(path)? else {
            return Ok(Vec::new());
        };
        let removed = self.store.forget_documents(&name)?;
        community::refresh(&self.store)?;
        Ok(removed)
    }
}
