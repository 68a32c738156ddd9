//! At every start: finishes or undoes what an earlier process left half done. Calls nothing but the store and the
//! shelf; never touches a file that is not one of ours by name and by row.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{JournalError, at};
use super::shelf::{self, Guard, Part, Publishing};
use super::{Dirs, lesson_of};
use crate::ids::DreamId;
use crate::store::{Store, Unfinished};

/// What a start found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Staged dreams that were completed.
    pub completed: Vec<DreamId>,
    /// Staged dreams that could not be completed and were removed, with the reason.
    pub dropped: Vec<(DreamId, String)>,
    /// Dreams whose `.json` a person removed.
    pub withdrawn: Vec<DreamId>,
    /// Reviews and removals that had begun and are now finished.
    pub finished: Vec<DreamId>,
    /// Our own temporary files that were left behind.
    pub temporaries: usize,
    /// Folders that are not there: an unmounted disk says nothing about the dreams on it.
    pub missing_folders: Vec<PathBuf>,
}

/// Brings rows and files together.
///
/// # Errors
/// Where the database or a folder cannot be read or written.
pub fn recover(store: &Store, dirs: &Dirs) -> Result<Recovery, JournalError> {
    let _guard = Guard::take(&dirs.data)?;
    let mut found = Recovery::default();
    for dream in store.unfinished_dreams()? {
        match dream {
            Unfinished::Staged(row) => {
                let id = row.record.dream_id.clone();
                let lesson = lesson_of(&row);
                match Publishing::resume(store, &row, &lesson).finish() {
                    Ok(()) => found.completed.push(id),
                    Err(JournalError::Store(error)) => return Err(error.into()),
                    Err(error) => found.dropped.push((id, chain(&error))),
                }
            }
            Unfinished::Rewrite(row) => {
                let id = row.record.dream_id.clone();
                // A person may have removed it since; then it is withdrawn below.
                if row.folder.join(Part::Record.name(&id)).exists() {
                    shelf::rewrite_record(&row)?;
                    found.finished.push(id.clone());
                }
                store.end_rewriting_dream(&id)?;
            }
            Unfinished::Remove(row) => {
                let id = row.record.dream_id.clone();
                shelf::remove_files(&row)?;
                store.withdraw_dream(&id)?;
                found.finished.push(id);
            }
        }
    }
    let mut places: BTreeMap<PathBuf, Vec<DreamId>> = BTreeMap::new();
    places.insert(dirs.output.clone(), Vec::new());
    for (dream, folder) in store.published_places()? {
        places.entry(folder).or_default().push(dream);
    }
    for (folder, dreams) in places {
        let Some(names) = names_in(&folder)? else {
            if !dreams.is_empty() {
                found.missing_folders.push(folder);
            }
            continue;
        };
        for dream in dreams {
            if !names.contains(&OsString::from(Part::Record.name(&dream))) {
                store.withdraw_dream(&dream)?;
                found.withdrawn.push(dream);
            }
        }
        for name in names.iter().filter_map(|name| name.to_str()) {
            if shelf::is_our_temporary(name) {
                shelf::remove(&folder.join(name))?;
                found.temporaries += 1;
            }
        }
    }
    Ok(found)
}

/// `None` where the folder is not there.
fn names_in(folder: &Path) -> Result<Option<BTreeSet<OsString>>, JournalError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(at("read the folder", folder))?,
    };
    entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<_, _>>()
        .map(Some)
        .map_err(at("read the folder", folder))
}

fn chain(error: &JournalError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
