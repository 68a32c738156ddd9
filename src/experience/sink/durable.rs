//! The database: what must last. Each batch and the figures of all sinks go in with one transaction; old events leave for
//! archives.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::SinkError;
use crate::clock;
use crate::experience::accounts::Accounts;
use crate::experience::archive;
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

    /// Moves what is due into archives. A kill between file and row writes the same file again.
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
}

/// Moves what is due into archives; how many events went.
pub fn archive_due(
    store: &Store,
    folder: &std::path::Path,
    retention: Retention,
    now: Timestamp,
) -> Result<usize, ArchivingError> {
    let before = now - jiff::SignedDuration::try_from(retention.age).unwrap_or_default();
    let mut gone = 0;
    loop {
        let due = store.experience_due(&(before..now), retention.bytes, ARCHIVE_EVENTS)?;
        let (Some(first), Some(last)) = (due.first(), due.last()) else {
            return Ok(gone);
        };
        let times: Vec<Timestamp> = due.iter().map(|row| time_of(&row.record)).collect();
        let file = format!(
            "experience-{:012}-{:012}{}",
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

fn time_of(record: &str) -> Timestamp {
    let value: Option<Value> = serde_json::from_str(record).ok();
    let text = value.and_then(|value| Some(value.get("timestamp")?.as_str()?.to_owned()));
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}
