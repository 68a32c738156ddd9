//! Experiences of earlier runs, from the database back into a window that can be drawn from. Called by `experience sample` and
//! by the replay between two dreams.

use std::time::Duration;

use jiff::Timestamp;

use super::event::{Event, EventId};
use super::line::Line;
use super::window::{Limits, Window};
use crate::store::{ExperienceQuery, ExperienceRow, Store, StoreError};

/// The window as the database has it: its newest events, and the row of each, in the same order.
///
/// # Errors
/// Where the database cannot be read. A row that is no event is left out.
pub fn recall(
    store: &Store,
    query: &ExperienceQuery,
    limits: Limits,
    now: Timestamp,
) -> Result<Window, StoreError> {
    let mut window = Window::new(limits);
    for row in store.experience(query)? {
        let Some(event) = event_of(&row) else {
            tracing::debug!(seq = row.seq, "a row of the experience is no event");
            continue;
        };
        let (id, at) = (EventId::of(&row.seq.to_string()), now);
        if let Ok(line) = Line::of(event, id, at) {
            window.push(&line, now);
        }
    }
    Ok(window)
}

/// The newest `most` events that the database keeps, of any age: they may be older than what a running stream holds in memory.
/// The other limits bound the window as usual.
///
/// # Errors
/// As [`recall`].
pub fn recall_newest(
    store: &Store,
    most: usize,
    limits: Limits,
    now: Timestamp,
) -> Result<Window, StoreError> {
    let query = ExperienceQuery {
        limit: most,
        ..ExperienceQuery::default()
    };
    let limits = Limits {
        age: Duration::MAX,
        ..limits
    };
    recall(store, &query, limits, now)
}

/// The event of a row.
#[must_use]
pub fn event_of(row: &ExperienceRow) -> Option<Event> {
    serde_json::from_str(&row.record).ok()
}

/// An event with all that it led to: what it said itself, and every event that names it as its cause.
///
/// # Errors
/// Where the database cannot be read.
pub fn with_effects(store: &Store, mut event: Event) -> Result<Event, StoreError> {
    if let Some(id) = event.event_id {
        for effect in store.experience_effects(&id.to_string())? {
            let effect = EventId::of(&effect);
            if !event.leads_to.contains(&effect) {
                event.leads_to.push(effect);
            }
        }
    }
    Ok(event)
}
