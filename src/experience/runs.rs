//! Which runs of the program are over: each holds a lock on a file of its own for as long as it lives, so that what a
//! killed one still held can be counted as lost. Called when a stream opens.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use uuid::Uuid;

/// This run, until it is dropped.
#[derive(Debug)]
pub(super) struct Run {
    name: String,
    folder: PathBuf,
    /// `None` where the folder takes no file: then this run looks as if it were over, which errs on the side of "lost".
    lock: Option<Flock<File>>,
}

impl Run {
    pub(super) fn begin(folder: &Path) -> Self {
        let name = Uuid::now_v7().simple().to_string();
        let folder = folder.join("runs");
        let lock = fs::create_dir_all(&folder)
            .and_then(|()| File::create(folder.join(&name)))
            .ok()
            .and_then(|file| Flock::lock(file, FlockArg::LockExclusiveNonblock).ok());
        Self { name, folder, lock }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether another run has ended; its mark is cleared away.
    pub(super) fn is_over(&self, name: &str) -> bool {
        if name == self.name {
            return false;
        }
        let mark = self.folder.join(name);
        let Ok(file) = File::open(&mark) else {
            return true;
        };
        let over = Flock::lock(file, FlockArg::LockExclusiveNonblock).is_ok();
        if over {
            drop(fs::remove_file(mark));
        }
        over
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.lock.take().is_some() {
            drop(fs::remove_file(self.folder.join(&self.name)));
        }
    }
}
