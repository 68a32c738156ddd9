//! Finds the files below the given paths. Called by `ingest`. Never follows a symbolic link found on the way.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;

use super::KnowledgeError;

/// What stands below one given path.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) root: PathBuf,
    /// Regular files in a fixed order.
    pub(crate) files: Vec<PathBuf>,
    /// Places that could not be looked into; what is known of them is kept.
    pub(crate) unseen: Vec<PathBuf>,
}

/// Walks one path, which may be a file; what git ignores is ignored, and so is what is hidden.
pub(crate) fn walk(given: &Path, excluded: &[PathBuf]) -> Result<Found, KnowledgeError> {
    let root = given
        .canonicalize()
        .map_err(|source| KnowledgeError::Path {
            path: given.to_owned(),
            source,
        })?;
    if root.to_str().is_none() {
        return Err(KnowledgeError::PathName { path: root });
    }
    let mut files = BTreeSet::new();
    let mut unseen = Vec::new();
    let skipped = excluded.to_vec();
    let entries = WalkBuilder::new(&root)
        .follow_links(false)
        // A folder that was copied without its repository still means its .gitignore.
        .require_git(false)
        .filter_entry(move |entry| {
            !skipped.iter().any(|skip| entry.path().starts_with(skip))
                && entry.file_name() != OsStr::new("__pycache__")
        })
        .build();
    for entry in entries {
        match entry {
            Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => {
                files.insert(entry.into_path());
            }
            Ok(_) => {}
            Err(error) => unseen.extend(path_of(&error)),
        }
    }
    Ok(Found {
        root,
        files: files.into_iter().collect(),
        unseen,
    })
}

fn path_of(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path.clone()),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        _ => None,
    }
}

/// The path as ingestion names it, also where nothing stands there any more.
pub(crate) fn absolute(path: &Path) -> io::Result<PathBuf> {
    if let Ok(real) = path.canonicalize() {
        return Ok(real);
    }
    let mut plain = PathBuf::new();
    for part in std::path::absolute(path)?.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(part),
        }
    }
    // The folder above may still be there and be reached by a link.
    match (plain.parent().map(Path::canonicalize), plain.file_name()) {
        (Some(Ok(parent)), Some(name)) => Ok(parent.join(name)),
        _ => Ok(plain),
    }
}
