//! What can go wrong between a verified dream and the shelf.

use std::path::{Path, PathBuf};

use crate::ids::DreamId;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// `doing` is what was tried, such as "write".
    #[error("cannot {doing} {path}")]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("a dream's record cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    #[error("there is no dream {0}")]
    NotFound(String),
    #[error("{count} or more begin with {prefix}; give more of it")]
    Ambiguous { prefix: String, count: usize },
    #[error("dream {0} was removed from its folder; it stays removed")]
    Withdrawn(DreamId),
}

/// Turns an IO error into one that names the file.
pub(super) fn at<'a>(
    doing: &'static str,
    path: &'a Path,
) -> impl FnOnce(std::io::Error) -> JournalError + 'a {
    move |source| JournalError::File {
        doing,
        path: path.to_owned(),
        source,
    }
}
