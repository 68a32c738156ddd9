//! What the supervisor must still know after a restart: the snooze, and what was already dreamed. One small file,
//! written as a whole. Called by the event loop, and by `pause` where no service runs.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::schedule::Marks;
use crate::energy::gate::Pause;

const FILE: &str = "supervisor.json";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Remembered {
    #[serde(default)]
    pub pause: Option<Pause>,
    #[serde(default)]
    pub marks: Marks,
    /// When the last session ended, whoever asked for it.
    #[serde(default)]
    pub session_ended: Option<Timestamp>,
    /// When what was learned was last gone over.
    #[serde(default)]
    pub replayed: Option<Timestamp>,
    /// When the database last gave its room back.
    #[serde(default)]
    pub compacted: Option<Timestamp>,
}

/// The file and what stands in it.
#[derive(Debug, Clone)]
pub struct Memory {
    path: PathBuf,
    now: Remembered,
}

impl Memory {
    /// What an earlier run wrote; a file that cannot be read counts as empty and says so in the log.
    #[must_use]
    pub fn load(data_dir: &Path) -> Self {
        let path = data_dir.join(FILE);
        let now = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(path = %path.display(), %error, "what the supervisor remembered cannot be read");
                Remembered::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Remembered::default(),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "what the supervisor remembered cannot be read");
                Remembered::default()
            }
        };
        Self { path, now }
    }

    #[must_use]
    pub fn get(&self) -> Remembered {
        self.now
    }

    /// Changes what is remembered; this process goes by it even where the disk refuses.
    ///
    /// # Errors
    /// Where the file cannot be written, with its path.
    pub fn update(&mut self, change: impl FnOnce(&mut Remembered)) -> io::Result<()> {
        if self.change(change) {
            self.write()
        } else {
            Ok(())
        }
    }

    /// As `update`, for who writes it later; false where it stays as it was.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Remembered)) -> bool {
        let before = self.now;
        change(&mut self.now);
        self.now != before
    }

    /// Waits for the disk.
    pub(super) fn write(&self) -> io::Result<()> {
        self.replace().map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
        })
    }

    fn replace(&self) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let temporary = self.path.with_extension("json.new");
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(&serde_json::to_vec_pretty(&self.now)?)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_survives_and_a_broken_file_counts_as_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut memory = Memory::load(folder.path());
        assert_eq!(memory.get(), Remembered::default());
        memory
            .update(|now| now.pause = Some(Pause { until: None }))
            .expect("it is written");
        let again = Memory::load(folder.path());
        assert_eq!(again.get().pause, Some(Pause { until: None }));
        std::fs::write(folder.path().join(FILE), "{").expect("it is written");
        assert_eq!(Memory::load(folder.path()).get(), Remembered::default());
    }
}
