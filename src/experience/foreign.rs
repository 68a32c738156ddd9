//! Events that come as plain JSON from somebody else: read leniently where the meaning is clear, refused with the name of
//! the key where it is not. Pure. Called by the stream's `write_event`.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::event::{Event, EventId, MAX_NAME_BYTES};

/// Why something is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    #[error("an event is a JSON object, this is {0}")]
    NoObject(&'static str),
    #[error("an event needs {0}")]
    Missing(&'static str),
    #[error("{key} of an event must be {expected}")]
    Wrong {
        key: &'static str,
        expected: &'static str,
    },
    #[error("{0} is longer than {MAX_NAME_BYTES} bytes")]
    LongName(&'static str),
}

impl TryFrom<Value> for Event {
    type Error = EventError;

    /// The original's keys. Unknown ones are kept in `metadata`, so that nothing is lost.
    fn try_from(value: Value) -> Result<Self, EventError> {
        let Value::Object(mut map) = value else {
            return Err(EventError::NoObject(kind(&value)));
        };
        let mut event = Self {
            event_id: text(&mut map, "event_id")?.map(|id| EventId::of(&id)),
            event_type: Cow::Owned(
                text(&mut map, "event_type")?.ok_or(EventError::Missing("event_type"))?,
            ),
            timestamp: time(&mut map)?,
            source_component: Cow::Owned(
                text(&mut map, "source_component")?
                    .ok_or(EventError::Missing("source_component"))?,
            ),
            source_id: text(&mut map, "source_id")?,
            data: map.shift_remove("data").unwrap_or(Value::Null),
            state: given(&mut map, "state"),
            action: given(&mut map, "action"),
            reward: number(&mut map, "reward")?,
            next_state: given(&mut map, "next_state"),
            done: truth(&mut map, "done")?,
            priority: number(&mut map, "priority")?,
            metadata: match given(&mut map, "metadata") {
                None => Map::new(),
                Some(Value::Object(metadata)) => metadata,
                Some(_) => return Err(wrong("metadata", "an object")),
            },
            caused_by: text(&mut map, "caused_by")?.map(|id| EventId::of(&id)),
            leads_to: ids(&mut map)?,
        };
        for (key, value) in map {
            event.metadata.entry(key).or_insert(value);
        }
        event.check()?;
        Ok(event)
    }
}

impl Event {
    /// What the stream asks of every event, whoever made it.
    pub(super) fn check(&self) -> Result<(), EventError> {
        let names = [
            ("event_type", &self.event_type),
            ("source_component", &self.source_component),
        ];
        for (key, name) in names {
            if name.is_empty() {
                return Err(EventError::Missing(key));
            }
            if name.len() > MAX_NAME_BYTES {
                return Err(EventError::LongName(key));
            }
        }
        let finite = |key, value: Option<f64>| match value {
            Some(value) if !value.is_finite() => Err(wrong(key, "a finite number")),
            _ => Ok(()),
        };
        finite("reward", self.reward)?;
        finite("priority", self.priority)
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn wrong(key: &'static str, expected: &'static str) -> EventError {
    EventError::Wrong { key, expected }
}

/// The value of a key, where there is one and it is not null.
fn given(map: &mut Map<String, Value>, key: &str) -> Option<Value> {
    map.shift_remove(key).filter(|value| !value.is_null())
}

fn text(map: &mut Map<String, Value>, key: &'static str) -> Result<Option<String>, EventError> {
    match given(map, key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(key, "a text")),
    }
}

fn number(map: &mut Map<String, Value>, key: &'static str) -> Result<Option<f64>, EventError> {
    let Some(value) = given(map, key) else {
        return Ok(None);
    };
    let number = value.as_f64().filter(|number| number.is_finite());
    number.map(Some).ok_or(wrong(key, "a finite number"))
}

fn truth(map: &mut Map<String, Value>, key: &'static str) -> Result<bool, EventError> {
    match given(map, key) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or(wrong(key, "true or false")),
    }
}

/// Seconds since 1970, or a date with time; one without a zone is UTC, as the original's were.
fn time(map: &mut Map<String, Value>) -> Result<Option<Timestamp>, EventError> {
    let expected = wrong("timestamp", "a date with time, or seconds since 1970");
    match given(map, "timestamp") {
        None => Ok(None),
        Some(Value::String(text)) => {
            let zoned = text.parse::<Timestamp>().ok();
            let naive = || {
                let civil: DateTime = text.parse().ok()?;
                Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
            };
            zoned.or_else(naive).map(Some).ok_or(expected)
        }
        Some(value) => {
            let seconds = value.as_f64().filter(|seconds| seconds.is_finite());
            let at = seconds.and_then(|seconds| {
                let since = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
                Timestamp::from_duration(since).ok()
            });
            at.map(Some).ok_or(expected)
        }
    }
}

fn ids(map: &mut Map<String, Value>) -> Result<Vec<EventId>, EventError> {
    let expected = || wrong("leads_to", "a list of texts");
    match given(map, "leads_to") {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => list
            .iter()
            .map(|id| id.as_str().map(EventId::of).ok_or_else(expected))
            .collect(),
        Some(_) => Err(expected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_of_the_originals_keys_is_taken_with_all_of_them() {
        let event = Event::try_from(json!({
            "event_id": "6f1c2a30-9a1e-4f7c-8f58-0d6f3a2b1c0d", "event_type": "action_executed",
            "timestamp": "2025-10-20T10:00:00", "source_component": "dna", "source_id": "d1", "data": {"k": 1},
            "state": {"s": 0}, "action": {"a": 1}, "reward": 1, "next_state": {"s": 1}, "done": true, "priority": 0.8,
            "metadata": {"m": 1}, "caused_by": "evt-0", "leads_to": ["evt-2", "evt-3"], "shard": 7
        }))
        .unwrap();
        assert_eq!(event.timestamp.unwrap().to_string(), "2025-10-20T10:00:00Z");
        assert_eq!(
            (event.reward, event.done, event.priority),
            (Some(1.0), true, Some(0.8))
        );
        assert_eq!(event.metadata["shard"], 7, "what is not known is kept");
        assert_eq!(
            (event.caused_by, event.leads_to.len()),
            (Some(EventId::of("evt-0")), 2)
        );
    }

    #[track_caller]
    fn refuses(value: Value, expected: &str) {
        let error = Event::try_from(value).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn what_is_no_event_is_refused_by_the_name_of_the_key() {
        refuses(json!([]), "a list");
        refuses(json!({"event_type": "x"}), "source_component");
        refuses(
            json!({"event_type": 1, "source_component": "x"}),
            "event_type",
        );
        refuses(
            json!({"event_type": "x", "source_component": "x", "reward": "1"}),
            "reward",
        );
        refuses(
            json!({"event_type": "x", "source_component": "x", "timestamp": "soon"}),
            "timestamp",
        );
        refuses(
            json!({"event_type": "x", "source_component": "x", "leads_to": [1]}),
            "leads_to",
        );
        refuses(
            json!({"event_type": "x".repeat(201), "source_component": "x"}),
            "longer",
        );
    }

    #[test]
    fn seconds_and_null_are_understood() {
        let event = Event::try_from(json!({
            "event_type": "x", "source_component": "y", "timestamp": 1_700_000_000.5, "reward": null, "state": null
        }))
        .unwrap();
        assert_eq!(event.timestamp.unwrap().as_millisecond(), 1_700_000_000_500);
        assert_eq!((event.reward, event.state), (None, None));
    }
}
