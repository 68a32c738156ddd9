//! The only writer of a dream's files. Publishing is a list of steps, each one system call or one transaction, so
//! that a test may stop after any of them; whatever it stops after, `recover` makes the dream whole or gone.
//!
//! ```text
//!  row staged → .py → test_.py → .json (each: temporary, written, synced, renamed) → folder synced → row published
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::error::{JournalError, at};
use super::files;
use crate::dream::{AttemptFact, Lesson};
use crate::ids::DreamId;
use crate::store::{DreamRow, Store};

/// One of the three files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Code,
    Test,
    Record,
}

impl Part {
    pub(super) fn name(self, dream: &DreamId) -> String {
        match self {
            Self::Code => files::code_file(dream),
            Self::Test => files::test_file(dream),
            Self::Record => files::record_file(dream),
        }
    }

    /// Hidden, and no Python file: neither pytest nor a glob over dreams sees a half-written one.
    fn temporary(self, dream: &DreamId) -> String {
        format!(".{}.tmp", self.name(dream))
    }

    fn text(self, row: &DreamRow) -> Result<String, JournalError> {
        Ok(match self {
            Self::Code => row.code_text.clone(),
            Self::Test => row.test_text.clone(),
            Self::Record => files::record_text(&row.record)?,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Stage,
    Create(Part),
    Write(Part),
    Sync(Part),
    Rename(Part),
    SyncFolder,
    Publish,
}

/// Publishing, in order. The record comes last: a dream exists exactly when its `.json` does.
pub(super) const STEPS: [Step; 15] = [
    Step::Stage,
    Step::Create(Part::Code),
    Step::Write(Part::Code),
    Step::Sync(Part::Code),
    Step::Rename(Part::Code),
    Step::Create(Part::Test),
    Step::Write(Part::Test),
    Step::Sync(Part::Test),
    Step::Rename(Part::Test),
    Step::Create(Part::Record),
    Step::Write(Part::Record),
    Step::Sync(Part::Record),
    Step::Rename(Part::Record),
    Step::SyncFolder,
    Step::Publish,
];

/// One dream on its way to the shelf.
pub(super) struct Publishing<'a> {
    store: &'a Store,
    row: &'a DreamRow,
    lesson: &'a Lesson,
    fact: Option<&'a AttemptFact>,
    open: Option<File>,
    done: usize,
}

impl<'a> Publishing<'a> {
    pub(super) fn new(store: &'a Store, row: &'a DreamRow, lesson: &'a Lesson) -> Self {
        Self {
            store,
            row,
            lesson,
            fact: None,
            open: None,
            done: 0,
        }
    }

    /// With what later nights learn of the dream.
    pub(super) fn teaching(self, fact: Option<&'a AttemptFact>) -> Self {
        Self { fact, ..self }
    }

    /// For a row that an earlier process staged: all files are written again, whatever of them is there.
    pub(super) fn resume(store: &'a Store, row: &'a DreamRow, lesson: &'a Lesson) -> Self {
        Self {
            done: 1,
            ..Self::new(store, row, lesson)
        }
    }

    /// Does the next step; `None` when all are done.
    pub(super) fn step(&mut self) -> Result<Option<Step>, JournalError> {
        let Some(step) = STEPS.get(self.done).copied() else {
            return Ok(None);
        };
        let dream = &self.row.record.dream_id;
        let folder = &self.row.folder;
        match step {
            Step::Stage => {
                // A folder that cannot be made must not leave a row.
                fs::create_dir_all(folder).map_err(at("create the folder", folder))?;
                self.store.stage_dream(self.row, self.fact)?;
            }
            Step::Create(part) => {
                let path = folder.join(part.temporary(dream));
                self.open = Some(create(&path)?);
            }
            Step::Write(part) => {
                let text = part.text(self.row)?;
                let path = folder.join(part.temporary(dream));
                if let Some(file) = &mut self.open {
                    file.write_all(text.as_bytes())
                        .map_err(at("write", &path))?;
                }
            }
            Step::Sync(part) => {
                let path = folder.join(part.temporary(dream));
                if let Some(file) = self.open.take() {
                    file.sync_all().map_err(at("sync", &path))?;
                }
            }
            Step::Rename(part) => rename(
                &folder.join(part.temporary(dream)),
                &folder.join(part.name(dream)),
            )?,
            Step::SyncFolder => sync_folder(folder)?,
            Step::Publish => {
                self.store.publish_dream(dream, self.lesson)?;
            }
        }
        self.done += 1;
        Ok(Some(step))
    }

    /// Does all that is left. Where a step fails nothing of the dream stays, neither files nor row; a failed sync is
    /// never tried again, since the kernel may have dropped what it could not write.
    pub(super) fn finish(mut self) -> Result<(), JournalError> {
        loop {
            match self.step() {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.open = None;
                    // The first error is the one to tell; what cannot be undone now is undone at the next start.
                    if remove_files(self.row).is_ok() {
                        let _ = self.store.drop_staged_dream(&self.row.record.dream_id);
                    }
                    return Err(error);
                }
            }
        }
    }
}

/// Writes the `.json` of a dream that stands once more, the same way.
pub(super) fn rewrite_record(row: &DreamRow) -> Result<(), JournalError> {
    let name = Part::Record.name(&row.record.dream_id);
    replace_file(&row.folder, &name, &files::record_text(&row.record)?)
}

/// Puts a whole file in place of another, or none of it.
pub(super) fn replace_file(folder: &Path, name: &str, text: &str) -> Result<(), JournalError> {
    let temporary = folder.join(format!(".{name}.tmp"));
    let written = create(&temporary).and_then(|mut file| {
        file.write_all(text.as_bytes())
            .map_err(at("write", &temporary))?;
        file.sync_all().map_err(at("sync", &temporary))?;
        rename(&temporary, &folder.join(name))
    });
    if written.is_err() {
        // Best effort: a start removes it otherwise.
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_folder(folder))
}

/// Removes a dream's files and what may be left of half-written ones: the commit mark first, then in the opposite
/// order of writing.
pub(super) fn remove_files(row: &DreamRow) -> Result<(), JournalError> {
    let dream = &row.record.dream_id;
    for part in [Part::Record, Part::Test, Part::Code] {
        for name in [part.name(dream), part.temporary(dream)] {
            remove(&row.folder.join(name))?;
        }
        if part == Part::Record {
            sync_folder_if_there(&row.folder)?;
        }
    }
    sync_folder_if_there(&row.folder)
}

/// True for a temporary file that this program left behind, by its name alone.
pub(super) fn is_our_temporary(name: &str) -> bool {
    let Some(name) = name.strip_prefix('.').and_then(|n| n.strip_suffix(".tmp")) else {
        return false;
    };
    let stem = match name.rsplit_once('.') {
        Some((stem, "py")) => stem.strip_prefix("test_").unwrap_or(stem),
        Some((stem, "json")) => stem,
        _ => return false,
    };
    stem.strip_prefix("dream_")
        .is_some_and(|id| id.len() == DREAM_ID_DIGITS && DreamId::parse(id).is_some())
}

/// A UUID without hyphens.
const DREAM_ID_DIGITS: usize = 32;

/// A fresh file that nobody else wrote to and that is no link to elsewhere.
fn create(path: &Path) -> Result<File, JournalError> {
    remove(path)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(at("create", path))
}

fn rename(from: &Path, to: &Path) -> Result<(), JournalError> {
    fs::rename(from, to).map_err(at("rename to", to))
}

/// Gone already is as good as removed.
pub(super) fn remove(path: &Path) -> Result<(), JournalError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes the renames in a folder last over a power loss.
pub(super) fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(at("sync the folder", folder))
}

fn sync_folder_if_there(folder: &Path) -> Result<(), JournalError> {
    if folder.is_dir() {
        sync_folder(folder)
    } else {
        Ok(())
    }
}

/// Held while files are written: two processes of one owner never publish or recover at the same time.
#[derive(Debug)]
pub(super) struct Guard {
    _file: File,
}

impl Guard {
    pub(super) fn take(data_dir: &Path) -> Result<Self, JournalError> {
        let path: PathBuf = data_dir.join("publish.lock");
        fs::create_dir_all(data_dir).map_err(at("create the folder", data_dir))?;
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(at("open", &path))?;
        file.lock().map_err(at("lock", &path))?;
        Ok(Self { _file: file })
    }
}
