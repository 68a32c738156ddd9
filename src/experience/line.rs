//! An event as it travels inside the stream: written out once as one line of JSON, with what the window and the sinks
//! look at beside it. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;

use super::event::{Event, EventId};
use super::priority;

/// The longest line: a whole dream with its evidence fits ten times; what is longer belongs into a file.
pub(super) const MAX_LINE_BYTES: usize = 256 << 10;

/// Most lines are shorter.
const USUAL_LINE_BYTES: usize = 4 << 10;

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
    /// With type and component, what strata are told apart by.
    pub difficulty: Option<Box<str>>,
    pub library: Option<Box<str>>,
    pub reward: Option<f64>,
    pub priority: f64,
    pub done: bool,
    /// The whole event as JSON, without a line break.
    pub text: Box<str>,
}

impl Line {
    /// `id` and `at` are filled in where the event has none.
    ///
    /// # Errors
    /// Where it is too long, or no JSON can say it.
    pub fn of(event: Event, id: EventId, at: Timestamp) -> Result<Arc<Self>, LineError> {
        Self::written(event, id, at, &mut Vec::new())
    }

    /// As `of`, written out in `page` first: whoever has many lines to make brings the same page each time.
    pub(super) fn written(
        mut event: Event,
        id: EventId,
        at: Timestamp,
        page: &mut Vec<u8>,
    ) -> Result<Arc<Self>, LineError> {
        let json = |error: String| LineError::Json(error);
        let id = *event.event_id.get_or_insert(id);
        let at = *event.timestamp.get_or_insert(at);
        page.clear();
        serde_json::to_writer(&mut *page, &event).map_err(|error| json(error.to_string()))?;
        if page.len() > MAX_LINE_BYTES {
            let length = page.len();
            // One giant must not hold its room for ever.
            page.truncate(0);
            page.shrink_to(USUAL_LINE_BYTES);
            return Err(LineError::TooLong(length));
        }
        let text = std::str::from_utf8(page).map_err(|error| json(error.to_string()))?;
        Ok(Arc::new(Self {
            id,
            at,
            difficulty: event.word("difficulty").map(Box::from),
            library: event.library().map(Box::from),
            trajectory: event.trajectory().map(str::to_owned),
            caused_by: event.caused_by,
            reward: event.reward,
            priority: priority::of(&event),
            done: event.done,
            text: Box::from(text),
            event_type: event.event_type,
            source: event.source_component,
        }))
    }
}
