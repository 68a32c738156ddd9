//! What is done while nothing is to be dreamed: every topic's attempts gone over for its offline model, those first whose
//! experiences weigh most and are new since the last time, and the database's room given back. Told to the supervisor by
//! the composition root.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::experience::draw::Draw;
use crate::experience::{Ask, Event, Limits, Scope, Strategy, TRAJECTORY, recall_newest};
use crate::learning::{LearningStore, SnapshotKey};
use crate::store::Store;
use crate::supervisor::{Chore, RunChore};

/// Sessions that a topic's model is made from: a month of nights, and some by day.
const SESSIONS: usize = 50;
/// Newest experiences that are drawn from: some thousand tries, read in a tenth of a second.
const RECALLED: usize = 10_000;
/// Experiences that are drawn: those of dozens of tries, so that a heavy topic is hardly ever missed.
const DRAWN: usize = 256;

/// With a connection of its own: whoever asks for counts meanwhile does not wait.
pub(super) fn runner(database: PathBuf, limits: Limits) -> RunChore {
    std::sync::Arc::new(move |chore, stop| {
        let done = match chore {
            Chore::Replay => replay(&database, limits, stop),
            Chore::Compact => compact(&database, stop),
        };
        done.map_err(|error| format!("{error:#}"))
    })
}

fn replay(
    database: &Path,
    limits: Limits,
    stop: &CancellationToken,
) -> anyhow::Result<Option<String>> {
    let store = Store::open(database)?;
    let learning = LearningStore::new(&store);
    let view = learning.view(&SnapshotKey::Global)?;
    let topics: BTreeSet<String> = view.facts().iter().map(|fact| fact.topic.clone()).collect();
    let now = clock::utc();
    let mut draw = Draw::seeded(now.as_microsecond().unsigned_abs());
    let topics = in_order(&store, topics, limits, now, &mut draw)?;
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

/// The topics in the order in which they are gone over, because the next key may end a replay at any of them. Which come first
/// is drawn by priority among the newest experiences; of a topic whose model was made after them they weigh least, so that
/// the next replay looks elsewhere. The model's own time says so: nothing is lost with the process, and a topic that was
/// tried again comes up again. Topics that were not drawn follow by their names.
fn in_order(
    store: &Store,
    mut topics: BTreeSet<String>,
    limits: Limits,
    now: Timestamp,
    draw: &mut Draw,
) -> anyhow::Result<Vec<String>> {
    let mut window = recall_newest(store, RECALLED, limits, now)?;
    // As many facts as events: none of these tries is left out.
    let facts = store.facts(RECALLED)?.into_iter();
    let courses: HashMap<String, String> = facts
        .filter_map(|fact| Some((fact.trajectory?, fact.topic)))
        .collect();
    let models = LearningStore::new(store).offline_models()?.into_iter();
    let made: HashMap<String, i64> = models
        .map(|(topic, model)| (topic, model.updated_at))
        .collect();
    let looked_at = |seq: &u64| {
        let event: Option<Event> = window
            .text(*seq)
            .and_then(|text| serde_json::from_str(text).ok());
        event.is_some_and(|event| {
            let made = topic_of(&event, &courses).and_then(|topic| made.get(topic));
            let at = event.timestamp.map(Timestamp::as_second);
            made.zip(at).is_some_and(|(made, at)| at <= *made)
        })
    };
    let seen = window.range(Scope::Window).filter(looked_at);
    let seen: Vec<(u64, f64)> = seen.map(|seq| (seq, 0.0)).collect();
    window.update_priorities(&seen);
    let ask = Ask::new(Strategy::Prioritized, DRAWN).without_replacement();
    let mut order = Vec::new();
    for record in window.sample(&ask, draw).records() {
        let drawn = topic_of(&record.event, &courses);
        order.extend(drawn.and_then(|topic| topics.take(topic)));
    }
    order.extend(topics);
    Ok(order)
}

/// The topic of the try that an event belongs to; `None` where it left no fact.
fn topic_of<'a>(event: &Event, courses: &'a HashMap<String, String>) -> Option<&'a String> {
    courses.get(event.metadata.get(TRAJECTORY)?.as_str()?)
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

#[cfg(test)]
mod tests;
