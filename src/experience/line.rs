//! An event as it travels inside the stream: written out once as one line of JSON, with what the window and the sinks
//! look at beside it. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

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

/// Where lines are written out first. It keeps its room from line to line, and the last time in letters: what is moved
/// together has one time.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: Vec<u8>,
    time: Option<(Timestamp, String)>,
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
        Self::written(event, id, at, &mut Page::default())
    }

    /// As `of`, written out in `page` first: whoever has many lines to make brings the same page each time.
    pub(super) fn written(
        mut event: Event,
        id: EventId,
        at: Timestamp,
        page: &mut Page,
    ) -> Result<Arc<Self>, LineError> {
        let json = |error: String| LineError::Json(error);
        let id = *event.event_id.get_or_insert(id);
        let at = *event.timestamp.get_or_insert(at);
        write_out(&event, page).map_err(|error| json(error.to_string()))?;
        let page = &mut page.text;
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

/// The event as serde writes it, letter for letter. The keys and what is known to need no escape are copied as they are:
/// looked through letter by letter they are a third of the work of a line.
fn write_out(event: &Event, page: &mut Page) -> serde_json::Result<()> {
    let Event {
        event_id,
        event_type,
        timestamp,
        source_component,
        source_id,
        data,
        state,
        action,
        reward,
        next_state,
        done,
        priority,
        metadata,
        caused_by,
        leads_to,
    } = event;
    let Page { text: page, time } = page;
    page.clear();
    page.push(b'{');
    if let Some(id) = event_id {
        put(page, b"\"event_id\":\"");
        put(page, &id.digits());
        put(page, b"\",");
    }
    put(page, b"\"event_type\":");
    serde_json::to_writer(&mut *page, event_type)?;
    if let Some(at) = timestamp {
        // A timestamp holds nothing that JSON would escape.
        put(page, b",\"timestamp\":\"");
        let (last, text) = time.get_or_insert_with(|| (*at, at.to_string()));
        if last != at {
            (*last, *text) = (*at, at.to_string());
        }
        put(page, text.as_bytes());
        page.push(b'"');
    }
    put(page, b",\"source_component\":");
    serde_json::to_writer(&mut *page, source_component)?;
    field(page, b",\"source_id\":", source_id.as_ref())?;
    field(
        page,
        b",\"data\":",
        Some(data).filter(|data| !data.is_null()),
    )?;
    field(page, b",\"state\":", state.as_ref())?;
    field(page, b",\"action\":", action.as_ref())?;
    field(page, b",\"reward\":", reward.as_ref())?;
    field(page, b",\"next_state\":", next_state.as_ref())?;
    if *done {
        put(page, b",\"done\":true");
    }
    field(page, b",\"priority\":", priority.as_ref())?;
    field(
        page,
        b",\"metadata\":",
        Some(metadata).filter(|metadata| !metadata.is_empty()),
    )?;
    field(page, b",\"caused_by\":", caused_by.as_ref())?;
    field(
        page,
        b",\"leads_to\":",
        Some(leads_to).filter(|ids| !ids.is_empty()),
    )?;
    page.push(b'}');
    Ok(())
}

fn put(page: &mut Vec<u8>, text: &[u8]) {
    page.extend_from_slice(text);
}

fn field<T: Serialize>(
    page: &mut Vec<u8>,
    key: &[u8],
    value: Option<&T>,
) -> serde_json::Result<()> {
    let Some(value) = value else { return Ok(()) };
    put(page, key);
    serde_json::to_writer(page, value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experience::draw::Draw;
    use serde_json::{Value, json};

    /// A value of chance: names that need escapes among them.
    fn value(draw: &mut Draw) -> Value {
        match draw.below(7) {
            0 => Value::Null,
            1 => json!(draw.below(2) == 0),
            2 => json!(draw.bits()),
            3 => json!(draw.below(1000) as f64 / 7.0),
            4 => json!("line\nbreak \"quoted\" \u{1} żółć"),
            5 => json!([1, [], {}]),
            _ => json!({"a": {"b": [null, "c\\d"]}, "": 0}),
        }
    }

    #[test]
    fn a_line_is_what_serde_writes_letter_for_letter() {
        let mut draw = Draw::seeded(9);
        let mut page = Page::default();
        for case in 0..5_000 {
            let mut maybe =
                |of: &dyn Fn(&mut Draw) -> Value| (draw.below(2) == 0).then(|| of(&mut draw));
            let (state, action, next_state) = (maybe(&value), maybe(&value), maybe(&value));
            let data = maybe(&value).unwrap_or_default();
            let number =
                |draw: &mut Draw| (draw.below(2) == 0).then(|| draw.below(99) as f64 / 8.0);
            let mut event = Event {
                state,
                action,
                next_state,
                data,
                reward: number(&mut draw),
                priority: number(&mut draw),
                done: draw.below(2) == 0,
                source_id: (draw.below(2) == 0).then(|| "a\"b".to_owned()),
                ..Event::new(
                    ["x.y", "tab\there"][usize::try_from(case % 2).unwrap()],
                    "źródło",
                )
            };
            if draw.below(2) == 0 {
                event.event_id = Some(EventId::of(&case.to_string()));
                // Few times, so that one often follows itself.
                let nanoseconds = i128::from(draw.below(3) * 777_777_777_777_777_777) - (1 << 59);
                event.timestamp = Timestamp::from_nanosecond(nanoseconds).ok();
                event.metadata.insert("k\n".to_owned(), value(&mut draw));
                event.caused_by = Some(EventId::of("cause"));
                event.leads_to = vec![EventId::of("one"), EventId::of("two")];
            }
            write_out(&event, &mut page).unwrap();
            let ours = std::str::from_utf8(&page.text).unwrap();
            assert_eq!(ours, serde_json::to_string(&event).unwrap(), "case {case}");
        }
    }
}
