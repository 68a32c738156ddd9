//! An event as it travels inside the stream: written out once as one line of JSON, with what the window and the sinks
//! look at beside it. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::event::{Event, EventId};
use super::priority;

/// The longest line: a whole dream with its evidence fits ten times; what is longer belongs into a file.
pub(super) const MAX_LINE_BYTES: usize = 256 << 10;

/// Why an event has no line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("an event of {0} bytes is longer than {MAX_LINE_BYTES}")]
    TooLong(usize),
    #[error("an event cannot be written as JSON: {0}")]
    Json(String),
}

#[derive(Debug, Clone)]
pub struct Line {
    pub id: EventId,
    pub at: Timestamp,
    pub event_type: Cow<'static, str>,
    pub source: Cow<'static, str>,
    pub trajectory: Option<String>,
    pub caused_by: Option<EventId>,
    /// What strata are made by: type, component, difficulty, library.
    pub stratum: String,
    pub reward: Option<f64>,
    pub priority: f64,
    pub done: bool,
    /// The whole event as JSON, without a line break.
    pub text: Box<str>,
}

impl Line {
    /// `id` and `at` are filled in where the event has none.
    pub fn of(mut event: Event, id: EventId, at: Timestamp) -> Result<Arc<Self>, LineError> {
        let id = *event.event_id.get_or_insert(id);
        let at = *event.timestamp.get_or_insert(at);
        let text =
            serde_json::to_string(&event).map_err(|error| LineError::Json(error.to_string()))?;
        if text.len() > MAX_LINE_BYTES {
            return Err(LineError::TooLong(text.len()));
        }
        let difficulty = event.word("difficulty").unwrap_or_default();
        let library = event.library().unwrap_or_default();
        let stratum = [
            &event.event_type,
            &event.source_component,
            difficulty,
            library,
        ]
        .join("\u{1f}");
        Ok(Arc::new(Self {
            id,
            at,
            stratum,
            trajectory: event.trajectory().map(str::to_owned),
            caused_by: event.caused_by,
            reward: event.reward,
            priority: priority::of(&event),
            done: event.done,
            event_type: event.event_type,
            source: event.source_component,
            text: text.into_boxed_str(),
        }))
    }
}
