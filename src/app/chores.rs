//! What is done while nothing is to be dreamed: every topic's attempts gone over for its offline model, and the
//! database's room given back. Told to the supervisor by the composition root.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::learning::{LearningStore, SnapshotKey};
use crate::store::Store;
use crate::supervisor::{Chore, RunChore};

/// Sessions that a topic's model is made from: a month of nights, and some by day.
const SESSIONS: usize = 50;

/// With a connection of its own: whoever asks for counts meanwhile does not wait.
pub(super) fn runner(database: PathBuf) -> RunChore {
    std::sync::Arc::new(move |chore, stop| {
        let done = match chore {
            Chore::Replay => replay(&database, stop),
            Chore::Compact => compact(&database, stop),
        };
        done.map_err(|error| format!("{error:#}"))
    })
}

fn replay(database: &Path, stop: &CancellationToken) -> anyhow::Result<Option<String>> {
    let store = Store::open(database)?;
    let learning = LearningStore::new(&store);
    let view = learning.view(&SnapshotKey::Global)?;
    let topics: BTreeSet<String> = view.facts().iter().map(|fact| fact.topic.clone()).collect();
    let mut models = 0;
    for topic in &topics {
        if stop.is_cancelled() {
            return Ok(None);
        }
        let model = learning.run_offline_learning(topic, SESSIONS, clock::utc())?;
        models += u32::from(model.is_some());
    }
    Ok(Some(format!(
        "{} sessions of {} topics gone over, {models} offline models made",
        view.facts().len(),
        topics.len()
    )))
}

fn compact(database: &Path, stop: &CancellationToken) -> anyhow::Result<Option<String>> {
    let store = Store::open(database)?;
    let stop = stop.clone();
    let done = store.compact(move || stop.is_cancelled())?;
    Ok(done.map(|done| {
        let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        format!(
            "the database had {:.1} MB and has {:.1} MB",
            megabytes(done.before_bytes),
            megabytes(done.after_bytes)
        )
    }))
}
