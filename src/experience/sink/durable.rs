//! The database: what must last. Each batch and the figures of all sinks go in with one transaction; old events leave for
//! archives.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;

use super::SinkError;
use crate::clock;
use crate::experience::accounts::Accounts;
use crate::experience::archive::{self, Archive};
use crate::experience::line::Line;
use crate::store::{ArchiveRow, NewExperience, Store, StoreError};

/// Its name among the sinks.
pub(in crate::experience) const NAME: &str = "sqlite";

/// When events leave the database for an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub age: Duration,
    pub bytes: u64,
}

impl Default for Retention {
    /// Ninety nights, or a quarter of a gigabyte.
    fn default() -> Self {
        Self {
            age: Duration::from_hours(90 * 24),
            bytes: 256 << 20,
        }
    }
}

/// Events of one archive at most: some ten megabytes before they are packed.
const ARCHIVE_EVENTS: usize = 50_000;
/// How many events pass between two looks for what is due.
const LOOK_EVERY: usize = 10_000;
/// How the name of an archive of ours begins.
const BEGINNING: &str = "experience-";
/// Beside the archives; whoever holds it archives.
const LOCK: &str = ".lock";

pub(in crate::experience) struct Durable {
    pub(in crate::experience) store: Arc<Store>,
    pub(in crate::experience) accounts: Arc<Accounts>,
    pub(in crate::experience) retention: Retention,
    pub(in crate::experience) archives: PathBuf,
    /// Events since the last look for what is due.
    pub(in crate::experience) unseen: usize,
}

impl Durable {
    pub(super) fn write(&mut self, batch: &[Arc<Line>]) -> Result<(), SinkError> {
        let rows: Vec<NewExperience<'_>> = batch
            .iter()
            .map(|line| NewExperience {
                id: line.id.to_string(),
                at: line.at,
                event_type: &line.event_type,
                source: &line.source,
                trajectory: line.trajectory.as_deref(),
                caused_by: line.caused_by.map(|id| id.to_string()),
                record: &line.text,
            })
            .collect();
        let kept = self.accounts.save_with(&rows);
        kept.map_err(|error| SinkError::Failed(error.to_string()))?;
        self.unseen += batch.len();
        if self.unseen >= LOOK_EVERY {
            self.unseen = 0;
            // The batch stands; what is old can wait for the next look.
            if let Err(error) = self.archive() {
                tracing::warn!(%error, "old experiences could not be archived");
            }
        }
        Ok(())
    }

    /// Moves what is due into archives. What a kill between file and row left is removed and written again.
    fn archive(&self) -> Result<(), ArchivingError> {
        archive_due(&self.store, &self.archives, self.retention, clock::utc()).map(|_| ())
    }
}

/// Why old events stay in the database.
#[derive(Debug, thiserror::Error)]
pub enum ArchivingError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("an archive cannot be written")]
    Io(#[from] std::io::Error),
    #[error("the archive {path} held {found} events instead of {wanted}; they stay in place")]
    Incomplete {
        path: PathBuf,
        found: u64,
        wanted: u64,
    },
}

/// Moves what is due into archives; how many events went. None while another process does the same.
pub fn archive_due(
    store: &Store,
    folder: &Path,
    retention: Retention,
    now: Timestamp,
) -> Result<usize, ArchivingError> {
    let before = now - jiff::SignedDuration::try_from(retention.age).unwrap_or_default();
    let aged = before..now;
    let oldest = store.experience_due(&aged, retention.bytes, 1)?;
    let Some(oldest) = oldest.first() else {
        return Ok(0);
    };
    fs::create_dir_all(folder)?;
    let lock = File::create(folder.join(LOCK))?;
    // One at a time: an archive of another process whose row is on its way would look like one that a kill left.
    let alone = match Flock::lock(lock, FlockArg::LockExclusiveNonblock) {
        Ok(held) => Some(held),
        Err((_, Errno::EWOULDBLOCK)) => return Ok(0),
        // A file system without locks: nobody can be sure, so nothing is removed.
        Err(_) => None,
    };
    if alone.is_some() {
        remove_orphans(store, folder, &oldest.record)?;
    }
    let mut gone = 0;
    loop {
        let due = store.experience_due(&aged, retention.bytes, ARCHIVE_EVENTS)?;
        let (Some(first), Some(last)) = (due.first(), due.last()) else {
            return Ok(gone);
        };
        let times: Vec<Timestamp> = due.iter().map(|row| time_of(&row.record)).collect();
        let file = format!(
            "{BEGINNING}{:012}-{:012}{}",
            first.seq,
            last.seq,
            archive::ENDING
        );
        let mut lines = String::new();
        for row in &due {
            lines.push_str(&row.record);
            lines.push('\n');
        }
        let made = archive::pack(&mut lines.as_bytes(), &folder.join(&file))?;
        whole(&made, due.len() as u64)?;
        let row = ArchiveRow {
            file,
            sha256: made.sha256,
            bytes: made.bytes,
            events: due.len() as u64,
            first: times.iter().min().copied().unwrap_or_default(),
            last: times.iter().max().copied().unwrap_or_default(),
        };
        store.experience_archived(&row, last.seq)?;
        gone += due.len();
    }
}

/// Removes archives that no row knows and that hold `oldest`, an event that is still in the database: with it lie all others
/// of the file there, because events leave only once the row stands. An archive of another database is left alone.
fn remove_orphans(store: &Store, folder: &Path, oldest: &str) -> Result<(), ArchivingError> {
    let rows = store.experience_archives()?.into_iter();
    let known: HashSet<String> = rows.map(|row| row.file).collect();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = name.starts_with(BEGINNING) && name.ends_with(archive::ENDING);
        if !ours || known.contains(&name) {
            continue;
        }
        let path = entry.path();
        let twice = archive::read(&path).is_ok_and(|text| text.lines().any(|line| line == oldest));
        if twice {
            tracing::info!(archive = %path.display(), "an archive without a row is written again");
            archive::remove(&path)?;
        }
    }
    Ok(())
}

/// Reads an archive again before its events leave the database; one that does not hold them all goes.
fn whole(made: &Archive, wanted: u64) -> Result<(), ArchivingError> {
    let found = archive::events(&made.path)?;
    if found == wanted {
        return Ok(());
    }
    archive::remove(&made.path)?;
    Err(ArchivingError::Incomplete {
        path: made.path.clone(),
        found,
        wanted,
    })
}

fn time_of(record: &str) -> Timestamp {
    let value: Option<Value> = serde_json::from_str(record).ok();
    let text = value.and_then(|value| Some(value.get("timestamp")?.as_str()?.to_owned()));
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_does_not_hold_every_event_is_no_archive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("experience-1-3.jsonl.gz");
        let pack = || archive::pack(&mut "{}\n{}\n".as_bytes(), &path).unwrap();
        whole(&pack(), 2).unwrap();
        assert!(path.exists());
        let short = whole(&pack(), 3).unwrap_err();
        let told = short.to_string();
        assert!(told.contains("2 events instead of 3"), "{told}");
        assert!(!path.exists(), "its events stay in one place");
    }
}
