//! Takes what is remembered to the disk beside the event loop, which never waits for one: a wake must not come late because
//! a file is synced. One write at a time, the newest state last. Part of the event loop.

use std::io;
use std::time::Duration;

use tokio::task::JoinSet;

use super::Supervisor;
use super::memory::{Memory, Remembered};
use crate::energy::gate::Pause;

/// A sync takes some ten milliseconds. For a disk that does not answer the service's end waits no longer: of its five
/// seconds the session may need two and its closing one.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Default)]
pub(super) struct Saving {
    writing: JoinSet<io::Result<()>>,
    /// Something changed since the write that is under way began.
    again: bool,
}

impl Saving {
    /// Writes the memory as it is now, or once more when the write that is under way is over.
    fn begin(&mut self, memory: &Memory) {
        self.again = !self.writing.is_empty();
        if !self.again {
            let memory = memory.clone();
            self.writing.spawn_blocking(move || memory.write());
        }
    }

    /// How a write ended; `None` where none is under way.
    pub(super) async fn next(&mut self) -> Option<io::Result<()>> {
        let written = self.writing.join_next().await?;
        Some(written.unwrap_or_else(|error| Err(io::Error::other(error))))
    }
}

impl Supervisor {
    pub(super) fn pause(&mut self, length: Option<Duration>) {
        let now = (self.wall)().timestamp();
        // A length beyond the calendar is as good as no end.
        let until = length.and_then(|length| now.checked_add(length).ok());
        self.remember(|memory| memory.pause = Some(Pause { until }));
    }

    /// Holds from now on, and is written down when the disk has time for it.
    pub(super) fn remember(&mut self, change: impl FnOnce(&mut Remembered)) {
        if self.memory.change(change) {
            self.saving.begin(&self.memory);
        }
    }

    /// A write is over.
    pub(super) fn saved(&mut self, written: io::Result<()>) {
        if let Err(error) = written {
            tracing::warn!(%error, "the supervisor's memory cannot be written; it holds until the next start");
        }
        if self.saving.again {
            self.saving.begin(&self.memory);
        }
    }

    /// At the service's own end: returns once everything is written, or when that takes too long.
    pub(super) async fn save_rest(&mut self) {
        let rest = async {
            while let Some(written) = self.saving.next().await {
                self.saved(written);
            }
        };
        if tokio::time::timeout(PATIENCE, rest).await.is_err() {
            tracing::warn!("the disk does not answer; what was remembered last is lost");
        }
    }
}
